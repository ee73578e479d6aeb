"""Incidents: each is told once when it opens, when it gets worse, and when it is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.io import ops
from lakehouse.observability.alerts import Severity
from lakehouse.observability.incidents import (
    RANK,
    Event,
    Observation,
    after,
    delivered,
    incident_of,
    row_of,
)
from lakehouse.settings import load_settings

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
QUIET = timedelta(seconds=120)
WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL


def bad(severity=WARNING, key="lag:t"):
    return Observation(key, severity, f"{key} is bad", "7 wait", "docs/x.md")


FINE = Observation("lag:t")


def follow(*seen, quiet=QUIET, restart=False):
    """What is told of a condition that is seen every minute, and the incident in the end."""
    held, told = None, []
    for minute, each in enumerate(seen):
        now = NOON + timedelta(minutes=minute)
        new = after(held, each, now, quiet=quiet, destinations=["d"])
        if new is not None:
            told += [(minute, message.event) for message in new.outbox]
            new = delivered(new, lambda *_: True, ["d"], set())
        held = incident_of(row_of(new, "t", now)) if restart and new is not None else new
    return told, held


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        ([FINE, FINE], []),
        ([bad(), bad(), bad()], [(0, "opened")]),
        ([bad(), bad(CRITICAL), bad(CRITICAL)], [(0, "opened"), (1, "worse")]),
        ([bad(CRITICAL), bad(), bad(CRITICAL)], [(0, "opened")]),
        ([bad(), FINE, FINE], [(0, "opened")]),
        ([bad(), FINE, FINE, FINE, FINE], [(0, "opened"), (3, "recovered")]),
        ([bad(), FINE, FINE, bad(), FINE, FINE, FINE], [(0, "opened"), (6, "recovered")]),
        (
            [bad(), FINE, FINE, FINE, bad(CRITICAL)],
            [(0, "opened"), (3, "recovered"), (4, "opened")],
        ),
    ],
    ids=[
        "fine",
        "bad all the time",
        "worse",
        "a little better and back",
        "not fine for long",
        "fine for long",
        "flapping",
        "again",
    ],
)
@pytest.mark.parametrize("restart", [False, True], ids=["one process", "restarted each time"])
def test_it_is_told_once_and_told_again_only_where_it_got_worse_or_is_over(seen, told, restart):
    assert follow(*seen, restart=restart)[0] == told


SEEN = st.sampled_from([FINE, bad(), bad(CRITICAL)])


@given(st.lists(st.tuples(SEEN, st.integers(-300, 300)), max_size=40), st.booleans())
def test_whatever_is_seen_openings_and_recoveries_alternate(steps, restart):
    held, now, told = None, NOON, []
    for seen, seconds in steps:  # also with a clock that is put back
        now += timedelta(seconds=seconds)
        new = after(held, seen, now, quiet=QUIET, destinations=["d"])
        if new is not None and new is not held:
            before = len(held.outbox) if held is not None and held.is_open else 0
            told += [(message.event, new.severity) for message in new.outbox[before:]]
        held = incident_of(row_of(new, "t", now)) if restart and new is not None else new
    turns = [event for event, _ in told if event is not Event.WORSE]
    assert turns == [(Event.OPENED, Event.RECOVERED)[n % 2] for n in range(len(turns))]
    for (_, old), (event, new) in pairwise(told):
        if event is Event.WORSE:
            assert RANK[new] > RANK[old]
    is_open = bool(turns) and turns[-1] is Event.OPENED
    assert (held is not None and held.is_open) == is_open
    if steps and steps[-1][0].severity is not None:
        assert is_open, "what was bad a moment ago is open"


def test_the_words_name_the_facts_and_the_runbook_and_a_recovery_how_long_it_was():
    opened = after(None, bad(), NOON, quiet=QUIET, destinations=["d"])
    (message,) = opened.outbox
    assert message.alert.title == "lag:t is bad"
    assert message.alert.body == "7 wait\nWhat to do: docs/x.md"
    assert message.alert.severity is WARNING
    later = NOON + timedelta(minutes=9)
    over = after(opened, FINE, later, quiet=timedelta(0), destinations=["d"])
    assert over.outbox[-1].alert.title == "recovered: lag:t is bad"
    assert (
        over.outbox[-1].alert.body
        == "Open from 2026-01-05 12:00 UTC to 2026-01-05 12:09 UTC. It was: 7 wait"
    )
    assert over.outbox[-1].alert.severity is Severity.INFO


def test_each_destination_gets_all_in_order_and_nothing_twice():
    opened = after(None, bad(), NOON, quiet=QUIET, destinations=["a", "b", "gone"])
    taken, up = [], {"a"}

    def send(name, alert):
        if name in up:
            taken.append((name, alert.title))
        return name in up

    failed: set[str] = set()
    first = delivered(opened, send, ["a", "b"], failed)
    assert failed == {"b"}
    assert first.waits_for == ("b",)
    worse = after(first, bad(CRITICAL), NOON, quiet=QUIET, destinations=["a", "b"])
    second = delivered(worse, send, ["a", "b"], set())
    assert second.waits_for == ("b",)
    up.add("b")
    last = delivered(second, send, ["a", "b"], set())
    assert last.outbox == ()
    assert delivered(last, send, ["a", "b"], set()) is last
    told, worse_told = "lag:t is bad", "worse: lag:t is bad"
    assert taken == [("a", told), ("a", worse_told), ("b", told), ("b", worse_told)]


def test_an_incident_is_read_back_from_its_row_as_it_was(tmp_path):
    settings = load_settings(root=str(tmp_path))
    opened = after(None, bad(), NOON, quiet=QUIET, destinations=["a", "b"])
    calm = after(opened, FINE, NOON, quiet=QUIET, destinations=["a"])
    ops.append(settings, "alerts", [row_of(calm, "t", NOON)])
    (row,) = ops.read(settings, "alerts", "SELECT * FROM t")
    assert incident_of(row) == calm
    assert (row["topic"], row["n_waiting"]) == ("t", 1)
