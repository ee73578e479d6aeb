"""The order of a run: upstream first, a failure blocks what reads it and nothing else."""

from __future__ import annotations

import threading

import pytest

from lakehouse.catalog.status import Status
from lakehouse.engine.outcome import Outcome
from lakehouse.engine.schedule import run_in_order

UPSTREAM = {"a": set(), "b": {"a"}, "c": {"a"}, "d": {"a", "b", "c"}, "lone": set()}


def scheduled(upstream, *, failing=(), workers=2):
    """What ran in which order, the outcomes, and what was told of blocked tables."""
    ran: list[str] = []
    told: list[str] = []

    def work(name: str) -> Outcome:
        ran.append(name)
        return Outcome(name, Status.FAILED if name in failing else Status.UPDATED)

    done = run_in_order(
        upstream, work, workers=workers, notify=lambda outcome: told.append(outcome.table)
    )
    return ran, done, told


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_upstream_runs_first_and_outcomes_stand_in_the_order_asked_for(workers):
    ran, done, told = scheduled(UPSTREAM, workers=workers)
    assert ran.index("a") < min(ran.index("b"), ran.index("c"))
    assert max(ran.index("b"), ran.index("c")) < ran.index("d")
    assert list(done) == list(UPSTREAM)
    assert told == []


def test_a_failure_blocks_what_is_downstream_however_far_and_nothing_else():
    ran, done, told = scheduled(UPSTREAM, failing={"b"})
    assert sorted(ran) == ["a", "b", "c", "lone"]
    assert done["d"].outcome is Status.BLOCKED
    assert done["d"].reason == "upstream failed: b"
    assert told == ["d"]
    ran, done, _ = scheduled(UPSTREAM, failing={"a"})
    assert sorted(ran) == ["a", "lone"]
    assert {name for name, each in done.items() if each.outcome is Status.BLOCKED} == set("bcd")
    assert done["d"].reason == "upstream failed: a"  # where to look, not what waits for it


def test_tables_that_are_not_of_the_run_are_not_waited_for():
    ran, done, _ = scheduled({"d": {"a", "b"}, "b": {"a"}})
    assert ran == ["b", "d"]
    assert list(done) == ["d", "b"]


def test_independent_tables_run_side_by_side():
    meeting = threading.Barrier(2, timeout=30)

    def work(name: str) -> Outcome:
        meeting.wait()  # alone, a table would wait in vain
        return Outcome(name, Status.UPDATED)

    done = run_in_order({"a": set(), "b": set()}, work, workers=2, notify=lambda _: None)
    assert {each.outcome for each in done.values()} == {Status.UPDATED}


def test_a_run_of_nothing_ends():
    assert scheduled({})[1] == {}
