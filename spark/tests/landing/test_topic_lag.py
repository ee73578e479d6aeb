"""How far consumption is behind, by partition."""

from __future__ import annotations

from lakehouse.landing.topic import Offsets, Range, TopicArrivals

ENDS = {0: 10, 1: 5, 2: 7}


def arrivals(starts):
    """What a look found: the ends, and ranges of two records from where consumption was."""
    ranges = tuple(Range("b", "t", p, start, start + 2) for p, start in starts.items())
    reached = {p: starts.get(p, end - 2) + 2 for p, end in ENDS.items()}
    return TopicArrivals(Offsets("t", "id", reached), ranges, ends=ENDS)


def test_it_is_what_lies_behind_where_reading_begins():
    assert arrivals({0: 4, 1: 0}).lag() == {0: 6, 1: 5, 2: 0}


def test_after_a_run_it_is_what_lies_behind_that_and_never_less_than_nothing():
    found = arrivals({0: 4, 1: 0})
    assert found.lag(Offsets("t", "id", {0: 6, 1: 2, 2: 9})) == {0: 4, 1: 3, 2: 0}


def test_offsets_of_another_topic_of_that_name_count_for_nothing():
    found = arrivals({0: 4, 1: 0})
    assert found.lag(Offsets("t", "before", {0: 99, 1: 99, 2: 99})) == {0: 6, 1: 5, 2: 0}


def test_where_nothing_ever_came_nobody_knows():
    assert TopicArrivals().lag() == {}
