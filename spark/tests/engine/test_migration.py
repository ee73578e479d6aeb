"""Columns added, dropped, renamed or retyped: what is stored follows, and no row is lost."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime

import pytest
from pyspark.sql import functions as F

from lakehouse.catalog.registry import Entry, Registry
from lakehouse.engine import plan
from lakehouse.engine.job import new_request
from lakehouse.engine.migration import migration_of, pending
from lakehouse.errors import MigrationNeededError, OutputQualityError, TableDefinitionError
from lakehouse.io import delta_log
from lakehouse.spec import (
    DATE,
    DOUBLE,
    LONG,
    STRING,
    TIMESTAMP,
    Append,
    Column,
    Field,
    Source,
    Table,
    Upsert,
    at_most_rejected,
    not_null,
    satisfies,
    unique,
)

TICKETS, OWNERS = "bronze.tickets", "silver.owners"
SPARK = pytest.mark.spark


@dataclass(frozen=True)
class Shape:
    """How the two tables are declared.

    Attributes:
        fields: Landed fields, each a column of bronze of the same name and type.
        formerly: Old names of some.
        hours: Name and type of silver's figure.
        limit: Hours that the output gate of silver accepts.
    """

    fields: tuple[Field, ...]
    formerly: dict[str, str] | None = None
    hours: tuple[str, str] = ("hours", LONG)
    limit: int = 100


FIRST = Shape(
    (
        Field("ticket_id", required=True),
        Field("owner", required=True),
        Field("opened_at", TIMESTAMP),
        Field("due", DATE),
        Field("hours", LONG),
    )
)
TEAM = Field("team")


def tables(shape: Shape) -> Registry:
    """Tickets as they land, and the hours of each owner."""
    formerly = shape.formerly or {}
    landed = tuple(
        Column(f.name, f.type, f.name, nullable=not f.required, formerly=formerly.get(f.name))
        for f in shape.fields
    )
    told = Column("ingestion_timestamp", TIMESTAMP, "When.", compared=False)
    bronze = Table(
        name=TICKETS,
        owner="tests",
        domain="tests",
        inputs=(Source(name="tickets", doc="Tickets.", fields=shape.fields),),
        columns=(*landed, told),
        write=Append(),
        ensures=(unique("_row_id"), at_most_rejected(0.5)),
    )
    name, kind = shape.hours
    silver = Table(
        name=OWNERS,
        owner="tests",
        domain="tests",
        inputs=(bronze,),
        columns=(Column("owner", STRING, "Who.", nullable=False), Column(name, kind, "Hours.")),
        write=Upsert(keys=("owner",)),
        ensures=(
            not_null("owner"),
            satisfies("few_hours", f"{name} <= {shape.limit}", f"{name}: not many."),
        ),
    )

    def owners(tickets, _run):
        hours = "hours" if "hours" in tickets.columns else "effort"
        return tickets.groupBy("owner").agg(F.sum(hours).cast(kind).alias(name))

    def stamped(landed, run):
        return landed.withColumn("ingestion_timestamp", F.lit(run.started_at))

    code = str(hash(repr(shape)))
    return Registry(
        {
            TICKETS: Entry(bronze, stamped, "Tickets.", code),
            OWNERS: Entry(silver, owners, "Owners.", code),
        }
    )


def ticket(identity: str, hours: object = 1, **more: object) -> dict[str, object]:
    told = {"opened_at": "2026-01-05T10:00:00.123456Z", "due": "2026-02-01"}
    return {"ticket_id": identity, "owner": "ann", "hours": hours, **told, **more}


ARCHIVED = [
    ticket("a", 1, team="blue", note='two\nlines and a "\\"'),
    ticket("b", 2, due=None),
    ticket("c", 3, opened_at=None, more={"x": [1, {"y": None}]}),
]
PRESENT = [ticket("d", 4, team="red"), ticket("e", 5)]


def land(lake, *, archive):
    first = lake.land("tickets/1.jsonl", ARCHIVED)
    lake.land("tickets/2.jsonl", PRESENT)
    lake.run()
    if archive:
        first.unlink()


def migrate(lake, *names):
    chosen = plan.select(lake.registry, names)
    with lake.open() as opened:
        due = [each.table.name for each in pending(opened, chosen)]
        outcomes = opened.run(due, new_request(migrate=True))
    return {each.table: each for each in outcomes}


def contents(lake, table):
    """Rows without the time of their ingestion, keys in order; what nobody declared as it means."""
    names = sorted(set(lake.registry[table].table.column_names) - {"ingestion_timestamp"})
    rows = lake.rows(table, *names, technical=True)
    for row in rows:
        extra = json.loads(row.get("_extra") or "{}")
        kept = {name: value for name, value in extra.items() if value is not None}
        if moment := kept.get("opened_at"):
            kept["opened_at"] = datetime.fromisoformat(moment)
        row["_extra"] = kept
    return rows


def columns(lake, table):
    return delta_log.columns(lake.settings.table_uri(table), lake.version(table))


CHANGES = {
    "a field is added": Shape((*FIRST.fields, TEAM)),
    "a field is dropped": Shape(FIRST.fields[:3] + FIRST.fields[4:]),
    "a field is renamed": Shape(
        (*FIRST.fields[:-1], Field("effort", LONG, also=("hours",))), formerly={"effort": "hours"}
    ),
    "a field has another type": Shape((*FIRST.fields[:-1], Field("hours", DOUBLE))),
    "a field is required that always was there": Shape(
        (*FIRST.fields[:-1], Field("hours", LONG, required=True))
    ),
    "one is added, one dropped, one retyped": Shape(
        (*FIRST.fields[:2], TEAM, Field("due", DATE), Field("hours", DOUBLE))
    ),
}


@SPARK
@pytest.mark.parametrize("change", CHANGES)
def test_a_migrated_table_is_what_the_new_declaration_makes_of_all_files(make_lake, change):
    old = make_lake("old", tables(FIRST))
    land(old, archive=True)
    lake = replace(old, registry=tables(CHANGES[change]))
    refused = lake.try_run()[TICKETS]
    assert isinstance(refused.error, MigrationNeededError)
    assert refused.exit_code == 78

    assert migrate(lake)[TICKETS].error is None
    lake.run()
    fresh = make_lake("fresh", tables(CHANGES[change]))
    land(fresh, archive=False)
    assert contents(lake, TICKETS) == contents(fresh, TICKETS)
    assert contents(lake, OWNERS) == contents(fresh, OWNERS)
    assert columns(lake, TICKETS) == columns(fresh, TICKETS)
    assert not migrate(lake), "nothing is left to do"
    assert {each.outcome for each in lake.run().values()} == {"unchanged"}


@SPARK
def test_rows_that_stay_what_they_are_keep_the_time_of_their_ingestion(make_lake):
    old = make_lake("old", tables(FIRST))
    land(old, archive=True)
    before = old.rows(TICKETS, "ticket_id", "ingestion_timestamp")
    shape = replace(FIRST, fields=(*FIRST.fields[:-1], Field("hours", LONG, required=True)))
    lake = replace(old, registry=tables(shape))
    migrate(lake)
    assert lake.rows(TICKETS, "ticket_id", "ingestion_timestamp") == before


@SPARK
def test_a_nullable_column_is_added_without_touching_a_file(make_lake):
    old = make_lake("old", tables(FIRST))
    land(old, archive=True)
    files = {path.name for path in (old.raw.parent / "bronze" / "tickets").glob("*.parquet")}
    lake = replace(old, registry=tables(Shape((*FIRST.fields, Field("grade", LONG)))))
    outcome = migrate(lake)[TICKETS]
    assert (outcome.error, outcome.changed) == (None, {})
    uri = lake.settings.table_uri(TICKETS)
    assert {
        path.name for path in (old.raw.parent / "bronze" / "tickets").glob("*.parquet")
    } == files
    assert columns(lake, TICKETS)["grade"] == ("bigint", True)
    assert [row["grade"] for row in lake.rows(TICKETS)] == [None] * 5
    assert delta_log.latest_version(uri) == lake.version(TICKETS)
    # What lands afterwards lies in files that have the column, beside those that have not.
    lake.land("tickets/3.jsonl", [ticket("f", 6, grade=9)])
    assert lake.run()[TICKETS].account.rows_loaded == 1
    assert sorted(str(row["grade"]) for row in lake.rows(TICKETS)) == ["9", *["None"] * 5]
    assert contents(lake, OWNERS) == [{"_extra": {}, "hours": 21, "owner": "ann"}]


@SPARK
def test_a_value_that_is_none_of_the_new_type_goes_to_quarantine(make_lake):
    old = make_lake("old", tables(FIRST))
    land(old, archive=True)
    retyped = (*FIRST.fields[:1], Field("owner", LONG), *FIRST.fields[2:])
    lake = replace(old, registry=tables(Shape(retyped)))
    error = migrate(lake)[TICKETS].error
    assert isinstance(error, OutputQualityError), "all are rejected, more than the gate accepts"
    assert replace(lake, registry=tables(FIRST)).rows(TICKETS, "ticket_id") == [
        {"ticket_id": row["ticket_id"]} for row in old.rows(TICKETS)
    ]
    assert columns(old, TICKETS)["owner"] == ("string", False)


@SPARK
def test_a_red_gate_leaves_the_table_as_readers_know_it(make_lake):
    old = make_lake("old", tables(FIRST))
    land(old, archive=True)
    before, version = old.rows(OWNERS), old.version(OWNERS)
    lake = replace(old, registry=tables(replace(FIRST, hours=("total_hours", LONG), limit=1)))
    assert isinstance(migrate(lake, OWNERS)[OWNERS].error, OutputQualityError)
    assert (old.rows(OWNERS), old.version(OWNERS)) == (before, version)
    good = replace(lake, registry=tables(replace(FIRST, hours=("total_hours", LONG))))
    assert migrate(good, OWNERS)[OWNERS].error is None
    assert good.rows(OWNERS) == [{"owner": "ann", "total_hours": 15}]


@SPARK
def test_other_tables_are_not_harmed(make_lake):
    old = make_lake("old", tables(FIRST))
    land(old, archive=False)
    lake = replace(old, registry=tables(replace(FIRST, hours=("total_hours", LONG))))
    lake.land("tickets/3.jsonl", [ticket("f", 6)])
    outcomes = lake.try_run()
    assert (outcomes[TICKETS].error, outcomes[OWNERS].exit_code) == (None, 78)
    assert len(lake.rows(TICKETS)) == 6
    assert old.rows(OWNERS) == [{"owner": "ann", "hours": 15}]
    with lake.open() as opened:
        steps = {each["table"]: each for each in plan.preview(opened, [OWNERS], new_request())}
    assert steps[OWNERS]["action"] == "fail"


STORED = {"owner": ("string", False), "hours": ("bigint", True)}
STEPS = {
    "nothing": (("hours", LONG, True, None), [], None),
    "a new column": (
        ("team", STRING, True, None),
        [("team", "added, string"), ("hours", "dropped")],
        False,
    ),
    "another name": (("effort", LONG, True, "hours"), [("effort", "renamed from hours")], False),
    "another name and type": (
        ("effort", DOUBLE, True, "hours"),
        [("effort", "renamed from hours"), ("effort", "bigint becomes double")],
        False,
    ),
    "a former name that nothing has": (("hours", LONG, True, "effort"), [], None),
    "null is not legal any more": (
        ("hours", LONG, False, None),
        [("hours", "bigint becomes bigint not null")],
        False,
    ),
}


@pytest.mark.parametrize("case", STEPS)
def test_steps(case):
    (name, kind, nullable, formerly), steps, in_place = STEPS[case]
    table = tables(FIRST)[OWNERS].table
    second = Column(name, kind, "Hours.", nullable=nullable, formerly=formerly)
    found = migration_of(
        replace(table, columns=(table.columns[0], second), ensures=ENSURES), STORED
    )
    assert (found.steps if found else []) == steps
    assert (found.in_place if found else None) == in_place


ENSURES = (not_null("owner"),)


def test_only_nullable_columns_are_added_in_place():
    table = tables(FIRST)[OWNERS].table
    for nullable in (True, False):
        more = Column("team", STRING, "Team.", nullable=nullable)
        found = migration_of(replace(table, columns=(*table.columns, more)), STORED)
        assert found is not None
        assert found.in_place is nullable


def test_a_former_name_that_is_declared_too_is_refused():
    table = tables(FIRST)[OWNERS].table
    more = Column("team", STRING, "Team.", formerly="hours")
    with pytest.raises(TableDefinitionError, match="formerly hours"):
        replace(table, columns=(*table.columns, more))
