"""The slices in scope are made again and what differs is written: on literal frames, no lake."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import pytest
from engine.toy_jobs import INPUT_VERSION, toy, toy_job
from pyspark.sql import functions as F

from conftest import engine_of
from lakehouse.engine.derive import derive, desired_rows
from lakehouse.engine.scope import Scope
from lakehouse.io.delta_log import Span
from lakehouse.io.state import Account
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    LONG,
    STRING,
    Append,
    Dedupe,
    Field,
    LeftOut,
    ReplaceSlices,
    Scd2,
    SliceOf,
    Source,
    Trailing,
    Upsert,
    ValidAt,
)
from lakehouse.spec.changes import OPERATION
from lakehouse.spec.table import SCD2_COLUMNS

pytestmark = pytest.mark.spark
BASE = 3

TICKETS = toy(
    "bronze.tickets",
    *(("ticket_id", STRING), ("team", STRING), ("told_date", DATE), ("is_deleted", BOOLEAN)),
    inputs=(Source(name="tickets", doc="Toy.", fields=(Field("ticket_id"),)),),
    write=Append(),
    happened_on="told_date",
    day="told_date",
)
TEAMS = toy(
    "silver.teams",
    *(("team", STRING), ("city", STRING), ("effective_from", DATE), ("effective_to", DATE)),
    write=Upsert(keys=("team",)),
)
DAILY = ReplaceSlices(by=("told_date",), keys=("told_date",))
COUNTED = (("told_date", DATE), ("n", LONG))


def ticket_days(**more):
    """Tickets by day: each once, on its first day, and none told after the day of the run."""
    once = Dedupe(keys=("ticket_id",), order_by=("told_date asc",))
    given = {"inputs": (TICKETS,), "dedupe": once, "day": "told_date"}
    return toy("gold.ticket_days", *COUNTED, write=DAILY, **given | more)


def counted(tickets, run):
    return tickets.groupBy("told_date").agg(F.count(F.lit(1)).alias("n"))


def day(number):
    return date(2026, 1, number)


def ticket(identity, on, team="red", *, deleted=False):
    return (identity, team, day(on), deleted)


@dataclass
class Shelf:
    """A store of literal frames by noun; what is read and written is noted."""

    frames: dict
    reads: dict = field(default_factory=dict)
    created: list = field(default_factory=list)
    written: list = field(default_factory=list)

    def read(self, uri, version=None, span=None):
        noun = uri.rpartition("/")[2]
        self.reads[noun] = (version, span)
        return self.frames[noun]

    def create(self, uri, table):
        self.created.append(table.name)

    def append(self, rows, uri, metadata, n=None):
        found = rows.collect()
        self.written += [("insert", *row) for row in found]
        return len(found)

    def merge(self, staged, uri, table, metadata, *, span, n):
        changed = staged.select(OPERATION, *table.column_names)
        self.written += [tuple(row) for row in changed.collect()]


@pytest.fixture
def make_job(spark):
    """A job of a toy table over the rows of its inputs; `stored` are its own, None before any."""

    def make(table, transform, stored=None, **rows):
        contents = {each: rows[each.noun] for each in table.upstream} | {table: stored or []}
        shelf = Shelf(
            {
                each.noun: spark.createDataFrame(
                    told, ", ".join(f"{column.name} {column.type}" for column in each.columns)
                )
                for each, told in contents.items()
            }
        )
        engine = engine_of(table.name, spark, store=shelf)
        job = toy_job(table, transform, engine, base=None if stored is None else BASE)
        return job, shelf

    return make


@pytest.fixture
def touching(spark):
    """A scope of some days."""

    def scope(*days, name="told_date"):
        rows = [(None if number is None else day(number),) for number in days]
        return Scope("news", touched=spark.createDataFrame(rows, f"{name} date"))

    return scope


EVERYTHING = Scope("never published")
TOLD = [ticket("a", 1), ticket("b", 1), ticket("a", 2), ticket("c", 2), ticket("d", 10)]


def test_a_first_load_appends_every_row_and_accounts_for_its_input(make_job):
    job, shelf = make_job(ticket_days(), counted, tickets=TOLD)
    written = derive(job, EVERYTHING)
    assert shelf.created == ["gold.ticket_days"]
    assert sorted(shelf.written) == [("insert", day(1), 2), ("insert", day(2), 1)]
    assert (written.base, written.changed) == (None, {"insert": 2})
    assert written.account == Account(
        rows_in=5, rows_loaded=3, rows_deduplicated=1, rows_too_late=1
    )
    assert shelf.reads == {"tickets": (INPUT_VERSION, None)}


def test_everything_again_replaces_what_differs_and_deletes_what_is_gone(make_job):
    stored = [(day(1), 9), (day(2), 1), (day(5), 1)]
    job, shelf = make_job(ticket_days(), counted, stored, tickets=TOLD)
    written = derive(job, EVERYTHING)
    assert sorted(row[:2] for row in shelf.written) == [("delete", day(5)), ("update", day(1))]
    assert ("update", day(1), 2) in shelf.written
    assert (written.base, written.changed) == (BASE, {"update": 1, "delete": 1})
    assert shelf.created == []


def test_touched_slices_are_made_of_their_rows_and_others_stay_as_they_are(make_job, touching):
    told = [ticket("a", 1), ticket("b", 2), ticket("c", 4), ticket("d", 4), ticket("e", 6)]
    stored = [(day(1), 9), (day(3), 1), (day(4), 1), (day(6), 9)]
    job, shelf = make_job(ticket_days(), counted, stored, tickets=told)
    written = derive(job, touching(2, 3, 4, 4))
    assert sorted(row[:2] for row in shelf.written) == [
        *(("delete", day(3)), ("insert", day(2)), ("update", day(4))),
    ]
    assert written.account == Account(rows_in=3, rows_loaded=3)


def test_only_the_days_of_touched_slices_are_read(make_job, touching):
    # Of an input whose repeats may lie anywhere, all days are: here there are none.
    job, shelf = make_job(ticket_days(dedupe=None), counted, [], tickets=TOLD)
    derive(job, touching(4, 2))
    assert shelf.reads == {
        "tickets": (INPUT_VERSION, Span("told_date", day(2), day(4))),
        "ticket_days": (BASE, Span("told_date", day(2), day(4))),
    }


def test_what_is_stored_already_is_not_written_again(make_job, touching):
    for scope in (EVERYTHING, touching(1, 2)):
        job, shelf = make_job(ticket_days(), counted, [(day(1), 2), (day(2), 1)], tickets=TOLD)
        written = derive(job, scope)
        assert (written.version, written.base, written.changed) == (BASE, BASE, {})
        assert (shelf.written, written.account.rows_deduplicated) == ([], 1)


def test_no_touched_slice_makes_nothing(make_job, touching):
    job, shelf = make_job(ticket_days(), counted, [(day(1), 9)], tickets=TOLD)
    written = derive(job, touching())
    assert (written.changed, written.account, shelf.written) == ({}, Account(), [])


def test_a_repeat_in_a_slice_that_nothing_touched_decides_and_is_not_counted(make_job, touching):
    job, shelf = make_job(ticket_days(), counted, [(day(2), 9)], tickets=TOLD)
    written = derive(job, touching(2))
    assert shelf.written == [("update", day(2), 1)]  # `a` counts on day 1
    assert written.account == Account(rows_in=2, rows_loaded=1, rows_deduplicated=1)


def test_a_row_that_counts_in_several_slices_is_written_in_touched_ones_only(make_job, touching):
    window = SliceOf(name="until_date", column="told_date", window=Trailing(1))
    table = toy(
        "gold.ticket_pairs",
        *(("until_date", DATE), ("n", LONG)),
        inputs=(TICKETS,),
        write=ReplaceSlices(by=("until_date",), keys=("until_date",), of=(window,)),
        day="until_date",
    )

    def in_two_days(tickets, run):
        until = F.explode(F.expr(Trailing(1).touches("told_date")))
        counts = tickets.select(until.alias("until_date")).groupBy("until_date")
        return counts.agg(F.count(F.lit(1)).alias("n"))

    told = [ticket("a", 1), ticket("b", 2), ticket("c", 3), ticket("d", 4)]
    job, shelf = make_job(table, in_two_days, [(day(2), 9), (day(3), 9)], tickets=told)
    written = derive(job, touching(3, name="until_date"))
    assert shelf.written == [("update", day(3), 2)]
    assert written.account == Account(rows_in=2, rows_loaded=2)
    assert shelf.reads["tickets"] == (INPUT_VERSION, Span("told_date", day(2), day(3)))
    assert shelf.reads["ticket_pairs"] == (BASE, Span("until_date", day(3), day(3)))


def test_of_a_history_only_the_keys_of_touched_slices_are_met(make_job, spark):
    table = toy(
        "gold.ticket_cities",
        *(("team", STRING), ("told_date", DATE), ("n", LONG), ("n_known", LONG)),
        inputs=(TICKETS, TEAMS),
        write=ReplaceSlices(by=("team", "told_date"), keys=("team", "told_date")),
        valid_at=(ValidAt(table=TEAMS, on=("team",), at="told_date"),),
    )

    def with_teams_met(tickets, teams, run):
        n_known = teams.agg(F.count(F.lit(1)).alias("n_known"))
        grouped = tickets.groupBy("team", "told_date").agg(F.count(F.lit(1)).alias("n"))
        return grouped.crossJoin(n_known)

    job, shelf = make_job(
        table,
        with_teams_met,
        [],
        tickets=[ticket("a", 1), ticket("b", 2), ticket("c", 1, "blue"), ticket("d", 1, None)],
        teams=[(team, "Bern", day(1), day(9)) for team in ("red", "blue", "red", None)],
    )
    slices = [("red", day(1)), ("red", day(3)), (None, day(1))]
    touched = spark.createDataFrame(slices, "team string, told_date date")
    derive(job, Scope("news", touched=touched))
    # Two intervals of the red and the one of nobody; null is a key like any other.
    assert sorted(shelf.written, key=repr) == [
        ("insert", "red", day(1), 1, 3),
        ("insert", None, day(1), 1, 3),
    ]


def test_an_input_that_does_not_know_the_slices_is_read_as_a_whole(make_job, touching):
    def with_all_teams(tickets, teams, run):
        return tickets.crossJoin(teams).groupBy("told_date").agg(F.count(F.lit(1)).alias("n"))

    table = ticket_days(inputs=(TICKETS, TEAMS), dedupe=None)
    teams = [(team, "Bern", day(8), day(9)) for team in ("red", "blue")]
    job, shelf = make_job(table, with_all_teams, [], tickets=TOLD, teams=teams)
    derive(job, touching(1))
    assert shelf.written == [("insert", day(1), 4)]
    assert shelf.reads["teams"] == (INPUT_VERSION, None)


def test_changes_of_a_history_become_intervals_of_touched_keys(make_job, spark):
    table = toy(
        "silver.ticket_teams",
        *(("ticket_id", STRING), ("team", STRING)),
        *((column.name, column.type) for column in SCD2_COLUMNS),
        inputs=(TICKETS,),
        write=Scd2(keys=("ticket_id",), tracked=("team",), sequence_by="told_date"),
    )

    def as_changes(tickets, run):
        return tickets

    told = [ticket("a", 1), ticket("a", 2), ticket("a", 3, "blue"), ticket("a", 5, deleted=True)]
    job, shelf = make_job(table, as_changes, [], tickets=[*told, ticket("b", 1)])
    touched = spark.createDataFrame([("a",)], "ticket_id string")
    written = derive(job, Scope("news", touched=touched))
    assert sorted(row[:-1] for row in shelf.written) == [
        ("insert", "a", "blue", day(3), day(5), False),
        ("insert", "a", "red", day(1), day(3), False),
    ]
    assert written.account == Account(rows_in=4, rows_loaded=4)


def test_a_rebuild_is_of_everything_and_writes_nothing(make_job):
    job, shelf = make_job(ticket_days(), counted, [(day(1), 9)], tickets=TOLD)
    rebuilt = desired_rows(job).collect()
    assert sorted(tuple(row) for row in rebuilt) == [(day(1), 2), (day(2), 1)]
    assert (shelf.reads, shelf.written) == ({"tickets": (INPUT_VERSION, None)}, [])


def test_rows_that_the_declaration_leaves_out_are_counted_and_not_seen(make_job):
    seen = []

    def counted_of(tickets, run):
        seen.extend(sorted(row["ticket_id"] for row in tickets.collect()))
        return counted(tickets, run)

    blue = LeftOut(where="team = 'blue'", reason="tickets of the other team")
    told = [ticket("a", 1), ticket("b", 1, "blue"), ticket("b", 2), ticket("d", 10)]
    job, _ = make_job(ticket_days(left_out=blue), counted_of, tickets=told)
    written = derive(job, EVERYTHING)
    assert written.account == Account(
        rows_in=4, rows_loaded=1, rows_deduplicated=1, rows_too_late=1, rows_left_out=1
    )
    assert seen == ["a"]
