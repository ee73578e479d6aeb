"""bronze.feature_releases: every release record, once."""

from __future__ import annotations

from datetime import date

import pytest

from conftest import release
from lakehouse.catalog import views

pytestmark = pytest.mark.spark
TABLE = "bronze.feature_releases"


def test_rows_of_an_array_are_loaded_with_defaults_and_bad_ones_set_aside(lake):
    lake.land(
        "feature_releases.json",
        [
            release("collab", "2026-01-05", "1.10.0"),
            {"feature_id": "bare", "release_date": "2026-01-06"},
            release("off", "2026-01-07", is_enabled=False, is_deleted=None),
            release("gone", "2026-01-08", is_deleted=True),
            release("bad", "2026-01-09", is_enabled="perhaps"),
            release("bad", None),
            "17",
        ],
    )
    lake.run(TABLE)
    assert {row.pop("feature_id"): row for row in lake.rows(TABLE)} == {
        "collab": {
            "feature_name": "Collab",
            "release_date": date(2026, 1, 5),
            "version": "1.10.0",
            "is_enabled": True,
            "is_deleted": False,
        },
        "bare": {
            "feature_name": None,
            "release_date": date(2026, 1, 6),
            "version": None,
            "is_enabled": True,
            "is_deleted": False,
        },
        "off": {
            "feature_name": "Off",
            "release_date": date(2026, 1, 7),
            "version": "1.0",
            "is_enabled": False,
            "is_deleted": False,
        },
        "gone": {
            "feature_name": "Gone",
            "release_date": date(2026, 1, 8),
            "version": "1.0",
            "is_enabled": True,
            "is_deleted": True,
        },
    }
    rejected = views.rejected(lake.registry[TABLE].table, lake.settings, None)
    assert {row["source_line"]: list(row["reasons"]) for row in rejected} == {
        5: ["not_a_boolean:is_enabled"],
        6: ["missing:release_date"],
        7: ["malformed_row"],
    }


def test_late_and_repeated_rows_are_added_once_and_a_second_run_commits_nothing(lake):
    lake.land("feature_releases/1.json", [release("collab", "2026-02-01")])
    lake.run(TABLE)
    # The default spelled out is the same record.
    same = release("collab", "2026-02-01", is_enabled=True, is_deleted=False)
    lake.land("feature_releases/2.jsonl", [same, release("collab", "2026-01-01")])
    account = lake.run(TABLE)[TABLE].account
    assert [account.rows_in, account.rows_loaded, account.rows_deduplicated] == [2, 1, 1]
    commits = lake.commits(TABLE)
    days = sorted(row["release_date"] for row in lake.rows(TABLE))
    assert days == [date(2026, 1, 1), date(2026, 2, 1)]
    assert lake.run(TABLE)[TABLE].outcome == "unchanged"
    assert lake.commits(TABLE) == commits


def test_an_empty_array_is_not_published(lake):
    lake.land("feature_releases.json", [])
    assert lake.try_run(TABLE)[TABLE].exit_code == 65
