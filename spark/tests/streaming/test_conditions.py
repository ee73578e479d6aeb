"""What of a stream is worth an alert."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.catalog.status import Status
from lakehouse.engine.outcome import Outcome
from lakehouse.errors import LockedError, OutputQualityError, UpstreamMissingError
from lakehouse.io.state import Account
from lakehouse.settings import PROJECT, load_settings
from lakehouse.streaming import conditions as module
from lakehouse.streaming.batches import Batch
from lakehouse.streaming.conditions import Conditions, anomalies
from lakehouse.streaming.telemetry import Freshness, Measured

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
TABLE = "bronze.web_events"


@pytest.fixture
def conditions():
    limits = {"alert_lag_records": 100, "alert_rejected_pct": 5, "alert_freshness_s": 300}
    return Conditions(load_settings(**limits), "t", NOON)


def made(
    *,
    waiting=0,
    late=None,
    records=0,
    rejected=0,
    error=None,
    others=(),
    looked=True,
    minute=1,
):
    """A batch."""
    fate = Status.FAILED if error else Status.UPDATED
    first = Outcome(TABLE, fate, error=error, account=Account(rows_in=records))
    return Measured(
        "t",
        TABLE,
        Batch(
            lag={0: waiting} if looked else {},
            outcomes=(first, *others) if looked else (),
            error=error,
        ),
        NOON + timedelta(minutes=minute),
        freshness=Freshness(p50_s=late, p99_s=late),
        n_records=records,
        n_rejected=rejected,
    )


def severities(conditions, **batch):
    """By condition: its severity, or fine; conditions about which nothing is said are left out."""
    found = conditions.after(made(**batch))
    return {each.key.partition(":")[0]: str(each.severity or "fine") for each in found}


@pytest.mark.parametrize(
    ("waiting", "expected"),
    [(0, "fine"), (100, "fine"), (101, "warning"), (1000, "warning"), (1001, "critical")],
)
def test_lag_counts_beyond_its_limit(conditions, waiting, expected):
    assert severities(conditions, waiting=waiting)["lag"] == expected


def test_lag_that_grows_batch_after_batch_is_told_below_the_limit(conditions):
    found = [severities(conditions, waiting=n)["lag"] for n in (10, 20, 30, 40, 50, 60, 55, 56)]
    assert found == ["fine"] * 5 + ["warning", "fine", "fine"]


@pytest.mark.parametrize(
    ("late", "expected"), [(300, "fine"), (301, "warning"), (1800, "warning"), (1801, "critical")]
)
def test_freshness_is_that_of_the_median_event(conditions, late, expected):
    assert severities(conditions, late=late)["freshness"] == expected


def test_a_batch_without_events_says_nothing_of_freshness(conditions):
    assert "freshness" not in severities(conditions)


def test_where_nothing_can_be_consumed_figures_get_late_all_the_same(conditions):
    away = UpstreamMissingError("away")
    found = [
        severities(conditions, error=away, looked=False, minute=minute) for minute in (1, 5, 6, 31)
    ]
    assert [each.get("freshness") for each in found] == [None, None, "warning", "critical"]
    assert [each.get("stream") for each in found] == [None, None, "warning", "warning"]
    severities(conditions, minute=32)
    idle = {each.key: each.severity for each in conditions.idle(NOON + timedelta(minutes=32))}
    assert idle == {"lag:t": None, "freshness:t": None, "stream:t": None}
    assert "freshness" not in severities(conditions, error=away, looked=False, minute=33)


def test_figures_of_a_table_that_failed_get_late_though_nothing_waits(conditions):
    red = [Outcome("gold.x", Status.FAILED, error=OutputQualityError("red"))]
    assert "freshness" not in severities(conditions, others=red, minute=1)
    assert "freshness:t" not in {each.key for each in conditions.idle(NOON + timedelta(minutes=3))}
    assert severities(conditions, others=red, minute=6)["freshness"] == "warning"


def test_the_share_of_rejects_is_that_of_the_newest_records(conditions):
    seen = [
        severities(conditions, records=n, rejected=bad).get("rejected")
        for n, bad in [(10, 9), (10, 0), (80, 0), (100, 5), (100, 6), (60, 0), (60, 0), (60, 60)]
    ]
    #        too few    9/20        9/100     5/100   6/100      6/160   0/120   60/120
    assert seen == [None, "warning", "warning", "fine", "warning", "fine", "fine", "critical"]


def test_a_red_gate_is_told_at_once_and_what_may_mend_itself_at_its_third_time(conditions):
    red, busy = OutputQualityError("3 of 9"), LockedError("pid 7")
    gold = [Outcome("gold.x", Status.FAILED, error=red), Outcome("gold.y", Status.BLOCKED)]
    found = {e.key: e for e in conditions.after(made(others=gold))}
    assert str(found["table:gold.x"].severity) == "critical"
    assert found["table:gold.x"].text == "3 of 9"
    assert found[f"table:{TABLE}"].severity is None
    assert "table:gold.y" not in found, "it was not tried"
    busy_one = [Outcome("gold.x", Status.FAILED, error=busy)]
    times = [
        {e.key: e for e in conditions.after(made(others=busy_one))}.get("table:gold.x")
        for _ in range(2)
    ]
    assert times[0] is None
    assert times[1] is not None, "the red one counts as the first time"
    again = {e.key: e for e in conditions.after(made(others=[Outcome("gold.x", Status.UPDATED)]))}
    assert again["table:gold.x"].severity is None


def test_the_red_gate_of_the_first_table_is_one_alert(conditions):
    found = conditions.after(made(error=OutputQualityError("red"), waiting=60))
    assert [e.key for e in found if e.severity] == [f"table:{TABLE}"]


def test_anomalies_are_told_by_figure_as_long_as_the_last_window_is_one():
    common = {"expected": 120.0, "direction": "drop"}
    rows = [
        {"metric_name": "n_events", "value": 12, "severity": "critical", "window_end": NOON},
        {"metric_name": "n_page_views", "value": 60, "severity": "high", "window_end": NOON},
        {
            "metric_name": "n_conversions",
            "value": 1,
            "severity": "critical",
            "window_end": NOON - timedelta(minutes=1),  # the window after it was as usual
        },
    ]
    found = {each.key: each for each in anomalies([row | common for row in rows], NOON)}
    assert {key: each.severity and str(each.severity) for key, each in found.items()} == {
        "anomaly:n_events": "critical",
        "anomaly:n_page_views": "warning",
        "anomaly:n_conversions": None,
        "anomaly:n_failed_forms": None,
    }
    assert found["anomaly:n_events"].text == (
        "12 where 120 was expected, in the ten minutes that ended 2026-01-05 12:00 UTC."
    )


def test_every_runbook_that_an_alert_names_is_there():
    named = (module.CONSUMER_LAG, module.REAL_TIME_DELAY, module.DEAD_LETTERS, module.REPAIR)
    assert [name for name in named if not (PROJECT / name).exists()] == []
