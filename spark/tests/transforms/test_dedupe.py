"""What becomes of each row of an input."""

from __future__ import annotations

import random
from datetime import date

import pytest

from lakehouse.spec import Dedupe, LeftOut
from lakehouse.transforms.dedupe import with_fates

pytestmark = [pytest.mark.spark, pytest.mark.spark_too]

ROWS = [
    # id, key, day, rank
    (1, "a", "2026-01-01", 5),
    (2, "a", "2026-01-02", 9),
    (3, "a", "2026-01-03", None),
    (4, "a", "2026-02-01", 99),
    (5, None, "2026-01-01", 1),
    (6, None, "2026-01-01", 1),
    (7, "b", None, 1),
    (8, "c", "2026-02-02", 1),
    (9, "c", "2026-02-03", 2),
]


def fates(spark, *, dedupe=None, happened_on="", never_late="", left_out=None, seed=0):
    rows = [(i, key, date.fromisoformat(day) if day else None, n) for i, key, day, n in ROWS]
    random.Random(seed).shuffle(rows)
    frame = spark.createDataFrame(rows, "id int, key string, day date, n int")
    found = with_fates(
        frame,
        dedupe=dedupe,
        happened_on=happened_on,
        never_late=never_late,
        as_of=date(2026, 1, 31),
        left_out=left_out,
    )
    return {row["id"]: row["_fate"] for row in found.collect()}


def test_without_a_rule_every_row_is_loaded(spark):
    assert set(fates(spark).values()) == {"loaded"}


@pytest.mark.parametrize("seed", [1, 2], ids=["one_order", "another_order"])
def test_the_best_row_of_a_key_is_loaded_among_those_in_time(spark, seed):
    best = Dedupe(keys=("key",), order_by=("n desc", "id asc"))
    assert fates(spark, dedupe=best, happened_on="day", seed=seed) == {
        1: "deduplicated",
        2: "loaded",
        3: "deduplicated",  # null is never the best
        4: "too_late",  # and does not win over the rows in time
        5: "loaded",  # null is a key
        6: "deduplicated",
        7: "loaded",  # no date: not too late
        8: "too_late",
        9: "too_late",  # conservation: a row has one fate
    }


def test_what_is_never_late_counts_whenever_it_is_dated(spark):
    found = fates(spark, happened_on="day", never_late="key = 'c' AND n = 1")
    assert [row for row, fate in found.items() if fate == "too_late"] == [4, 9]


def test_keys_and_orders_may_be_expressions(spark):
    rule = Dedupe(keys=("coalesce(key, 'a')",), order_by=("abs(n - 6)", "id desc"))
    found = fates(spark, dedupe=rule)
    assert sorted(row for row, fate in found.items() if fate == "loaded") == [1, 7, 9]


def test_rows_that_cannot_be_repeats_stand_for_themselves(spark):
    best = Dedupe(keys=("key",), order_by=("n desc", "id asc"), among="n > 1")
    assert fates(spark, dedupe=best, happened_on="day") == {
        1: "deduplicated",
        2: "loaded",
        3: "loaded",  # null is not among them
        4: "too_late",
        5: "loaded",
        6: "loaded",
        7: "loaded",
        8: "too_late",
        9: "too_late",
    }


def test_of_the_rows_that_would_be_loaded_some_do_not_count(spark):
    best = Dedupe(keys=("key",), order_by=("n desc", "id asc"))
    odd = LeftOut(where="n % 2 = 1", reason="odd ones")
    assert fates(spark, dedupe=best, happened_on="day", left_out=odd) == {
        1: "deduplicated",
        2: "left_out",
        3: "deduplicated",
        4: "too_late",
        5: "left_out",
        6: "deduplicated",
        7: "left_out",
        8: "too_late",
        9: "too_late",
    }
    assert fates(spark, left_out=LeftOut(where="n > 1", reason="some"))[3] == "loaded"  # null
