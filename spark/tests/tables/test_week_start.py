"""Weeks start on Monday or on Sunday: a setting, and what follows from it is made again."""

from __future__ import annotations

from datetime import date

import pytest

from conftest import LakeDriver, interaction, metadata
from lakehouse.settings import load_settings

pytestmark = pytest.mark.spark
WEEKLY, RETENTION = "gold.weekly_active_users", "gold.cohort_retention"
SATURDAY, SUNDAY, MONDAY = "2026-01-03", "2026-01-04", "2026-01-05"


def weeks(lake):
    rows = lake.rows(WEEKLY, "dimension_name", "week_start", "wau", "wau_growth_rate")
    return [tuple(row.values())[1:] for row in rows if row["dimension_name"] is None]


def retention(lake):
    rows = lake.rows(RETENTION, "cohort_week", "week_number", "active_users", "is_complete")
    return [tuple(row.values()) for row in rows]


def test_a_changed_setting_moves_the_weeks_and_touches_nothing_else(lake, choose):
    lake.land("user_metadata.jsonl", [metadata("u1", "2026-01-01 00:00:00")])
    actions = [("u1", SATURDAY), ("u1", SUNDAY), ("u1", MONDAY), ("u2", SUNDAY)]
    lake.land(
        "user_interactions.jsonl",
        [interaction(f"{u} {day}", u, f"{day} 23:59:59") for u, day in actions],
    )
    selected = (f"+{WEEKLY}", f"+{RETENTION}", "gold.daily_active_users")
    lake.run(*selected)
    # 29 December is a Monday.
    assert weeks(lake) == [(date(2025, 12, 29), 2, None), (date(2026, 1, 5), 1, -0.5)]
    assert retention(lake) == [
        (date(2025, 12, 29), 0, 2, True),
        (date(2025, 12, 29), 1, 1, False),
    ]
    choose("WEEK_STARTS_ON", "sunday")
    again = LakeDriver(load_settings(root=lake.settings.root), lake.registry, lake.spark)
    outcomes = again.run(*selected)
    assert weeks(again) == [(date(2025, 12, 28), 1, None), (date(2026, 1, 4), 2, 1.0)]
    assert retention(again) == [
        (date(2025, 12, 28), 0, 1, True),
        (date(2025, 12, 28), 1, 1, False),
        (date(2026, 1, 4), 0, 1, False),
    ]
    assert {name: each.reason for name, each in outcomes.items() if each.changed} == {
        "silver.user_activity": "a setting changed",
        WEEKLY: "a setting changed",
        RETENTION: outcomes[RETENTION].reason,
    }
    assert outcomes["gold.daily_active_users"].outcome == "unchanged"
