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


def test_of_an_hour_nobody_measured_nothing_is_told(spark):
    given = [measured(ms) for ms in (30, 10, 20, 20)]
    given += [measured(None), measured(10**9, outlier=True)]
    given += [measured(None, moment=MONDAY + timedelta(hours=1))]
    given += [measured(10**9, outlier=True, moment=MONDAY + timedelta(hours=2))]
    given += [measured(7, moment=MONDAY + timedelta(minutes=59, days=7))]  # the hour of next Monday
    found = rows(spark, performance_by_hour, given)
    # Of 7 10 20 20 30 at places 2 and 3.8.
    assert values(found, "weekday", "hour", "n", "p50_ms") == [(1, 9, 5, 20.0)]
    assert found[0]["p95_ms"] == pytest.approx(28.0)


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


def test_devices_have_their_quantiles_and_what_is_not_measured_has_no_rank(spark):
    given = [measured(ms) for ms in (10, 30, 20, 20, 50)]
    given += [measured(None), measured(10**9, outlier=True)]
    given += [measured(ms, device="desktop") for ms in (20, 60)]
    given += [measured(None, device="tv"), measured(10**9, device="watch", outlier=True)]
    found = rows(spark, device_performance, given)
    assert values(found, "device_type", "n", "min_ms", "q1_ms", "median_ms", "q3_ms", "max_ms") == [
        ("desktop", 2, 20.0, 30.0, 40.0, 50.0, 60.0),
        ("mobile", 5, 10.0, 20.0, 20.0, 30.0, 50.0),
    ]
    assert [row["p95_ms"] for row in found] == [pytest.approx(58.0), pytest.approx(46.0)]
    # Ranks 1 | 3 3 3 | 5 | 6 | 7, of which the desktop has 3 and 7: mean 5 against 4 of all.
    # Covariance 2/7 x (5 - 4), deviations sqrt(26/7) of ranks and sqrt(2/7 x 5/7) of being one.
    expected = (2 / 7) / ((26 / 7) ** 0.5 * (10 / 49) ** 0.5)
    assert [row["spearman"] for row in found] == [
        pytest.approx(expected),
        pytest.approx(-expected),
    ]


def test_equal_durations_correlate_with_no_device(spark):
    given = [measured(5), measured(5), measured(5, device="desktop")]
    found = rows(spark, device_performance, given)
    assert values(found, "device_type", "n", "spearman") == [
        ("desktop", 1, None),
        ("mobile", 2, None),
    ]


def point(day, p95, page=None, *, p50=None, n=10_000, **mix):
    return {
        "metric_date": date(2026, 1, 1) + timedelta(days=day),
        "page_id": page,
        "n": n,
        "p50_ms": p95 / 2 if p50 is None else float(p50),
        "p95_ms": float(p95),
        "is_complete": True,
        **mix,
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


FIVE_WEEKS = (0, 1, 2, 7, 8, 9, 14, 15, 16, 21, 22, 23, 28, 29)
"""Fourteen days before day 35, a Thursday as day 0 is; five of them Thursdays."""


def calm(days=FIVE_WEEKS, **more):
    """Days of 1000 ms, so sure that the least spread is theirs."""
    return [point(day, 1000, p50=1000, **more) for day in days]


def unusual(spark, **given):
    """Severity of the one unusual day of each page that has one, from the days of pages."""
    points = [each | {"page_id": page} for page, days in given.items() for each in days]
    found = rows(spark, performance_anomalies, points)
    severities = {row["series_value"]: row["severity"] for row in found}
    assert len(severities) == len(found)
    return severities


def test_fourteen_days_before_a_day_say_what_is_usual_and_thirteen_do_not(spark):
    slow = point(35, 5000)
    found = unusual(
        spark,
        fourteen=[*calm(), slow],
        thirteen=[*calm(FIVE_WEEKS[1:]), slow],
        others=[*calm(FIVE_WEEKS[:-1]), slow],
    )
    assert found == {"fourteen": "critical"}


def test_days_of_few_interactions_count_neither_as_usual_nor_as_unusual(spark):
    told, last, slow = calm(FIVE_WEEKS[:-1]), FIVE_WEEKS[-1:], point(35, 5000)
    found = unusual(
        spark,
        usual_of_29=[*told, *calm(last, n=29), slow],
        usual_of_30=[*told, *calm(last, n=30), slow],
        unusual_of_29=[*calm(), point(35, 5000, p50=5000, n=29)],
        unusual_of_30=[*calm(), point(35, 5000, p50=5000, n=30)],
    )
    assert found == {"usual_of_30": "critical", "unusual_of_30": "critical"}


def test_a_weekday_is_known_after_three_of_it(spark):
    two = [day for day in range(21) if day != 17]  # a Sunday, as day 24 is
    slow = point(24, 5000)
    assert unusual(spark, two=[*calm(two), slow], three=[*calm([*two, 17]), slow]) == {
        "three": "critical"
    }


def test_56_days_before_a_day_still_count_and_57_do_not(spark):
    def days(last):
        """Day 0 and, as before day 35, thirteen others."""
        return [*calm([0, *(day + last - 35 for day in FIVE_WEEKS[1:])]), point(last, 5000)]

    assert unusual(spark, after_56=days(56), after_57=days(57)) == {"after_56": "critical"}


def test_severity_follows_from_how_far_a_day_lies_from_usual_ones(spark):
    # Of five Thursdays: 0.02 x sqrt(1 + 1.5708 / 5) = 0.022927. 1001 x e^(z x 0.022927) - 1 is
    # 1071.3 at 3, 1083.6 at 3.5, 1096.1 at 4, 933.5 at -3; faster days are never more than medium.
    days = (500, 933, 934, 1071, 1072, 1083, 1084, 1096, 1097)
    found = unusual(spark, **{str(ms): [*calm(), point(35, ms, p50=ms)] for ms in days})
    assert found == {
        "500": "medium",
        "933": "medium",
        "1072": "medium",
        "1083": "medium",
        "1084": "high",
        "1096": "high",
        "1097": "critical",
    }


def test_a_day_of_few_interactions_is_less_sure_and_the_finding_is_a_sentence(spark):
    (found,) = rows(spark, performance_anomalies, [*calm(), point(35, 2000, p50=1000, n=30)])
    # Noise is 1.2847 x ln(2001 / 1001) / sqrt(30), and the day lies ln(2001 / 1001) away; of five
    # Thursdays the usual one is uncertain, too.
    assert found["z_score"] == pytest.approx(30**0.5 / 1.2847 / (1 + 1.5708 / 5) ** 0.5)
    assert (found["metric_date"], found["baseline"]) == (date(2026, 2, 5), pytest.approx(1000))
    assert found["description"] == (
        "95th percentile of everything: 2,000 ms, expected 1,000 ms for the weekday (+100 %)"
    )


def test_a_mix_of_two_parts_is_no_series(spark):
    one, two = {"device_type": "mobile"}, {"device_type": "mobile", "app_version": "1.0"}
    given = [each for mix in (one, two) for each in (*calm(**mix), point(35, 5000, **mix))]
    found = rows(spark, performance_anomalies, given)
    assert values(found, "series_name", "series_value") == [("device_type", "mobile")]


def test_a_new_version_is_compared_with_the_days_of_all_versions(spark):
    slow = [point(day, 1600, app_version="2.0") for day in (35, 36)]
    fine = [point(day, 1010, app_version="2.1") for day in (35, 36)]
    new_page = point(35, 1600, page="new")
    found = rows(spark, performance_anomalies, [*calm(), *slow, *fine, new_page])
    assert values(found, "series_value", "metric_date", "severity", "baseline") == [
        ("2.0", date(2026, 2, 5), "critical", pytest.approx(1000)),
        ("2.0", date(2026, 2, 6), "critical", pytest.approx(1000)),
    ]


def test_a_version_with_days_of_its_own_is_compared_with_those(spark):
    own = [point(day, 3000, p50=3000, app_version="1.0") for day in (*FIVE_WEEKS, 35)]
    assert rows(spark, performance_anomalies, [*calm(), *own]) == []
