"""Which rows of an input touched slices are made of: on literal frames."""

from __future__ import annotations

from datetime import date

import pytest

from lakehouse.engine.scope import (
    IS_TOUCHED,
    has_repeats_across_slices,
    is_sliced,
    may_lack_repeats,
    rows_of_slices,
    with_repeats_elsewhere,
)
from lakehouse.spec import (
    DATE,
    STRING,
    Append,
    Column,
    Dedupe,
    Field,
    Latest,
    Period,
    ReplaceSlices,
    SliceOf,
    Source,
    Table,
    Trailing,
    not_empty,
)

pytestmark = pytest.mark.spark
TICKETS = Table(
    name="bronze.tickets",
    owner="tests",
    domain="tests",
    inputs=(Source(name="tickets", doc="Tickets.", fields=(Field("ticket_id"),)),),
    columns=(Column("ticket_id", STRING, "Ticket."), Column("opened_date", DATE, "Day.")),
    write=Append(),
    ensures=(not_empty(),),
)


def marts(window=None, *, column="opened_date", among=""):
    """Tickets by a day of another name; a ticket counts once, on whatever day it is told."""
    return Table(
        name="gold.tickets",
        owner="tests",
        domain="tests",
        inputs=(TICKETS,),
        columns=(Column("ticket_date", DATE, "Day."),),
        write=ReplaceSlices(
            by=("ticket_date",),
            keys=("ticket_date",),
            of=(SliceOf(name="ticket_date", column=column, window=window),),
        ),
        dedupe=Dedupe(keys=("ticket_id",), order_by=("opened_date asc",), among=among),
        ensures=(not_empty(),),
    )


def day(number):
    return date(2026, 1, number)


@pytest.fixture
def tickets(spark):
    def frame(*told):
        rows = [(identity, None if on is None else day(on)) for identity, on in told]
        return spark.createDataFrame(rows, "ticket_id string, opened_date date")

    return frame


@pytest.fixture
def touched(spark):
    def frame(*days):
        rows = [(None if on is None else day(on),) for on in days]
        return spark.createDataFrame(rows, "ticket_date date")

    return frame


def told(rows, *names):
    return sorted((tuple(row[name] for name in names) for row in rows.collect()), key=repr)


def test_a_slice_of_another_name_finds_its_rows(tickets, touched):
    rows = tickets(("a", 1), ("b", 2), ("c", None))
    found = rows_of_slices(rows, TICKETS, touched(2, None), marts())
    assert told(found, "ticket_id") == [("b",), ("c",)]
    others = rows_of_slices(rows, TICKETS, touched(2, None), marts(), how="left_anti")
    assert told(others, "ticket_id") == [("a",)]


@pytest.mark.parametrize(
    ("window", "slice_day", "found"),
    [(Trailing(2), 5, "345"), (Period("week"), 5, "567")],
    ids=["the days before it", "the days of the week"],
)
def test_a_window_is_made_of_its_days(tickets, touched, window, slice_day, found):
    rows = tickets(*((str(n), n) for n in range(1, 8)))
    made_of = rows_of_slices(rows, TICKETS, touched(slice_day), marts(window))
    assert [identity for (identity,) in told(made_of, "ticket_id")] == list(found)


def test_repeats_on_days_that_nothing_touched_are_met_and_told_apart(tickets, touched):
    everything = tickets(("a", 1), ("a", 2), ("b", 2), ("c", 3))
    inside = rows_of_slices(everything, TICKETS, touched(2), marts())
    found = with_repeats_elsewhere(inside, everything, touched(2), marts())
    assert told(found, "ticket_id", "opened_date", IS_TOUCHED) == [
        ("a", day(1), False),
        ("a", day(2), True),
        ("b", day(2), True),
    ]


def test_only_rows_that_may_be_repeats_are_looked_up(tickets, touched):
    everything = tickets(("a", 1), ("a", 2), ("b", 1), ("b", 2))
    table = marts(among="ticket_id = 'b'")
    inside = rows_of_slices(everything, TICKETS, touched(2), table)
    found = with_repeats_elsewhere(inside, everything, touched(2), table)
    assert told(found, "ticket_id", "opened_date", IS_TOUCHED) == [
        ("a", day(2), True),
        ("b", day(1), False),
        ("b", day(2), True),
    ]


def test_what_follows_from_a_row_and_what_runs_across_slices():
    assert is_sliced(marts(), TICKETS)
    assert has_repeats_across_slices(marts())
    assert not is_sliced(marts(column="closed_date"), TICKETS)


def single(by=("opened_date", "ticket_id"), others=(), **more):
    """Tickets once each, a slice of a ticket and day unless told otherwise."""
    return Table(
        name="silver.tickets",
        owner="tests",
        domain="tests",
        inputs=(TICKETS, *others),
        columns=TICKETS.columns,
        write=ReplaceSlices(by=by, keys=("opened_date", "ticket_id")),
        dedupe=Dedupe(keys=("ticket_id",), order_by=("opened_date asc",)),
        ensures=(not_empty(),),
        **more,
    )


def test_where_changes_touch_every_slice_of_a_key_no_repeat_lies_elsewhere():
    assert not may_lack_repeats(single())
    assert may_lack_repeats(single(by=("opened_date",)))
    # Another input, or a day that begins, touches a slice and none of the key's others.
    assert may_lack_repeats(single(others=(marts(),)))
    assert may_lack_repeats(single(as_of=Latest(TICKETS, "opened_date")))
