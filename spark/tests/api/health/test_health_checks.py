"""The five checks: each ok, failing, and unknown where nothing tells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.api.health import book
from lakehouse.api.health.checks import State, checks
from lakehouse.api.health.watching import look, overall
from lakehouse.catalog.registry import registry
from lakehouse.io import ops
from lakehouse.io.state import State as Published
from lakehouse.io.state import StateStore
from lakehouse.settings import load_settings
from lakehouse.streaming.pulse import Pulse

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
TOPIC = "topic_web_events"
FACTS = "silver.feature_usage_facts"


@pytest.fixture
def settings(tmp_path):
    return load_settings(root=str(tmp_path / "lake"), health_success_pct=99.8)


@pytest.fixture
def check(settings):
    """A check by its name, as it is at noon or so many seconds later."""

    def named(name, later=0.0):
        found = checks(settings, registry(), NOON + timedelta(seconds=later))
        return {each.name: each for each in found}[name]

    return named


def batch(settings, ended_at, p50):
    row = {"topic": TOPIC, "started_at": ended_at, "ended_at": ended_at, "freshness_p50_s": p50}
    ops.append(settings, "stream_batches", [row])


def run(outcome, n, hours_ago=1.0):
    at = NOON - timedelta(hours=hours_ago)
    return [{"run_id": "r", "table_name": FACTS, "outcome": outcome, "ended_at": at}] * n


def test_of_an_empty_lake_nothing_is_known(settings):
    found = checks(settings, registry(), NOON)
    assert [each.name for each in found] == [
        *("consumer_lag", "data_freshness", "api_p99", "pipeline_success", "quality_checks")
    ]
    assert {each.state for each in found} == {State.UNKNOWN}
    assert {each.value for each in found} == {None}
    assert overall(found) is State.UNKNOWN


@pytest.mark.parametrize(
    ("later", "state"), [(59, State.OK), (60, State.FAILING), (3600, State.FAILING)]
)
def test_lag_grows_from_the_last_moment_of_which_all_is_consumed(settings, check, later, state):
    Pulse(settings, TOPIC).beat(NOON, fine_at=NOON)
    found = check("consumer_lag", later)
    assert (found.state, found.value) == (state, later)


def test_records_that_wait_keep_the_moment_of_which_all_was_consumed(settings, check):
    pulse = Pulse(settings, TOPIC)
    pulse.beat(NOON - timedelta(seconds=70), fine_at=NOON - timedelta(seconds=70))
    pulse.beat(NOON, fine_at=None)
    assert check("consumer_lag").value == 70
    again = Pulse(settings, TOPIC)  # a process that is started anew knows since when
    again.beat(NOON + timedelta(seconds=10), fine_at=None)
    assert check("consumer_lag", 10).value == 80


def test_a_stream_that_was_ended_on_purpose_is_nobodys_delay(settings, check):
    pulse = Pulse(settings, TOPIC)
    pulse.beat(NOON, fine_at=NOON)
    pulse.end(NOON)
    assert check("consumer_lag", 3600).state is State.UNKNOWN
    pulse.beat(NOON, fine_at=NOON)  # it runs again
    assert check("consumer_lag", 3600).state is State.FAILING


def test_a_stream_that_was_ended_while_records_waited_is_behind(settings, check):
    pulse = Pulse(settings, TOPIC)
    pulse.beat(NOON, fine_at=NOON)
    pulse.beat(NOON, fine_at=None)
    pulse.end(NOON)
    assert check("consumer_lag", 61).state is State.FAILING


def test_a_stream_of_long_ago_is_not_expected(settings, check):
    Pulse(settings, TOPIC).beat(NOON, fine_at=NOON)
    assert check("consumer_lag", 7 * 86_400 - 1).state is State.FAILING
    assert check("consumer_lag", 7 * 86_400).state is State.UNKNOWN


@pytest.mark.parametrize(("p50", "state"), [(299.0, State.OK), (300.0, State.FAILING)])
def test_live_figures_are_as_old_as_half_of_the_newest_events(settings, check, p50, state):
    Pulse(settings, TOPIC).beat(NOON, fine_at=NOON - timedelta(seconds=5))
    batch(settings, NOON - timedelta(seconds=60), 1.0)
    batch(settings, NOON, p50)
    found = check("data_freshness")
    assert (found.state, found.value, found.unit) == (state, p50, "s")


def test_old_events_of_a_replay_are_forgotten_once_nothing_waits(settings, check):
    batch(settings, NOON, 86_400.0)
    Pulse(settings, TOPIC).beat(NOON, fine_at=NOON - timedelta(seconds=5))
    assert check("data_freshness").state is State.FAILING
    Pulse(settings, TOPIC).beat(NOON + timedelta(seconds=5), fine_at=NOON + timedelta(seconds=5))
    assert check("data_freshness", 6).value == 1


def test_without_a_stream_fresh_is_what_each_table_promises(settings, check):
    states = StateStore(settings)
    at = {"version": 0, "head": 0, "run_id": "r", "token": 1}
    names = [each.table.name for each in registry() if each.table.domain == "growth"]
    for name in names:
        state = Published(table=name, published_at=NOON.isoformat(), **at)
        states.replace(state)
    found = check("data_freshness")
    assert (found.unit, found.maximum) == ("tables", 0)
    assert found.state is not State.UNKNOWN


@pytest.mark.parametrize(("p99", "state"), [(799.0, State.OK), (800.0, State.FAILING)])
def test_the_slowest_process_of_the_api_counts(settings, check, p99, state):
    book.write_latency(settings, "host:1", p99, 100, NOON)
    book.write_latency(settings, "host:2", 5.0, 900, NOON)
    found = check("api_p99", 1)
    assert (found.state, found.value) == (state, p99)
    assert "1,000 answers" in found.text
    book.write_latency(settings, "host:1", 6.0, 100, NOON + timedelta(seconds=30))
    assert check("api_p99", 31).value == 6.0, "the newest row of a process counts"
    assert check("api_p99", 331).state is State.UNKNOWN


@pytest.mark.parametrize(
    ("failed", "state"), [(1, State.OK), (2, State.FAILING)], ids=["above", "at the limit"]
)
def test_of_a_thousand_runs_more_than_the_limit_must_not_fail(settings, check, failed, state):
    rows = run("updated", 600) + run("unchanged", 400 - failed) + run("failed", failed)
    ops.append(settings, "runs", rows + run("blocked", 50) + run("failed", 50, hours_ago=25))
    found = check("pipeline_success")
    assert (found.state, found.value) == (state, 100 - failed / 10)
    assert FACTS in found.text


def results(passed, severity="fail"):
    row = {"run_id": "r", "table_name": FACTS, "gate": "output", "severity": severity}
    names = [each.name for each in registry()[FACTS].table.ensures]
    return [
        row | {"check_name": name, "passed": passed or place > 0, "checked_at": NOON}
        for place, name in enumerate(names)
    ]


def test_a_red_gate_fails_until_it_is_green(settings, check):
    ops.append(settings, "quality_results", results(passed=False))
    found = check("quality_checks")
    assert (found.state, found.value) == (State.FAILING, 1)
    assert f"{FACTS} (output)" in found.text
    later = [row | {"run_id": "s", "checked_at": NOON + timedelta(1)} for row in results(True)]
    ops.append(settings, "quality_results", later)
    assert check("quality_checks").value == 0


def test_a_warning_is_told_and_fails_nothing(settings, check):
    ops.append(settings, "quality_results", results(passed=False, severity="warn"))
    found = check("quality_checks")
    assert found.state is State.OK
    assert "1 with warnings" in found.text


def test_since_is_when_the_state_changed(settings):
    def seen(later):
        found = look(settings, registry(), NOON + timedelta(seconds=later))
        lag = {each.name: each for each in found}["consumer_lag"]
        return lag.state, (lag.since - NOON).total_seconds()

    pulse = Pulse(settings, TOPIC)
    pulse.beat(NOON, fine_at=NOON)
    assert seen(1) == (State.OK, 1)
    assert seen(30) == (State.OK, 1)
    assert seen(70) == (State.FAILING, 70)
    assert seen(90) == (State.FAILING, 70)
    pulse.beat(NOON + timedelta(seconds=100), fine_at=NOON + timedelta(seconds=100))
    assert seen(101) == (State.OK, 101)
    rows = ops.read(settings, "health", "SELECT * FROM t WHERE check_name = 'consumer_lag'")
    assert len(rows) == 3, "only changes are written"
