"""What columns are made of: what a person reads in the transforms, and what is committed."""

from __future__ import annotations

import json

import pytest

from lakehouse.reporting.catalogue import REPOSITORY
from lakehouse.reporting.column_lineage import (
    FILE,
    kept_column_lineage,
    words,
    write_column_lineage,
)


@pytest.mark.parametrize(
    ("table", "column", "origins"),
    [
        ("silver.user_days", "total_duration_ms", {"duration_ms"}),
        ("silver.user_days", "n_interactions", set()),  # counted
        ("silver.user_days", "country", {"country", "event_at", "interaction_id"}),  # of the last
        ("silver.sessions", "is_bounce", {"n_actions"}),
        ("silver.user_profiles", "country", {"country"}),
        ("gold.engagement_summary", "avg_duration_ms", {"total_duration_ms"}),
        (
            "gold.daily_active_users",
            "dimension_value",
            {"country", "device_type", "subscription_type"},
        ),
    ],
)
def test_a_column_is_made_of_what_its_transform_says(table, column, origins):
    kept = kept_column_lineage(REPOSITORY)[table][column]
    assert {each.rpartition(".")[2] for each in kept} == origins


def test_columns_of_several_inputs_are_told_by_input():
    kept = kept_column_lineage(REPOSITORY)["gold.stickiness"]["stickiness_rate"]
    assert words(kept) == "gold.daily_active_users: dau; gold.monthly_active_users: mau"
    assert words([]) == "no column"
    assert words(None) == "the whole inputs"


@pytest.mark.e2e
def test_the_committed_lineage_is_what_the_code_says(tmp_path):
    made = json.loads(write_column_lineage(tmp_path).read_text("utf-8"))
    assert made == json.loads((REPOSITORY / FILE).read_text("utf-8")), "run `lakehouse docs`"
