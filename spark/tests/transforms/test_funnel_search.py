"""Entries of a funnel: by hand, and against every chain that there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.transforms.funnel_search import FunnelRules, StepEvent, entries, fits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

A, B, C, D = 1, 2, 4, 8
MODES = ("ordered", "strict_order", "strict_increase", "strict_once")


def rules(steps=3, window=100, within=(), mode="ordered"):
    told = dict(within)
    return FunnelRules(
        tuple("abcd"[:steps]), window, tuple(told.get(step) for step in range(steps)), mode
    )


def found(events, *, of=None):
    """Ids of the events of each entry."""
    told = [StepEvent(at, identity, steps) for identity, at, steps in events]
    return ["".join(event.event_id for event in chain) for chain in entries(told, of or rules())]


def test_nobody_enters_without_the_first_step():
    assert found([]) == []
    assert found([("b", 0, B), ("c", 1, C)]) == []


def test_each_step_is_taken_as_early_as_can_be():
    assert found([("a", 0, A), ("b", 5, B), ("x", 6, B), ("c", 7, C), ("y", 8, C)]) == ["abc"]


def test_the_last_moment_of_the_window_is_in_it():
    assert found([("a", 0, A), ("b", 5, B), ("c", 100, C)]) == ["abc"]
    assert found([("a", 0, A), ("b", 5, B), ("c", 101, C)]) == ["ab"]


def test_events_of_one_moment_count_as_ordered_whatever_their_ids():
    assert found([("z", 0, A), ("y", 0, B), ("x", 0, C)]) == ["zyx"]


def test_of_events_of_one_moment_that_of_the_lowest_id_counts():
    assert found([("a", 0, A), ("z", 5, B), ("y", 5, B)]) == ["ay"]


def test_one_event_takes_one_step():
    assert found([("a", 0, A | B), ("c", 1, C)]) == ["a"]
    assert found([("a", 0, A | B), ("b", 1, A | B), ("c", 2, C)]) == ["abc"]


def test_an_event_that_fits_two_steps_takes_the_one_that_leads_farther():
    assert found([("a", 0, A), ("x", 0, A | B)]) == ["ax"]
    assert found([("x", 0, A | B), ("y", 0, A), ("c", 0, C)]) == ["yxc"]


def test_a_later_first_step_counts_if_it_leads_farther():
    assert found([("a", 0, A), ("b", 10, B), ("x", 90, A), ("y", 95, B), ("c", 150, C)]) == ["xyc"]


def test_without_a_difference_the_first_first_step_counts():
    assert found([("a", 0, A), ("x", 90, A), ("b", 95, B)]) == ["ab"]


def test_a_completed_entry_is_followed_by_the_next_first_step():
    events = [("a", 0, A), ("b", 1, B), ("c", 2, C), ("d", 3, A), ("e", 4, B), ("f", 5, C)]
    assert found(events) == ["abc", "def"]


def test_an_entry_that_is_not_completed_goes_on_until_its_window_is_over():
    events = [("a", 0, A), ("b", 1, B), ("x", 100, A), ("d", 101, A), ("e", 102, B)]
    assert found(events, of=rules(steps=4)) == ["ab", "de"]


def test_entries_of_one_moment_share_no_event():
    events = [("a", 0, A), ("b", 0, A), ("c", 0, A), ("x", 0, B), ("y", 0, B)]
    assert found(events, of=rules(steps=2)) == ["ax", "by", "c"]


def test_a_step_has_its_own_limit_after_the_one_before():
    limited = rules(within={2: 10})
    assert found([("a", 0, A), ("b", 1, B), ("c", 11, C)], of=limited) == ["abc"]
    assert found([("a", 0, A), ("b", 1, B), ("c", 12, C)], of=limited) == ["ab"]
    assert found([("a", 0, A), ("b", 1, B), ("x", 5, B), ("c", 12, C)], of=limited) == ["axc"]


def test_in_strict_order_nothing_of_the_funnel_stands_between():
    strict = rules(mode="strict_order")
    assert found([("a", 0, A), ("b", 1, B), ("c", 2, C)], of=strict) == ["abc"]
    assert found([("a", 0, A), ("x", 1, C), ("b", 2, B)], of=strict) == ["a"]
    assert found([("a", 0, A), ("b", 1, B), ("x", 2, B), ("c", 3, C)], of=strict) == ["ab"]
    assert found([("a", 0, A), ("x", 1, A), ("b", 2, B)], of=strict) == ["xb"]


def test_in_strict_order_what_is_of_the_same_moment_stands_not_between():
    strict = rules(mode="strict_order")
    assert found([("a", 0, A), ("b", 1, B), ("x", 1, B), ("c", 2, C)], of=strict) == ["abc"]


def test_in_strict_increase_moments_must_grow():
    strict = rules(mode="strict_increase")
    assert found([("a", 0, A), ("b", 0, B), ("c", 1, C)], of=strict) == ["a"]
    assert found([("a", 0, A), ("b", 1, B), ("c", 1, C), ("d", 2, C)], of=strict) == ["abd"]


def test_in_strict_once_a_visitor_enters_once_a_window():
    events = [("a", 0, A), ("b", 1, B), ("c", 2, C), ("d", 3, A), ("e", 101, A), ("f", 102, B)]
    assert found(events, of=rules(mode="strict_once")) == ["abc", "ef"]


def test_a_program_with_many_events_takes_no_ages():
    views = [(f"{n:05}", n, A) for n in range(3_000)]
    carts = [(f"x{n:05}", n, B) for n in range(3_000)]
    at_once = [(f"y{n:05}", 5_000, A | B) for n in range(3_000)]
    wide = rules(steps=4, window=10_000, within={1: 50})
    assert found([*views, *carts, *at_once], of=wide) == ["00000x00000"]
    entered = found(at_once, of=rules(steps=2, mode="strict_once"))
    assert entered == ["y00000y00001"]
    assert len(found(at_once, of=rules(steps=2))) == 1_500


@pytest.mark.parametrize(
    ("masks", "first", "last", "fit"),
    [
        ((), 0, 0, False),
        ((A,), 0, 0, True),
        ((A | B,), 0, 1, False),
        ((A | B, A), 0, 1, True),
        ((A, A), 0, 1, False),
        ((A | B, B | C, A), 0, 2, True),
        ((B, B, C), 0, 2, False),
    ],
)
def test_steps_are_matched_to_events(masks, first, last, fit):
    assert fits(masks, first, last) is fit


# --------------------------------------------------------------------- every chain there is


def chains(events: Sequence[StepEvent], of: FunnelRules, start: StepEvent) -> Iterator[list]:
    """All that begin with an event, each step by each event that may take it."""

    def longer(chain):
        yield chain
        step = len(chain)
        if step == len(of.names):
            return
        for event in events:
            if event not in chain and event.steps >> step & 1 and may_follow(chain, event):
                yield from longer([*chain, event])

    def may_follow(chain, event):
        before = chain[-1]
        within = of.within_us[len(chain)]
        between = [e for e in all_events if before.at_us < e.at_us < event.at_us]
        return (
            event.at_us >= before.at_us
            and event.at_us - chain[0].at_us <= of.window_us
            and (within is None or event.at_us - before.at_us <= within)
            and not (of.mode == "strict_increase" and event.at_us == before.at_us)
            and not (of.mode == "strict_order" and between)
        )

    all_events = events
    yield from longer([start])


def all_tried(events: Sequence[StepEvent], of: FunnelRules) -> list[list[StepEvent]]:
    """The entries, by trying everything."""
    opens_at, taken, result = float("-inf"), [], []
    while True:
        left = [e for e in events if e not in taken]
        starts = sorted(e for e in left if e.steps & A and e.at_us >= opens_at)
        if not starts:
            return result
        near = [e for e in starts if e.at_us <= starts[0].at_us + of.window_us]
        # What a former entry took cannot stand between: it is no later than where it ended.
        every = [chain for start in near for chain in chains(left, of, start)]
        best = min(every, key=lambda chain: (-len(chain), chain[-1].at_us, chain))
        result.append(best)
        taken += best
        completed = len(best) == len(of.names) and of.mode != "strict_once"
        opens_at = best[-1].at_us if completed else best[0].at_us + of.window_us + 1


@st.composite
def visitors(draw):
    steps = draw(st.integers(2, 4))
    of = rules(
        steps,
        draw(st.integers(1, 12)),
        draw(st.dictionaries(st.integers(1, steps - 1), st.integers(1, 5))),
        draw(st.sampled_from(MODES)),
    )
    moments = draw(st.lists(st.integers(0, 14), max_size=8))
    masks = st.integers(1, 2**steps - 1)
    events = [StepEvent(at, f"e{n}", draw(masks)) for n, at in enumerate(moments)]
    return draw(st.permutations(events)), of


@settings(deadline=None, max_examples=400)  # a busy machine is no fault
@given(visitors())
def test_no_chain_is_better_than_the_one_that_is_found(visitor):
    events, of = visitor
    assert entries(events, of) == all_tried(events, of)


@settings(deadline=None)  # a busy machine is no fault
@given(visitors())
def test_no_event_is_of_two_entries_and_no_order_of_rows_matters(visitor):
    events, of = visitor
    chained = [event for chain in entries(events, of) for event in chain]
    assert len(chained) == len(set(chained))
    assert entries(events[::-1], of) == entries(events, of)
