"""A plan that serves again says what its function would have said."""

from __future__ import annotations

import pytest
from sqlframe.duckdb import functions as F

from lakehouse.engines.duckdb.frames import Frames
from lakehouse.engines.duckdb.plans import MOST, Plan, Plans
from lakehouse.settings import load_settings

CALLS: list[object] = []


@pytest.fixture
def frames(monkeypatch):
    CALLS.clear()
    monkeypatch.setattr("lakehouse.engines.duckdb.frames._plans", Plans())
    made = Frames(load_settings())
    yield made
    made.close()


def rows_of(frames, *values, kind="bigint"):
    listed = ", ".join(f"({value})" for value in values)
    return frames.of_sql(f"SELECT n::{kind} AS n FROM (VALUES {listed}) AS t(n)", {"n": kind})


def found(rows):
    return sorted(tuple(row) for row in rows.collect())


def _paired(about, left, right):
    """By several steps, so that some of them are written ones."""
    CALLS.append(about)
    for _ in range(6):
        left = left.withColumn("n", F.col("n") + about)
    if right is None:
        return left
    return left.alias("l").join(right.alias("r"), "n").groupBy("n").agg(F.count("*").alias("m"))


def test_it_is_made_once_and_says_what_it_is_given(frames):
    one = frames.planned(_paired, (rows_of(frames, 1, 2), rows_of(frames, 7, 7)), 1)
    other = frames.planned(_paired, (rows_of(frames, 5), rows_of(frames, 11, 12)), 1)
    assert CALLS == [1]
    assert found(one) == [(7, 2)]
    assert found(other) == [(11, 1)]
    assert one.columns == other.columns == ["n", "m"]
    directly = _paired(1, rows_of(frames, 5), rows_of(frames, 11, 12))
    assert found(directly) == found(other)


def test_what_it_is_about_and_the_columns_of_what_it_is_given_make_it_another(frames):
    given = (rows_of(frames, 1), rows_of(frames, 7, 13))
    assert found(frames.planned(_paired, given, 1)) == [(7, 1)]
    assert found(frames.planned(_paired, given, 2)) == [(13, 1)]
    doubles = rows_of(frames, 1.5, kind="double")
    assert found(frames.planned(_paired, (doubles, None), 1)) == [(7.5,)]
    assert found(frames.planned(_paired, (rows_of(frames, 1), None), 1)) == [(7,)]
    assert CALLS == [1, 2, 1, 1]


def test_results_of_one_plan_do_not_mix_in_a_query(frames):
    first, second = (
        frames.planned(_paired, (rows_of(frames, n), rows_of(frames, n + 6)), 1) for n in (1, 100)
    )
    assert found(first.unionByName(second)) == [(7, 1), (106, 1)]
    assert found(first.unionByName(first)) == [(7, 1), (7, 1)]
    crossed = first.select("n").crossJoin(second.withColumnRenamed("n", "k").select("k"))
    assert found(crossed) == [(7, 106)]
    again = frames.planned(_paired, (first.select("n"), second.select("n")), 0)
    assert found(again) == []
    assert CALLS == [1, 0]


def test_one_that_is_made_of_results_of_itself_says_so_of_each(frames):
    rows = rows_of(frames, 1)
    for _ in range(3):
        rows = frames.planned(_paired, (rows, None), 1)
    assert found(rows) == [(19,)]
    assert CALLS == [1]


def test_rows_that_were_kept_are_given_like_others(frames):
    for value in (1, 2):
        kept = frames.kept(rows_of(frames, value))
        assert found(frames.planned(_paired, (kept, None), 1)) == [(value + 6,)]
    assert CALLS == [1]


@pytest.mark.parametrize("keep", [False, True])
def test_rows_that_it_was_not_given_are_refused(frames, keep):
    """They would be those of the first time for ever."""
    other = rows_of(frames, 7)
    captured = frames.kept(other) if keep else other

    def joined(_about, rows):
        return rows.join(captured, "n")

    with pytest.raises(ValueError, match="was not given"):
        frames.planned(joined, (rows_of(frames, 7),), None)


def test_a_function_that_fails_leaves_no_plan(frames):
    def failing(about, rows):
        CALLS.append(about)
        return rows.select("lacking") if len(CALLS) == 1 else rows

    with pytest.raises(Exception, match="lacking"):
        frames.planned(failing, (rows_of(frames, 1),), 1).collect()
    assert found(frames.planned(failing, (rows_of(frames, 1),), 1)) == [(1,)]


def test_those_that_were_used_last_are_kept():
    plans, plan = Plans(), Plan(((" ",),), {})
    for number in range(MOST + 1):
        plans.of(number, lambda: plan)
        plans.of(0, lambda: plan)

    def never():
        raise AssertionError

    assert plans.of(0, never) is plan
    assert plans.of(MOST, never) is plan
    with pytest.raises(AssertionError):
        plans.of(1, never)


def test_rows_that_are_computed_once_are_the_same_wherever_a_query_reads_them(frames):
    by_chance = rows_of(frames, *range(50)).withColumn("r", F.rand())
    once = frames.once(by_chance)
    assert once.unionByName(once).select("r").distinct().count() == 50
    assert by_chance.unionByName(by_chance).select("r").distinct().count() == 100
