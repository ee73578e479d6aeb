"""Load times: percentiles, devices, hours and anomalies on literal rows."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from tables.mirror import rows, values

from lakehouse.tables.gold import (
    device_performance,
    performance_anomalies,
    performance_by_hour,
    performance_metrics,
)

pytestmark = pytest.mark.spark
MONDAY = datetime(2026, 1, 5, 9)  # noqa: DTZ001  # the session's are naive, in UTC


def measured(ms, *, device="mobile", page="home", version="1.0", moment=MONDAY, outlier=False):
    return {
        "event_at": moment,
        "event_date": moment.date(),
        "duration_ms": ms,
        "device_type": device,
        "page_id": page,
        "app_version": version,
        "is_duration_outlier": outlier,
    }


def test_percentiles_lie_between_neighbours_and_outliers_do_not_count(spark):
    given = [measured(ms) for ms in (100, 200, 300)]
    given += [measured(None), measured(10**9, outlier=True)]
    found = rows(spark, performance_metrics, given, as_of=date(2026, 1, 5))
    assert len(found) == 8  # every mix of three parts, told or not
    (overall,) = (
        row for row in found if not (row["page_id"] or row["app_version"] or row["device_type"])
    )
    assert (overall["n"], overall["p50_ms"]) == (3, 200.0)
    assert overall["p95_ms"] == pytest.approx(290.0)
    assert overall["p99_ms"] == pytest.approx(298.0)
    assert overall["p99_p50_gap_ms"] == pytest.approx(98.0)
    assert not overall["is_complete"]


def test_a_page_nobody_tells_is_unknown(spark):
    found = rows(spark, performance_metrics, [measured(1, page=None)], as_of=date(2026, 1, 6))
    assert {row["page_id"] for row in found} == {None, "unknown"}
    assert all(row["is_complete"] for row in found)


def test_hours_of_the_week_have_their_percentiles(spark):
    given = [measured(10), measured(20), measured(5, moment=MONDAY + timedelta(days=6, hours=2))]
    found = rows(spark, performance_by_hour, given)
    assert values(found, "weekday", "hour", "n", "p50_ms") == [(1, 9, 2, 15.0), (7, 11, 1, 5.0)]


def test_a_device_that_is_slower_correlates_and_a_lone_one_does_not(spark):
    slow = [measured(ms, device="mobile") for ms in (300, 400)]
    fast = [measured(ms, device="desktop") for ms in (100, 200)]
    found = rows(spark, device_performance, [*slow, *fast])
    by_device = {row["device_type"]: row["spearman"] for row in found}
    # Ranks 1 2 | 3 4: covariance 0.5, deviations sqrt(1.25) and 0.5.
    expected = 0.5 / (1.25**0.5 * 0.5)
    assert by_device == {
        "desktop": pytest.approx(-expected),
        "mobile": pytest.approx(expected),
    }
    assert values(rows(spark, device_performance, slow), "n", "spearman") == [(2, None)]


def point(day, p95, page=None):
    return {
        "metric_date": date(2026, 1, 1) + timedelta(days=day),
        "page_id": page,
        "n": 10_000,
        "p50_ms": p95 / 2,
        "p95_ms": float(p95),
        "is_complete": True,
    }


def test_a_day_far_above_those_before_it_is_critical_and_a_usual_one_is_none(spark):
    usual = [point(day, 1000 + day % 3) for day in range(56)]
    assert rows(spark, performance_anomalies, usual) == []
    (found,) = rows(spark, performance_anomalies, [*usual, point(56, 5000)])
    assert (found["metric_date"], found["severity"]) == (date(2026, 2, 26), "critical")
    assert found["series_name"] is None
    assert found["z_score"] > 4


def test_a_page_is_a_series_of_its_own(spark):
    given = [point(day, 1000 + day % 3, page="home") for day in range(56)]
    (found,) = rows(spark, performance_anomalies, [*given, point(56, 5000, page="home")])
    assert (found["series_name"], found["series_value"]) == ("page_id", "home")
