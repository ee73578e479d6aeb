"""The silver and gold tables of growth on literal rows."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal

import pytest
from tables.mirror import rows, values

from lakehouse.tables.gold import feature_conversion_impact, feature_conversion_lift
from lakehouse.tables.silver import feature_states, feature_usage_facts, user_dim

pytestmark = pytest.mark.spark
OPEN = date(9999, 12, 31)


def day(number):
    return date(2026, 1, number)


def release(on, version, *, name="Boards", enabled=True, deleted=False, row="r"):
    return {
        "feature_id": "f",
        "feature_name": name,
        "version": version,
        "is_enabled": enabled,
        "is_deleted": deleted,
        "release_date": day(on),
        "_row_id": f"{row}{on}{version}",
    }


def event(identity, on, *, row="r", user="u"):
    return {
        "event_id": identity,
        "user_id": user,
        "feature_id": "f",
        "event_date": day(on),
        "_row_id": row,
    }


def test_feature_states_open_and_close_on_the_day_of_a_change(spark):
    landed = [release(1, "1"), release(3, "2"), release(5, "2"), release(7, "3", deleted=True)]
    found = rows(spark, feature_states, landed)
    assert values(found, "version", "effective_from", "effective_to", "is_current") == [
        ("1", day(1), day(3), False),
        ("2", day(3), day(7), False),
    ]
    back = rows(spark, feature_states, [*landed, release(9, "2")])
    assert values(back, "version", "effective_from", "effective_to", "is_current")[-1] == (
        *("2", day(9), OPEN, True),
    )


def test_of_one_day_the_highest_version_counts_as_a_number(spark):
    found = rows(spark, feature_states, [release(1, "1.9"), release(1, "1.10"), release(1, None)])
    assert values(found, "version", "effective_to") == [("1.10", OPEN)]


def test_a_name_of_null_differs_from_an_empty_one(spark):
    found = rows(spark, feature_states, [release(1, "1", name=None), release(2, "1", name="")])
    assert values(found, "feature_name") == [(None,), ("",)]
    assert len({row["record_hash"] for row in found}) == 2


def test_usage_counts_distinct_events_up_to_the_as_of_date(spark):
    landed = [event("a", 1), event("a", 2, row="s"), event("b", 4), event("late", 6)]
    found = rows(spark, feature_usage_facts, landed, as_of=day(5))
    names = ("first_used_date", "last_used_date", "total_usage_count", "avg_daily_usage")
    assert values(found, *names, "as_of_date") == [(day(1), day(4), 2, 0.5, day(5))]


def test_a_plan_is_that_of_the_latest_conversion_and_free_without_one(spark):
    users = [
        {"user_id": user, "signup_date": day(on), "_row_id": f"{user}{on}"}
        for user, on in (("a", 1), ("a", 3), ("b", 1), ("c", 1))
    ]
    paid = [
        {"user_id": "a", "conversion_date": day(2), "plan": "pro", "mrr": Decimal(49)},
        {"user_id": "a", "conversion_date": day(5), "plan": "team", "mrr": Decimal(9)},
        {"user_id": "b", "conversion_date": day(2), "plan": "pro", "mrr": None},
        {"user_id": "b", "conversion_date": day(2), "plan": "team", "mrr": Decimal(99)},
        {"user_id": "stranger", "conversion_date": day(2), "plan": "pro", "mrr": Decimal(1)},
    ]
    found = rows(spark, user_dim, users, paid)
    assert values(found, "user_id", "signup_date", "current_plan") == [
        ("a", day(1), "team"),  # the latest, though it pays less; the earliest signup
        ("b", day(1), "team"),  # of one day the higher mrr
        ("c", day(1), "free"),
    ]


def inputs_of_impact(by_name):
    """Three users and one feature: one used it and converted, one only could, one could not."""
    users = [{"user_id": user, "signup_date": day(1)} for user in "abc"]
    states = [
        {
            "feature_id": "f",
            "feature_name": "Boards",
            "version": "1",
            "is_enabled": True,
            "effective_from": day(4),
            "effective_to": OPEN,
            "is_current": True,
        }
    ]
    use = [
        {
            "user_id": "a",
            "feature_id": "f",
            "first_used_date": day(5),
            "last_used_date": day(5),
            "total_usage_count": 1,
            "as_of_date": day(20),
        }
    ]
    paid = [
        {"user_id": "a", "conversion_date": day(6), "mrr": Decimal(50), "days_to_convert": 5},
        {"user_id": "c", "conversion_date": day(2), "mrr": Decimal(10), "days_to_convert": 1},
    ]
    known = {
        "silver.user_dim": users,
        "silver.feature_states": states,
        "silver.feature_usage_facts": use,
        "bronze.conversions": paid,
    }
    return [known.get(name, []) for name in by_name]


def test_every_user_is_in_one_cohort_of_a_feature(spark):
    given = inputs_of_impact([each.name for each in feature_conversion_impact.TABLE.upstream])
    found = rows(spark, feature_conversion_impact, *given, as_of=day(20))
    told = {row["cohort"]: row for row in found if row["total_users"]}
    assert {name: (r["total_users"], r["converted_users"]) for name, r in told.items()} == {
        "used_before_conversion": (1, 1),
        "available_not_used": (1, 0),
        "not_available": (1, 1),
    }
    assert told["used_before_conversion"]["avg_days_to_convert"] == 5.0
    assert told["available_not_used"]["avg_mrr"] is None


def test_person_days_are_split_at_the_first_use_and_few_users_make_no_lift(spark):
    given = inputs_of_impact([each.name for each in feature_conversion_lift.TABLE.upstream])
    (found,) = rows(spark, feature_conversion_lift, *given, as_of=date(2026, 3, 31))
    # a: 4 days, then 1 until conversion; b: 89 days; c converts after 1 day, without the feature.
    assert (found["exposed_days"], found["exposed_conversions"]) == (1, 1)
    assert (found["unexposed_days"], found["unexposed_conversions"]) == (4 + 89 + 1, 1)
    assert found["rate_ratio"] == 94.0
    # ln 94 -+ 1.96 x sqrt(1/1 + 1/1)
    assert found["rate_ratio_low"] == pytest.approx(94 / math.exp(1.959964 * 2**0.5), rel=1e-6)
    # Only b had not converted two weeks after signup.
    assert (found["n_used"], found["n_not_used"], found["n_not_used_converted"]) == (0, 1, 0)
    assert (found["used_rate"], found["adjusted_lift"], found["verdict"]) == (
        *(None, None, "association"),
    )
