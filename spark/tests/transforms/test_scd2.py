"""Changes → intervals, against a model in plain Python."""

from __future__ import annotations

import random
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse.spec import Scd2
from lakehouse.transforms.scd2 import intervals, record_hash

pytestmark = [pytest.mark.spark, pytest.mark.spark_too]

WRITE = Scd2(keys=("k",), tracked=("a", "b"), sequence_by="on")
CHANGES = "k int, on date, a string, b boolean, is_deleted boolean"
OPEN = date(9999, 12, 31)
FIRST = date(2026, 1, 1)

change = st.tuples(
    st.sampled_from([None, "", "x", "y"]), st.sampled_from([None, True, False]), st.booleans()
)
# Days of change, at most one each; few days and few values make repeats and deletes common.
history = st.dictionaries(st.integers(0, 12), change, max_size=8)


def model(changes):
    """One key: {day: (a, b, is_deleted)} → [(a, b, from, to, is_current)]."""
    found, state, since = [], None, None
    for day in sorted(changes):
        a, b, is_deleted = changes[day]
        new = None if is_deleted else (a, b)
        if new == state:
            continue
        if state is not None:
            found.append((*state, since, day))
        state, since = new, day
    if state is not None:
        found.append((*state, since, None))
    return [
        (a, b, on(begin), OPEN if end is None else on(end), end is None)
        for a, b, begin, end in found
    ]


def on(day):
    return FIRST + timedelta(days=day)


def built(spark, histories, *, seed=0, partitions=1):
    """Intervals by key, from rows in a random order over some partitions."""
    rows = [
        (k, on(day), *values)
        for k, changes in enumerate(histories)
        for day, values in changes.items()
    ]
    random.Random(seed).shuffle(rows)
    frame = spark.createDataFrame(rows, CHANGES).repartition(partitions)
    found = {k: [] for k in range(len(histories))}
    for row in intervals(frame, WRITE).orderBy("k", "effective_from").collect():
        found[row["k"]].append(
            (row["a"], row["b"], row["effective_from"], row["effective_to"], row["is_current"])
        )
    return [found[k] for k in range(len(histories))]


def test_hand_written_histories_give_hand_written_intervals(spark):
    histories = [
        {},
        {0: ("x", True, False)},
        {0: ("x", True, False), 3: ("x", True, False), 5: ("y", True, False)},
        {0: ("x", True, False), 3: ("x", True, True)},
        {0: ("x", True, True), 3: ("x", True, False)},
        {0: ("x", True, False), 3: ("", None, True), 4: ("y", True, True), 6: ("x", True, False)},
        {0: (None, None, False), 1: ("", None, False), 2: (None, None, False)},
    ]
    assert built(spark, histories) == [
        [],
        [("x", True, on(0), OPEN, True)],
        [("x", True, on(0), on(5), False), ("y", True, on(5), OPEN, True)],
        [("x", True, on(0), on(3), False)],
        [("x", True, on(3), OPEN, True)],
        [("x", True, on(0), on(3), False), ("x", True, on(6), OPEN, True)],
        [
            (None, None, on(0), on(1), False),
            ("", None, on(1), on(2), False),
            (None, None, on(2), OPEN, True),
        ],
    ]


@settings(
    max_examples=4,  # each example is one Spark job over 60 histories
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(histories=st.lists(history, min_size=60, max_size=60), seed=st.integers(0, 99))
def test_any_order_of_changes_gives_the_intervals_of_the_model(spark, histories, seed):
    found = built(spark, histories, seed=seed, partitions=1 + seed % 3)
    assert found == [model(changes) for changes in histories]
    for spans in found:
        assert all(begin < end for _, _, begin, end, _ in spans)
        assert all(one[3] <= other[2] for one, other in pairwise(spans))
        assert sum(span[4] for span in spans) <= 1


def test_the_hash_tells_null_from_empty_and_fields_from_each_other(spark):
    rows = [("a", "b,c"), ("a,b", "c"), (None, "x"), ("", "x"), ("x", None), ('a","b":"', "")]
    frame = spark.createDataFrame(rows, "a string, b string")
    hashes = [row[0] for row in frame.select(record_hash(["a", "b"])).collect()]
    assert len(set(hashes)) == len(rows)
    assert hashes[2] == "fb14f5bfd2edda27647fe6eaf4dbfc0f"  # md5 of {"a":null,"b":"x"}
