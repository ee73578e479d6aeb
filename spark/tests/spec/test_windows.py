"""Windows of slices: a row counts in exactly the slices that are made of its day."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import depth
from lakehouse.spec import Around, MonthAfter, Period, SliceOf, Trailing
from lakehouse.spec.windows import week_start

days = st.dates(date(2019, 12, 1), date(2028, 3, 31))
windows = st.one_of(
    st.builds(Trailing, st.integers(0, 60)),
    st.builds(Around, st.integers(0, 3)),
    st.builds(MonthAfter, st.integers(0, 95)),
    st.builds(Period, st.sampled_from(["week", "month"]), st.integers(0, 3)),
)


@pytest.fixture(scope="module")
def evaluate():
    db = duckdb.connect()

    def value(sql, **named):
        (column, day), *_ = named.items()
        asked = f"SELECT {sql} FROM (SELECT DATE '{day}' AS {column})"
        (query,) = sqlglot.transpile(asked, read="spark", write="duckdb")
        return set(db.execute(query).fetchall()[0][0])

    return value


@settings(max_examples=depth(30, 100), deadline=None)  # a busy machine is no fault
@given(window=windows, day=days)
def test_a_day_counts_in_the_slices_that_are_made_of_it(evaluate, window, day):
    slices = evaluate(window.touches("day"), day=day)
    assert slices
    for each in slices:
        assert day in evaluate(window.needs("slice"), slice=each)


@settings(max_examples=depth(30, 100), deadline=None)  # a busy machine is no fault
@given(window=windows, day=days)
def test_a_slice_is_made_of_days_that_count_in_it(evaluate, window, day):
    for each in evaluate(window.touches("day"), day=day):
        made_of = evaluate(window.needs("slice"), slice=each)
        for other in (min(made_of), max(made_of)):
            assert each in evaluate(window.touches("day"), day=other)
        for beyond in (min(made_of) - timedelta(1), max(made_of) + timedelta(1)):
            assert each not in evaluate(window.touches("day"), day=beyond)


@pytest.mark.parametrize(
    ("window", "day", "slices"),
    [
        (Trailing(2), "2026-02-27", ["2026-02-27", "2026-02-28", "2026-03-01"]),
        (Around(1), "2026-03-01", ["2026-02-28", "2026-03-01", "2026-03-02"]),
        (Period("week"), "2026-01-01", ["2025-12-29"]),
        (Period("week", before=1), "2026-01-04", ["2025-12-29", "2026-01-05"]),
        (Period("month", before=1), "2025-12-31", ["2025-12-01", "2026-01-01"]),
        (MonthAfter(1), "2026-01-30", ["2026-01-01"]),
        (MonthAfter(1), "2026-01-31", ["2026-01-01", "2026-02-01"]),
        (MonthAfter(31), "2026-01-29", ["2026-01-01", "2026-02-01", "2026-03-01"]),
    ],
    ids=[
        *("trailing", "around", "week over New Year", "week and its growth"),
        *("month and its growth", "month alone", "month and the next", "month and two later"),
    ],
)
def test_slices_of_a_day(evaluate, window, day, slices):
    found = evaluate(window.touches("day"), day=date.fromisoformat(day))
    assert found == {date.fromisoformat(each) for each in slices}


def test_a_growing_month_is_made_of_two(evaluate):
    made_of = evaluate(Period("month", before=1).needs("slice"), slice=date(2026, 3, 1))
    assert (min(made_of), max(made_of), len(made_of)) == (date(2026, 2, 1), date(2026, 3, 31), 59)


def test_a_month_with_a_lead_is_made_of_both(evaluate):
    made_of = evaluate(MonthAfter(92).needs("slice"), slice=date(2026, 3, 1))
    assert (min(made_of), max(made_of)) == (date(2025, 11, 29), date(2026, 3, 31))
    assert len(made_of) == 92 + 31


def test_without_a_window_a_slice_is_a_day_of_its_own():
    plain = SliceOf(name="day", column="at")
    assert (plain.touches, plain.needs) == ("", "")


def test_a_week_of_sundays_is_made_of_seven_days_and_so_is_its_growth(evaluate, choose):
    choose("WEEK_STARTS_ON", "sunday")
    week = Period("week", before=1)
    touched = {day: evaluate(week.touches("day"), day=date(2026, 1, day)) for day in (3, 4, 10)}
    assert touched == {
        3: {date(2025, 12, 28), date(2026, 1, 4)},
        4: {date(2026, 1, 4), date(2026, 1, 11)},
        10: {date(2026, 1, 4), date(2026, 1, 11)},
    }
    made_of = evaluate(week.needs("slice"), slice=date(2026, 1, 11))
    assert (min(made_of), max(made_of)) == (date(2026, 1, 4), date(2026, 1, 17))
    assert [week_start(date(2026, 1, day)) for day in (3, 4, 10)] == [
        date(2025, 12, 28),
        date(2026, 1, 4),
        date(2026, 1, 4),
    ]
