"""silver.feature_states: intervals of features over time, whatever order releases arrive in."""

from __future__ import annotations

from typing import Any

import pytest

from conftest import LakeDriver, release

pytestmark = pytest.mark.spark
OPEN = "9999-12-31"


def states(lake: LakeDriver, feature: str = "collab") -> list[tuple[Any, ...]]:
    """(version, enabled, from, to, current) of a feature's intervals."""
    return [
        (
            row["version"],
            row["is_enabled"],
            str(row["effective_from"]),
            str(row["effective_to"]),
            row["is_current"],
        )
        for row in lake.rows("silver.feature_states")
        if row["feature_id"] == feature
    ]


def land_and_run(lake: LakeDriver, *batches: list[dict[str, Any]]) -> None:
    for number, batch in enumerate(batches):
        lake.land(f"feature_releases/{number}.jsonl", batch)
        lake.run("+silver.feature_states")


def test_it_closes_the_old_interval_on_the_day_the_new_version_takes_effect(lake):
    land_and_run(
        lake, [release("collab", "2026-01-01", "1.0")], [release("collab", "2026-02-01", "2.0")]
    )
    assert states(lake) == [
        ("1.0", True, "2026-01-01", "2026-02-01", False),
        ("2.0", True, "2026-02-01", OPEN, True),
    ]


def test_a_late_change_splits_history_also_when_later_rows_had_opened_nothing(lake):
    """A@1 and A@3 are one interval, until B arrives late for day 2."""
    land_and_run(
        lake,
        [release("collab", "2026-01-01", "A"), release("collab", "2026-01-03", "A")],
        [release("collab", "2026-01-02", "B")],
    )
    assert states(lake) == [
        ("A", True, "2026-01-01", "2026-01-02", False),
        ("B", True, "2026-01-02", "2026-01-03", False),
        ("A", True, "2026-01-03", OPEN, True),
    ]


def test_a_delete_leaves_no_current_row_and_a_later_release_opens_a_new_one(lake):
    land_and_run(
        lake,
        [release("collab", "2026-01-01", "1.0")],
        [release("collab", "2026-02-01", "1.0", is_deleted=True)],
    )
    assert states(lake) == [("1.0", True, "2026-01-01", "2026-02-01", False)]
    lake.land("feature_releases/2.jsonl", [release("collab", "2026-03-01", "1.0")])
    lake.run("+silver.feature_states")
    assert states(lake) == [
        ("1.0", True, "2026-01-01", "2026-02-01", False),
        ("1.0", True, "2026-03-01", OPEN, True),
    ]


def test_of_several_releases_on_a_day_the_highest_version_wins_as_numbers(lake):
    """In whatever order they arrive: each feature gets them in another one."""
    arrivals = {
        "rising": ("1.2.11", "1.9.0", "1.10.0"),
        "falling": ("1.10.0", "1.9.0", "1.2.11"),
        "mixed": ("1.9.0", "1.10.0", "1.2.11"),
    }
    land_and_run(
        lake,
        *(
            [release(feature, "2026-01-01", versions[i]) for feature, versions in arrivals.items()]
            for i in range(3)
        ),
    )
    for feature in arrivals:
        assert states(lake, feature) == [("1.10.0", True, "2026-01-01", OPEN, True)]


def test_nulls_in_tracked_columns_are_values(lake):
    land_and_run(
        lake,
        [release("collab", "2026-01-01", "1.0", name=None)],
        [release("collab", "2026-01-02", "1.0", name="Collab")],
        [release("collab", "2026-01-03", "1.0", name=None)],
    )
    names = [row["feature_name"] for row in lake.rows("silver.feature_states")]
    assert names == [None, "Collab", None]


def test_a_repeated_release_opens_nothing_and_commits_nothing(lake):
    land_and_run(lake, [release("collab", "2026-01-01", "1.0")])
    commits = lake.commits("silver.feature_states")
    lake.land("feature_releases/9.jsonl", [release("collab", "2026-01-09", "1.0")])
    lake.run("+silver.feature_states")
    assert states(lake) == [("1.0", True, "2026-01-01", OPEN, True)]
    assert lake.commits("silver.feature_states") == commits
