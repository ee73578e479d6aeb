"""The silver and gold tables of growth on literal rows."""

from __future__ import annotations

import hashlib
import math
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from pyspark.sql import functions as F
from tables.mirror import rows, values

from lakehouse.tables.gold import feature_conversion_impact, feature_conversion_lift
from lakehouse.tables.silver import feature_states, feature_usage_facts, user_dim
from lakehouse.transforms.conversions import first_conversions

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


SEMVER = (
    *("x", "1.9", "v1.10.0-alpha", "1.10.0-alpha.1", "1.10.0-alpha.beta", "1.10.0-beta"),
    *("V1.10.0-beta.2", "1.10.0-beta.11", "1.10.0-beta.11.0", "1.10.0-rc.1", "1.10.0-rc-1.1"),
    *("1.10.0-rc10", "1.10.0-rc9", "1.10.0", "1.10.1", "2.0", "2.0.00018446744073709551617"),
)
"""Each is lower than the next, by section 11 of semver.org/spec/v2.0.0."""


def test_versions_of_one_day_stand_in_the_order_of_semantic_versioning(spark):
    pairs = [
        release(1, version, row="r") | {"feature_id": f"{n:02}"}
        for n, pair in enumerate(pairwise(SEMVER))
        for version in pair
    ]
    found = rows(spark, feature_states, pairs)
    assert [row["version"] for row in found] == list(SEMVER[1:])


@pytest.mark.parametrize("row_ids", ["ab", "ba"])
def test_of_one_day_and_version_the_highest_record_hash_counts(spark, row_ids):
    told = {
        name: hashlib.md5(
            f'{{"feature_name":"{name}","version":"1","is_enabled":true}}'.encode(),
            usedforsecurity=False,
        ).hexdigest()
        for name in ("Boards", "Tables")
    }
    given = [release(1, "1", name=n, row=r) for n, r in zip(told, row_ids, strict=True)]
    found = rows(spark, feature_states, given)
    assert values(found, "feature_name", "record_hash") == [max(told.items(), key=lambda x: x[1])]


def test_of_one_state_on_one_day_the_delete_counts(spark):
    given = [release(1, "1"), release(3, "1", row="a"), release(3, "1", row="b", deleted=True)]
    found = rows(spark, feature_states, given)
    assert values(found, "effective_from", "effective_to", "is_current") == [
        (day(1), day(3), False),
    ]


def test_a_feature_is_disabled_from_the_day_of_the_release(spark):
    given = [release(1, "1"), release(5, "1", enabled=False), release(9, "1")]
    found = rows(spark, feature_states, given)
    assert values(found, "is_enabled", "effective_from", "is_current") == [
        (True, day(1), False),
        (False, day(5), False),
        (True, day(9), True),
    ]


def test_every_change_of_one_delivery_is_kept(spark):
    found = rows(spark, feature_states, [release(n, f"{n}.0") for n in (1, 2, 3)])
    assert values(found, "version", "is_current") == [
        ("1.0", False),
        ("2.0", False),
        ("3.0", True),
    ]


def test_the_record_hash_tells_fields_from_each_other(spark):
    given = [
        release(on, version, name=name)
        for on, version, name in ((1, "x", "y-"), (2, "-x", "y"), (3, None, "y-x"))
    ]
    assert len({row["record_hash"] for row in rows(spark, feature_states, given)}) == 3


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


def test_no_mrr_is_less_than_none_to_pay_and_of_equal_ones_the_last_plan_by_name_counts(spark):
    users = [{"user_id": user, "signup_date": day(1), "_row_id": user} for user in "ab"]
    paid = [
        {
            "user_id": user,
            "conversion_date": day(2),
            "plan": plan,
            "mrr": mrr,
            "_row_id": plan[::-1],
        }
        for user, plan, mrr in (
            *(("a", "unpriced", None), ("a", "gratis", Decimal(0))),
            *(("b", "team", Decimal(9)), ("b", "pro", Decimal(9)), ("b", "zero", None)),
        )
    ]
    found = rows(spark, user_dim, users, paid)
    assert values(found, "user_id", "current_plan") == [("a", "gratis"), ("b", "team")]


def test_the_first_and_the_latest_conversion_of_one_day_are_the_same(spark):
    user = {"user_id": "u", "signup_date": day(1), "_row_id": "u"}
    paid = [
        {"conversion_date": day(2), "plan": plan, "mrr": Decimal(9), "days_to_convert": days}
        for plan, days in (("pro", 1), ("team", 7), ("basic", 3))
    ]
    paid = [row | {"user_id": "u", "_row_id": str(n)} for n, row in enumerate(paid)]
    [known] = rows(spark, user_dim, [user], paid)
    inputs = spark.createDataFrame(
        [tuple(row.values()) for row in paid],
        "conversion_date date, plan string, mrr decimal(18,2), days_to_convert int,"
        " user_id string, _row_id string",
    ).withColumn("signup_date", F.lit(day(1)))
    [first] = first_conversions(inputs).collect()
    assert (known["current_plan"], first["days_to_convert"]) == ("team", 7)


def test_of_signups_on_one_day_the_lowest_row_id_counts(spark):
    users = [
        {"user_id": "u", "signup_date": day(on), "industry": industry, "_row_id": row}
        for on, industry, row in ((2, "later", "0"), (1, "second", "2"), (1, "first", "1"))
    ]
    found = rows(spark, user_dim, users, [])
    assert values(found, "signup_date", "industry") == [(day(1), "first")]


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


def first_conversion(spark, *paid):
    """Days to convert and mrr of the first conversion of a lone user."""
    told = [{"user_id": "u", "plan": "pro", "_row_id": "r", **each} for each in paid]
    known = {
        "silver.user_dim": [{"user_id": "u", "signup_date": day(1)}],
        "silver.feature_states": [
            {"feature_id": "f", "effective_from": day(1), "is_current": True},
        ],
        "bronze.conversions": told,
    }
    given = [known.get(each.name, []) for each in feature_conversion_impact.TABLE.upstream]
    (found,) = rows(spark, feature_conversion_impact, *given, as_of=day(20))
    assert (found["total_users"], found["converted_users"]) == (1, 1)
    return found["avg_days_to_convert"], found["avg_mrr"]


def conversion(on, mrr, days, **more):
    paid = None if mrr is None else Decimal(mrr)
    return {"conversion_date": day(on), "mrr": paid, "days_to_convert": days, **more}


def test_of_conversions_on_the_first_day_the_higher_mrr_counts_then_plan_then_row_id(spark):
    later = conversion(3, 999, 1, plan="a", _row_id="0")
    dearer = [conversion(2, 9, 2, plan="a", _row_id="0"), conversion(2, 10, 3), later]
    assert first_conversion(spark, *dearer) == (3.0, 10.0)
    priced = [conversion(2, None, 2, plan="a", _row_id="0"), conversion(2, 0, 3), later]
    assert first_conversion(spark, *priced) == (3.0, 0.0)
    plans = [conversion(2, 9, 2, plan="basic", _row_id="9"), conversion(2, 9, 3, plan="pro"), later]
    assert first_conversion(spark, *plans) == (3.0, 9.0)
    records = [conversion(2, 9, 2, _row_id="1"), conversion(2, 9, 3, _row_id="2"), later]
    assert first_conversion(spark, *records) == (3.0, 9.0)


def test_days_to_convert_are_those_of_billing_or_lie_between_its_dates(spark):
    assert first_conversion(spark, conversion(9, 1, 5, signup_date=day(2))) == (5.0, 1.0)
    assert first_conversion(spark, conversion(9, 1, None, signup_date=day(2))) == (7.0, 1.0)
    assert first_conversion(spark, conversion(9, None, None)) == (None, None)


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


def of_stratum(name, n, n_converted, *uses):
    """Users who signed up on day 1 with their uses (feature, day); some convert on day 21."""
    users = [f"{name}{number}" for number in range(n)]
    signups = [{"user_id": user, "signup_date": day(1)} for user in users]
    events = [
        event(f"{user}{feature}{on}", on, user=user) | {"feature_id": feature}
        for user in users
        for feature, on in uses
    ]
    paid = [
        {"user_id": user, "conversion_date": day(21), "plan": "pro", "_row_id": user}
        for user in users[:n_converted]
    ]
    return signups, events, paid


def test_a_lift_within_strata_and_per_day_is_supported(spark):
    # Use of the feature itself, and of another after the landmark (day 15), is no activity.
    strata = (
        of_stratum("used, idle ", 20, 10, ("f", 11), ("search", 16)),
        of_stratum("idle ", 20, 4, ("search", 16)),
        of_stratum("used, active ", 10, 8, ("f", 11), ("search", 11)),
        of_stratum("active ", 30, 9, ("search", 15)),
    )
    users, events, paid = ([row for each in strata for row in each[kind]] for kind in range(3))
    states = [{"feature_id": "f", "effective_from": day(1), "is_current": True}]
    facts = [
        {"user_id": each["user_id"], "feature_id": "f", "first_used_date": each["event_date"]}
        for each in events
        if each["feature_id"] == "f"
    ]
    as_of = day(1) + timedelta(60)
    given = (users, states, facts, paid, events)
    (found,) = rows(spark, feature_conversion_lift, *given, as_of=as_of)
    assert values([found], "n_used", "n_used_converted", "n_not_used", "n_not_used_converted") == [
        (30, 18, 50, 13)
    ]
    assert found["landmark_lift"] == pytest.approx(18 / 30 - 13 / 50)
    # Differences 10/20 - 4/20 and 8/10 - 9/30, weighted by 20 x 20 / 40 and 10 x 30 / 40.
    assert found["adjusted_lift"] == pytest.approx((0.3 * 10 + 0.5 * 7.5) / 17.5)
    # (10 x 10 x 20^3 + 4 x 16 x 20^3) / (20 x 20 x 40^2) = 2.05, and
    # (8 x 2 x 30^3 + 9 x 21 x 10^3) / (10 x 30 x 40^2) = 1.29375
    half = 1.959964 * (2.05 + 1.29375) ** 0.5 / 17.5
    assert found["adjusted_lift_low"] == pytest.approx(6.75 / 17.5 - half, rel=1e-6)
    assert found["adjusted_lift_high"] == pytest.approx(6.75 / 17.5 + half, rel=1e-6)
    # 10 days from first use to conversion, or 50 to the as-of date; before it 10, else 20 or 60.
    days = (18 * 10 + 12 * 50, 30 * 10 + 13 * 20 + 37 * 60)
    assert (found["exposed_days"], found["unexposed_days"]) == days == (780, 2780)
    ratio = (18 / 780) / (13 / 2780)
    assert found["rate_ratio"] == pytest.approx(ratio)
    low = ratio / math.exp(1.959964 * (1 / 18 + 1 / 13) ** 0.5)  # about 2.4
    assert found["rate_ratio_low"] == pytest.approx(low, rel=1e-6)
    assert found["verdict"] == "supported"
