"""Figures of days count in the weeks that the marts have."""

from __future__ import annotations

from datetime import date

import pytest

from lakehouse.reporting.engagement import _by_week

DAYS = [
    {"metric_date": date(2026, 1, day), "figure": float(day)} for day in (3, 4, 5, 11)
]  # a Saturday, a Sunday, a Monday, a Sunday


@pytest.mark.parametrize(
    ("first_day", "weeks"),
    [
        ("monday", {date(2025, 12, 29): [3.0, 4.0], date(2026, 1, 5): [5.0, 11.0]}),
        (
            "sunday",
            {date(2025, 12, 28): [3.0], date(2026, 1, 4): [4.0, 5.0], date(2026, 1, 11): [11.0]},
        ),
    ],
)
def test_days_lie_in_weeks_as_the_setting_begins_them(choose, first_day, weeks):
    choose("WEEK_STARTS_ON", first_day)
    assert _by_week(DAYS) == weeks
