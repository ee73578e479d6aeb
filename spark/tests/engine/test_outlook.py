"""What a run would do and why, from facts alone: no engine, no lake."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from types import SimpleNamespace

import pytest

from lakehouse.catalog.registry import registry
from lakehouse.engine.job import Job, NoEngine, Request
from lakehouse.engine.outlook import look
from lakehouse.errors import UpstreamMissingError
from lakehouse.io.state import State, Version
from lakehouse.settings import load_settings

STATES, RELEASES = "silver.feature_states", "bronze.feature_releases"
RETENTION, ACTIVITY = "gold.cohort_retention", "silver.user_activity"
FACTS, EVENTS = "silver.feature_usage_facts", "bronze.feature_usage_events"
SEVENTH = Version("t", 7)
NOON = datetime(2026, 3, 1, 12)  # noqa: DTZ001  # as a request has it


@dataclass(frozen=True)
class Arrived:
    """Arrivals of a feed, as a test wants them."""

    ever: bool = True
    has_new: bool = False
    corrected: tuple[str, ...] = ()
    news: str = "no new files"
    position: str = "p2"

    def files(self, *, whole):
        return ()


class Told:
    """A feed that tells what a test wants."""

    def __init__(self, arrivals):
        self.arrivals = arrivals
        self.asked = []

    def look(self, position, day):
        self.asked.append((position, day))
        return self.arrivals

    def expected(self, day):
        return "nothing there"

    def remember(self, arrivals):
        raise AssertionError("looking remembers nothing")


def state(table, version=3, **more):
    known = {"head": version, "run_id": "r", "token": 1, "code": registry()[table].code}
    known["table_id"] = "t"
    return State(table=table, version=version, **known | more)


def job(table, published=None, upstream=(), *, base=None, feed=None, **asked):
    return Job(
        entry=registry()[table],
        settings=load_settings(root="nowhere"),
        engine=NoEngine(),
        request=Request("run", NOON, **asked),
        states=SimpleNamespace(),
        source=registry()[table].table.source,
        feed=feed,
        published=published,
        base=published.head if published and base is None else base,
        upstream={each.table: each for each in upstream},
    )


def told(found):
    return found.idle, found.reason


def test_inputs_that_were_consumed_leave_nothing_to_do():
    done = state(STATES, inputs={RELEASES: SEVENTH})
    assert told(look(job(STATES, done, [state(RELEASES, 7)]))) == (True, "inputs unchanged")


def test_a_newer_input_is_news_and_a_compacted_one_is_not():
    done = state(STATES, inputs={RELEASES: SEVENTH})
    newer = look(job(STATES, done, [state(RELEASES, 9)]))
    assert told(newer) == (False, f"{RELEASES} 7→9")
    assert look(job(STATES, done, [state(RELEASES, 9, same_since=6)])).idle


def test_a_table_without_an_input_says_which_one():
    waiting = job(STATES, state(STATES, inputs={RELEASES: SEVENTH}))
    with pytest.raises(UpstreamMissingError) as raised:
        look(waiting)
    assert raised.value.details["missing"] == [RELEASES]


@pytest.mark.parametrize(
    ("published", "asked", "reason"),
    [
        (None, {}, "never published"),
        (state(STATES, inputs={RELEASES: SEVENTH}, code="old"), {}, "its code changed"),
        (
            state(STATES, inputs={RELEASES: SEVENTH}),
            {"full_refresh": True},
            "full refresh requested",
        ),
    ],
    ids=["new table", "changed code", "asked for"],
)
def test_everything_is_made_again(published, asked, reason):
    assert told(look(job(STATES, published, [state(RELEASES, 7)], **asked))) == (False, reason)


def test_an_as_of_date_that_moves_makes_everything_again_or_only_what_is_unfinished():
    events = state(EVENTS, 7, newest={"event_date": "2026-02-02"})
    facts = state(FACTS, inputs={EVENTS: SEVENTH}, as_of="2026-02-01")
    moved = "as-of date moved from 2026-02-01 to 2026-02-02"
    assert told(look(job(FACTS, facts, [events]))) == (False, moved)
    assert look(job(FACTS, replace(facts, as_of="2026-02-02"), [events])).idle
    active = state(ACTIVITY, 7, newest={"last_active_date": "2026-02-02"})
    kept = state(RETENTION, inputs={ACTIVITY: SEVENTH}, as_of="2026-02-01")
    assert told(look(job(RETENTION, kept, [active]))) == (False, moved)


def test_a_version_that_nobody_published_is_told_and_is_no_news_by_itself():
    done = state(STATES, inputs={RELEASES: SEVENTH})
    found = look(job(STATES, done, [state(RELEASES, 7)], base=4))
    assert (found.died, found.has_news, found.why) == (True, False, "inputs unchanged")
    assert told(found) == (False, "a run died before publishing; inputs unchanged")
    rolled_back = replace(done, head=5)
    assert look(job(STATES, rolled_back, [state(RELEASES, 7)], base=5)).idle


def test_a_feed_is_asked_once_from_the_published_position():
    feed = Told(Arrived(has_new=True, news="2 new files"))
    published = state(RELEASES, position="p1")
    found = look(job(RELEASES, published, feed=feed, day=NOON.date()))
    assert feed.asked == [("p1", NOON.date())]
    assert (told(found), found.whole) == ((False, "2 new files"), False)
    assert look(job(RELEASES, published, feed=Told(Arrived()))).idle


def test_corrections_and_new_code_compare_the_whole_table():
    published = state(RELEASES, position="p1")
    corrected = look(job(RELEASES, published, feed=Told(Arrived(corrected=("a", "b")))))
    assert (corrected.why, corrected.whole) == ("changed files: a, b", True)
    changed = look(job(RELEASES, replace(published, code="old"), feed=Told(Arrived())))
    assert (changed.why, changed.whole) == ("its code changed", True)


def test_a_feed_on_which_nothing_ever_arrived_says_where_it_would():
    with pytest.raises(UpstreamMissingError, match="nothing there"):
        look(job(RELEASES, feed=Told(Arrived(ever=False))))
