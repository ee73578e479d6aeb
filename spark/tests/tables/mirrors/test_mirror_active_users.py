"""Active users by day, week, month and window, stickiness and retention on literal rows."""

from __future__ import annotations

from datetime import date

import pytest
from tables.mirror import rows, values

from lakehouse.tables.gold import (
    cohort_retention,
    daily_active_users,
    monthly_active_users,
    rolling_active_users,
    stickiness,
    weekly_active_groups,
    weekly_active_users,
)

pytestmark = pytest.mark.spark


def active(user, on, country="DE", device="mobile"):
    return {
        "user_id": user,
        "activity_date": date.fromisoformat(on),
        "n_interactions": 2,
        "total_duration_ms": 10,
        "country": country,
        "device_type": device,
        "subscription_type": "free",
    }


def overall(found):
    return [row for row in found if row["dimension_name"] is None]


def test_users_of_a_day_are_counted_overall_and_by_dimension(spark):
    given = [active("a", "2026-01-01"), active("b", "2026-01-01", "FR"), active("a", "2026-01-02")]
    found = rows(spark, daily_active_users, given, as_of=date(2026, 1, 2))
    assert values(overall(found), "activity_date", "dau", "n_interactions", "is_complete") == [
        (date(2026, 1, 1), 2, 4, True),
        (date(2026, 1, 2), 1, 2, False),
    ]
    french = [row for row in found if row["dimension_value"] == "FR"]
    assert values(french, "activity_date", "dau") == [(date(2026, 1, 1), 1)]


def test_a_user_of_two_devices_in_a_week_is_one_of_each_and_one_of_all(spark):
    given = [
        active("a", "2026-01-05"),
        active("a", "2026-01-06", device="desktop"),
        active("b", "2026-01-06", "FR"),
        active("b", "2026-01-12", "FR"),
    ]
    found = rows(spark, weekly_active_groups, given, as_of=date(2026, 1, 12))
    names = ("week_start", "country", "device_type", "wau", "is_complete")
    first, second = date(2026, 1, 5), date(2026, 1, 12)
    free = [row for row in found if row["subscription_type"] == "free"]
    assert values(free, *names) == [
        (first, None, None, 2, True),
        (first, None, "desktop", 1, True),
        (first, None, "mobile", 2, True),
        (first, "DE", None, 1, True),
        (first, "DE", "desktop", 1, True),
        (first, "DE", "mobile", 1, True),
        (first, "FR", None, 1, True),
        (first, "FR", "mobile", 1, True),
        (second, None, None, 1, False),
        (second, None, "mobile", 1, False),
        (second, "FR", None, 1, False),
        (second, "FR", "mobile", 1, False),
    ]
    every_plan = [row for row in found if row["subscription_type"] is None]
    assert values(every_plan, *names) == values(free, *names)


def test_a_user_of_two_days_is_one_of_the_week_and_growth_needs_the_week_before(spark):
    given = [
        *(active("a", day) for day in ("2025-12-31", "2026-01-01")),  # one ISO week over New Year
        *(active(user, "2026-01-05") for user in "abc"),
        active("a", "2026-01-19"),  # nobody came in the week before
    ]
    found = rows(spark, weekly_active_users, given, as_of=date(2026, 1, 19))
    assert values(overall(found), "week_start", "wau", "wau_growth_rate", "is_complete") == [
        (date(2025, 12, 29), 1, None, True),
        (date(2026, 1, 5), 3, 2.0, True),
        (date(2026, 1, 19), 1, None, False),
    ]


def test_a_month_is_complete_when_its_last_day_is_over(spark):
    given = [active("a", "2026-01-31"), active("b", "2026-01-01"), active("a", "2026-02-01")]
    found = rows(spark, monthly_active_users, given, as_of=date(2026, 2, 1))
    assert values(overall(found), "month_start", "mau", "mau_growth_rate", "is_complete") == [
        (date(2026, 1, 1), 2, None, True),
        (date(2026, 2, 1), 1, -0.5, False),
    ]


def test_growth_of_a_month_is_against_the_month_before_and_no_other(spark):
    given = [active(user, "2025-12-15") for user in "ab"]
    given += [active(user, "2026-01-15") for user in "abc"]
    given += [active(user, "2026-03-15") for user in "abcd"]  # nobody came in February
    given += [active("a", "2026-04-15", "FR"), active("b", "2026-04-15")]
    found = rows(spark, monthly_active_users, given, as_of=date(2026, 5, 1))
    assert values(overall(found), "month_start", "mau", "mau_growth_rate") == [
        (date(2025, 12, 1), 2, None),
        (date(2026, 1, 1), 3, 0.5),  # over New Year
        (date(2026, 3, 1), 4, None),
        (date(2026, 4, 1), 2, -0.5),
    ]
    april = [row for row in found if row["month_start"] == date(2026, 4, 1)]
    by_country = [row for row in april if row["dimension_name"] == "country"]
    assert values(by_country, "dimension_value", "mau", "mau_growth_rate") == [
        ("DE", 1, -0.75),
        ("FR", 1, None),  # nobody of France in March, though there were others
    ]


def test_a_user_counts_for_seven_and_for_28_days(spark):
    given = [active("a", "2026-01-01")]
    given += [active("b", day) for day in ("2026-01-07", "2026-01-08", "2026-01-28", "2026-01-29")]
    found = rows(spark, rolling_active_users, given, as_of=date(2026, 1, 29))
    assert values(found, "activity_date", "wau_7d", "mau_28d", "is_complete") == [
        (date(2026, 1, 1), 1, 1, True),
        (date(2026, 1, 7), 2, 2, True),
        (date(2026, 1, 8), 1, 2, True),
        (date(2026, 1, 28), 1, 2, True),
        (date(2026, 1, 29), 1, 1, False),
    ]


def test_a_day_is_set_beside_its_month_and_its_four_weeks(spark):
    days = [
        {"activity_date": date(2026, 1, 2), "dau": 1},
        {"activity_date": date(2026, 1, 2), "dimension_name": "country", "dau": 1},
    ]
    months = [{"month_start": date(2026, 1, 1), "mau": 4, "is_complete": False}]
    rolling = [{"activity_date": date(2026, 1, 2), "mau_28d": 5, "is_complete": True}]
    found = rows(spark, stickiness, days, months, rolling)
    names = ("dau", "mau", "stickiness_rate", "mau_28d", "stickiness_28d_rate", "is_complete")
    assert values(found, *names) == [(1, 4, 0.25, 5, 0.2, False)]


def member(bits, week="2026-01-05"):
    return {"cohort_week": date.fromisoformat(week), "active_weeks": bits}


def test_bits_of_a_cohort_are_its_retention_of_weeks_that_began(spark):
    given = [member(0b101), member(0b001)]
    found = rows(spark, cohort_retention, given, as_of=date(2026, 1, 20))
    names = ("week_number", "cohort_size", "active_users", "retention_rate", "is_complete")
    assert values(found, *names) == [
        (0, 2, 2, 1.0, True),
        (1, 2, 0, 0.0, True),
        (2, 2, 1, 0.5, False),
    ]


def test_no_cohort_is_watched_for_more_than_26_weeks(spark):
    found = rows(spark, cohort_retention, [member(1)], as_of=date(2027, 1, 1))
    assert (len(found), found[-1]["week_number"]) == (27, 26)
