"""Unusual days of use and of conversions on literal rows."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from tables.mirror import rows, values

from lakehouse.tables.gold import conversion_anomalies, usage_anomalies

pytestmark = pytest.mark.spark
FIRST = date(2026, 1, 1)


def used(day, dau, *, over=True, **group):
    return {
        "activity_date": FIRST + timedelta(day),
        "dau": dau,
        "n_interactions": 50,  # too few for anything to be told
        "is_complete": over,
        **group,
    }


def visited(day, rate=0.4, *, over=True, **group):
    return {
        "metric_date": FIRST + timedelta(day),
        "total_sessions": 1000,
        "bounce_rate": rate,
        "is_complete": over,
        **group,
    }


DESKTOP = {"dimension_name": "device_type", "dimension_value": "desktop"}


def unusual(spark, users, sessions=(), *, until=40):
    sessions = sessions or [visited(0)]
    as_of = FIRST + timedelta(until)
    found = rows(spark, usage_anomalies, users, sessions, as_of=as_of)
    return values(found, "metric_date", "metric_name", "dimension_value", "severity")


def test_half_the_users_are_critical_and_so_is_nobody(spark):
    calm = [used(day, 400, **DESKTOP) for day in range(40) if day not in {35, 37}]
    assert unusual(spark, [*calm, used(35, 200, **DESKTOP)]) == [
        (FIRST + timedelta(35), "dau", "desktop", "critical"),
        (FIRST + timedelta(37), "dau", "desktop", "critical"),  # has no row at all
    ]


def test_twice_the_users_are_critical_too(spark):
    calm = [used(day, 400) for day in range(39)]
    assert unusual(spark, [*calm, used(39, 800)]) == [
        (FIRST + timedelta(39), "dau", None, "critical")
    ]


def test_a_day_that_is_not_over_and_a_group_too_small_to_tell_say_nothing(spark):
    calm = [used(day, 400) for day in range(40)]
    small = [used(day, 9, **DESKTOP) for day in range(39)]
    assert unusual(spark, [*calm, used(40, 10, over=False), *small]) == []


def test_more_bounces_are_critical_and_fewer_are_medium(spark):
    users = [used(day, 400) for day in range(40)]
    calm = [visited(day) for day in range(35)]
    assert unusual(spark, users, [*calm, visited(35, 0.6), visited(36, 0.2)])[:2] == [
        (FIRST + timedelta(35), "bounce_rate", None, "critical"),
        (FIRST + timedelta(36), "bounce_rate", None, "medium"),
    ]


def test_a_finding_is_a_sentence(spark):
    calm = [used(day, 400, **DESKTOP) for day in range(39)]
    (found,) = rows(
        *(spark, usage_anomalies, [*calm, used(39, 1300, **DESKTOP)], [visited(0)]),
        as_of=FIRST + timedelta(40),
    )
    assert found["description"] == (
        "dau of device_type desktop: 1,300, expected 400 for the weekday (+225 %)"
    )
    # 2 sqrt(1300.375) - 2 sqrt(400.375), of an error 1, six Mondays and 39 days before.
    error = (1 + 1.5708 / 5 + 4 * 1.5708 / 39) ** 0.5
    assert found["z_score"] == pytest.approx((72.12143 - 40.01875) / error, rel=1e-4)


def converted(day, users, *, size="small"):
    """Users who convert on a day, with their signups."""
    names = [f"{size}-{day}-{n}" for n in range(users)]
    return [
        ({"user_id": name, "company_size": size}, {"user_id": name, "plan": "pro",
         "conversion_date": FIRST + timedelta(day)})
        for name in names
    ]  # fmt: skip


def test_days_without_conversions_are_critical_while_people_use_the_product(spark):
    pairs = [pair for day in range(37) for pair in converted(day, 30)]
    users, conversions = ([each[k] for each in pairs] for k in (0, 1))
    again = {**conversions[0], "conversion_date": FIRST + timedelta(38)}  # not a first one
    found = rows(
        *(spark, conversion_anomalies, users, [*conversions, again], []),
        as_of=FIRST + timedelta(39),
    )
    days = [FIRST + timedelta(day) for day in (37, 38)]
    groups = [(None, None), ("company_size", "small"), ("industry", "unknown")]
    assert values(found, "metric_date", "dimension_name", "dimension_value", "value") == [
        (day, *group, 0.0) for day in days for group in groups
    ]
    assert {row["severity"] for row in found} == {"critical"}


def test_more_conversions_than_usual_are_no_more_than_medium(spark):
    pairs = [pair for day in range(38) for pair in converted(day, 120 if day == 37 else 20)]
    users, conversions = ([each[k] for each in pairs] for k in (0, 1))
    found = rows(spark, conversion_anomalies, users, conversions, [], as_of=FIRST + timedelta(38))
    assert {row["severity"] for row in found} == {"medium"}
    assert {row["metric_date"] for row in found} == {FIRST + timedelta(37)}
