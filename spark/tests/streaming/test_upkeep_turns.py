"""Whose small files are merged after which batch."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from lakehouse.streaming.batches import whose_turn


def test_by_hand():
    assert [whose_turn("abc", 4, n) for n in range(1, 10)] == [
        *(["a"], ["b"], ["c"], []),
        *(["a"], ["b"], ["c"], []),
        ["a"],
    ]
    assert whose_turn("abc", 2, 1) == ["a", "c"]
    assert whose_turn("abc", 0, 1) == []


@given(k=st.integers(0, 12), every=st.integers(1, 30), start=st.integers(1, 100))
def test_each_has_its_turn_once_in_so_many_and_no_batch_waits_for_all(k, every, start):
    names = [f"t{i}" for i in range(k)]
    turns = [whose_turn(names, every, n) for n in range(start, start + every)]
    assert Counter(name for each in turns for name in each) == Counter(names)
    assert max(map(len, turns)) <= -(-k // every)
