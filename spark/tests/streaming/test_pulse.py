"""A stream's pulse tells one that has nothing to do from one that is gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.catalog.registry import registry
from lakehouse.catalog.status import Status
from lakehouse.engine.outcome import Outcome
from lakehouse.errors import UpstreamMissingError
from lakehouse.io.state import Account
from lakehouse.settings import load_settings
from lakehouse.streaming.batches import Batch
from lakehouse.streaming.pulse import EVERY, Beat, Pulse, pulses
from lakehouse.streaming.watch import Watch, watching

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
TABLE, TOPIC = "bronze.web_events", "topic_web_events"


@pytest.fixture
def settings(tmp_path):
    return load_settings(root=str(tmp_path / "lake"))


@pytest.fixture
def spec():
    return registry()[TABLE].table


def batch(started_at, *, waiting=0, error=None):
    outcome = Outcome(TABLE, Status.UNCHANGED, account=Account(rows_in=5), run_id="r")
    outcomes = () if error else (outcome,)
    lag = {} if error else {0: waiting}
    return Batch(n=5, seconds=2, lag=lag, outcomes=outcomes, error=error, started_at=started_at)


def test_each_look_and_each_batch_is_a_beat(settings, spec):
    now = [NOON]
    watch = Watch(settings, TOPIC, spec, say=pytest.fail, clock=lambda: now[0])
    watch.looked({0: 0}, is_idle=True)
    assert pulses(settings) == [Beat(TOPIC, NOON, NOON)]
    began = NOON + timedelta(seconds=10)
    now[0] = began + timedelta(seconds=8)
    watch.saw(batch(began))
    assert pulses(settings) == [Beat(TOPIC, now[0], began)], "what came meanwhile may wait"
    before, now[0] = began, now[0] + timedelta(seconds=20)
    watch.saw(batch(now[0], waiting=1))
    assert pulses(settings) == [Beat(TOPIC, now[0], before, waits=True)]
    now[0] += timedelta(seconds=20)
    watch.saw(batch(now[0], error=UpstreamMissingError("the broker is away")))
    assert pulses(settings) == [Beat(TOPIC, now[0], before, waits=True)]


def test_a_look_that_tells_nothing_new_is_written_every_few_seconds(settings):
    pulse = Pulse(settings, TOPIC)
    for tenths in range(100):
        now = NOON + timedelta(seconds=tenths / 10)
        pulse.beat(now, fine_at=now)
    assert pulses(settings) == [Beat(TOPIC, NOON + EVERY, NOON + EVERY)]


def test_only_an_end_on_purpose_is_told(settings, spec):
    with watching(settings, TOPIC, spec, pytest.fail) as watch:
        watch.looked({0: 0}, is_idle=True)
    (ended,) = pulses(settings)
    assert ended.ended_at is not None

    def crash():
        with watching(settings, TOPIC, spec, pytest.fail) as watch:
            watch.looked({0: 0}, is_idle=True)
            raise KeyError

    with pytest.raises(KeyError):
        crash()
    (crashed,) = pulses(settings)
    assert replace(crashed, ended_at=None) == crashed


@pytest.mark.parametrize("content", ["", "{", "[]", '{"topic": "t"}', '{"looked_at": "x"}'])
def test_a_damaged_pulse_is_none_and_the_next_beat_replaces_it(settings, content):
    file = Path(settings.root_uri) / "ops" / "streams" / f"{TOPIC}.json"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    assert pulses(settings) == []
    Pulse(settings, TOPIC).beat(NOON, fine_at=None)
    assert pulses(settings) == [Beat(TOPIC, NOON, NOON, waits=True)]
