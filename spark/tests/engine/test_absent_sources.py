"""Sources that only say more of what others tell: a lake without them is whole."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.spark, pytest.mark.turns(2)]
EVENTS = ["u1,2026-01-05 10:00:00,open", "u1,2026-01-05 10:05:00,open", "u2,2026-01-06 10:00:00,x"]
PROFILES = ("bronze.user_metadata", "silver.user_profiles")


def warned(outcomes):
    results = (result for outcome in outcomes.values() for result in outcome.results)
    return {result.check.name for result in results if not result.passed}


def test_an_event_log_alone_makes_every_mart_and_metadata_may_come_later(lake):
    lake.land("user_interactions.csv", ["user_id,timestamp,action_type", *EVENTS])
    outcomes = lake.run()
    assert not outcomes.keys() & set(PROFILES)
    assert "has_a_profile" not in warned(outcomes), "nobody has one: that is told once, in words"
    assert {row["country"] for row in lake.rows("silver.interactions")} == {"unknown"}
    overall = [
        (row["activity_date"].day, row["dau"])
        for row in lake.rows("gold.daily_active_users")
        if row["dimension_name"] is None
    ]
    assert overall == [(5, 1), (6, 1)]
    assert len(lake.rows("silver.sessions")) == 2
    assert lake.rows("gold.power_users") == [], "nobody tells a duration: there is no ranking"

    lake.land("user_metadata.csv", ["user_id,join_date,country", "u1,2026-01-01,DE"])
    assert lake.run().keys() >= set(PROFILES)
    found = {(row["user_id"], row["country"]) for row in lake.rows("silver.interactions")}
    assert found == {("u1", "DE"), ("u2", "unknown")}

    lake.land("user_interactions/2.csv", ["user_id,timestamp", "u3,2026-01-07 10:00:00"])
    assert "has_a_profile" in warned(lake.run())


def test_a_product_that_sold_nothing_yet_has_users_and_no_conversion(lake):
    lake.land("feature_releases.json", [{"feature_id": "f", "release_date": "2026-01-01"}])
    lake.land("user_signups.jsonl", [{"user_id": "u", "signup_date": "2026-01-01"}])
    use = {"event_id": "e", "user_id": "u", "feature_id": "f", "event_timestamp": "2026-01-02"}
    lake.land("feature_usage_events.jsonl", [use])
    assert "bronze.conversions" not in lake.run()
    assert [row["current_plan"] for row in lake.rows("silver.user_dim")] == ["free"]
    (cohort,) = lake.rows("gold.feature_conversion_impact")
    assert (cohort["total_users"], cohort["converted_users"]) == (1, 0)
