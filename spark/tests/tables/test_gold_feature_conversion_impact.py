"""gold.feature_conversion_impact: every known user in one cohort of every current feature."""

from __future__ import annotations

import pytest

from conftest import conversion, event, release, signup

pytestmark = pytest.mark.spark
TABLE = "gold.feature_conversion_impact"

RELEASES = [
    release("collab", "2026-01-10"),
    release("new", "2026-02-01", is_enabled=False),  # switched off is still current
    release("gone", "2026-01-01"),
    release("gone", "2026-01-02", is_deleted=True),
]
SIGNUPS = [signup(user) for user in "abcde"]
EVENTS = [
    event("e1", "a", "collab", "2026-01-15T23:00:00Z"),  # on the day of the conversion
    event("e2", "b", "collab", "2026-01-16T10:00:00Z"),  # a day after it
    event("e3", "c", "collab", "2026-02-10T10:00:00Z"),  # on the as-of date
    event("e4", "a", "gone", "2026-01-01T10:00:00Z"),
]
CONVERSIONS = [
    conversion("a", "2026-01-15", 50, days_to_convert=14),
    conversion("b", "2026-01-15", None),  # no mrr; 14 days by billing's own dates
    conversion("d", "2026-01-05", 100, days_to_convert=4),
    conversion("d", "2026-01-05", 99, days_to_convert=5),  # same day, lower mrr
    conversion("d", "2026-02-05", 900, days_to_convert=35),  # not the first
    conversion("stranger", "2026-01-05", 7),
]


def land(lake, *, name="0"):
    lake.land(f"feature_releases/{name}.jsonl", RELEASES)
    lake.land(f"user_signups/{name}.jsonl", SIGNUPS)
    lake.land(f"feature_usage_events/{name}.jsonl", EVENTS)
    lake.land(f"conversions/{name}.jsonl", CONVERSIONS)


def cohorts(lake):
    """(feature, cohort) → users, converted, rate, days to convert, mrr."""
    return {
        (row["feature_id"], row["cohort"]): (
            row["total_users"],
            row["converted_users"],
            row["conversion_rate"],
            row["avg_days_to_convert"],
            row["avg_mrr"],
        )
        for row in lake.rows(TABLE)
    }


EXPECTED = {
    ("collab", "used_before_conversion"): (2, 1, 0.5, 14.0, 50.0),  # a, c
    ("collab", "available_not_used"): (2, 1, 0.5, 14.0, None),  # b, e
    ("collab", "not_available"): (1, 1, 1.0, 4.0, 100.0),  # d
    ("new", "available_not_used"): (2, 0, 0.0, None, None),  # c, e
    ("new", "not_available"): (3, 3, 1.0, 32 / 3, 75.0),  # a, b, d
}


def test_every_user_is_in_one_cohort_of_every_current_feature(lake):
    """Repeated rows change nothing, late ones move users between cohorts."""
    land(lake)
    lake.run("+gold.feature_conversion_impact")
    assert cohorts(lake) == EXPECTED
    assert {row["feature_name"] for row in lake.rows(TABLE)} == {"Collab", "New"}
    commits = lake.commits(TABLE)
    land(lake, name="again")
    lake.run("+gold.feature_conversion_impact")
    assert lake.run("+gold.feature_conversion_impact")[TABLE].outcome == "unchanged"
    assert (cohorts(lake), lake.commits(TABLE)) == (EXPECTED, commits)

    lake.land("conversions/late.jsonl", [conversion("e", "2026-01-09", 20, days_to_convert=8)])
    late = event("e0", "b", "collab", "2026-01-12T10:00:00Z")
    lake.land("feature_usage_events/late.jsonl", [late])
    lake.run("+gold.feature_conversion_impact")
    assert cohorts(lake) == {
        ("collab", "used_before_conversion"): (3, 2, 2 / 3, 14.0, 50.0),  # a, b, c
        ("collab", "not_available"): (2, 2, 1.0, 6.0, 60.0),  # d, e
        ("new", "available_not_used"): (1, 0, 0.0, None, None),  # c
        ("new", "not_available"): (4, 4, 1.0, 10.0, 170 / 3),  # a, b, d, e
    }


def test_without_any_current_feature_both_marts_are_empty(lake):
    land(lake)
    lake.land(
        "feature_releases/end.jsonl",
        [release(name, "2026-03-01", is_deleted=True) for name in ("collab", "new")],
    )
    lake.run("+gold.feature_conversion_impact", "+gold.feature_conversion_lift")
    assert lake.rows(TABLE) == []
    assert lake.rows("gold.feature_conversion_lift") == []
