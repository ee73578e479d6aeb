"""bronze.user_metadata: every state of a user's metadata, once."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from conftest import metadata
from lakehouse.catalog import views

pytestmark = pytest.mark.spark
TABLE = "bronze.user_metadata"
HEADER = "country,user_id,subscription_type,join_date,device_type"


def test_good_rows_are_loaded_and_bad_ones_set_aside_with_the_reason(lake):
    lake.land(
        "user_metadata.jsonl",
        [
            metadata("u1", "2026-01-05T10:00:00.25Z"),
            metadata("u2", None, country=None, device_type=" "),
            metadata("", "2026-01-05 10:00:00"),
            metadata("u4", "soon"),
            metadata("u5", None, join_date=None),
            *(metadata(f"x{n}", None) for n in range(2)),
        ],
    )
    lake.run(TABLE)
    rows = {row["user_id"]: row for row in lake.rows(TABLE)}
    told = rows["u1"].pop("updated_at")
    assert told.astimezone(UTC) == datetime(2026, 1, 5, 10, 0, 0, 250_000, tzinfo=UTC)
    assert rows["u1"] == {
        "user_id": "u1",
        "join_date": date(2026, 1, 1),
        "country": "DE",
        "device_type": "desktop",
        "subscription_type": "free",
        "file_date": None,
    }
    assert (rows["u2"]["country"], rows["u2"]["device_type"]) == (None, None)
    rejected = views.rejected(lake.registry[TABLE].table, lake.settings, None)
    assert {row["source_line"]: list(row["reasons"]) for row in rejected} == {
        3: ["missing:user_id"],
        4: ["not_a_timestamp:updated_at"],
        5: ["missing:join_date"],
    }


def test_a_state_without_its_own_time_is_of_the_day_of_its_file(lake):
    """The same state in the files of two days is two records; told twice in one day it is one."""
    row = "DE,u1,free,2026-01-01,desktop"
    lake.land("user_metadata/2026-01-05.csv", [HEADER, row, row])
    lake.land("user_metadata/20260109/part-1.csv", [HEADER, row])
    lake.land("user_metadata/20260109/part-2.csv", [HEADER, row])
    lake.land("user_metadata/2026-13-45.csv", [HEADER, row])
    account = lake.run(TABLE)[TABLE].account
    assert [account.rows_in, account.rows_loaded, account.rows_deduplicated] == [5, 3, 2]
    days = {row["file_date"] for row in lake.rows(TABLE)}
    assert days == {date(2026, 1, 5), date(2026, 1, 9), None}


def test_a_state_that_tells_its_time_is_the_same_in_every_file(lake):
    state = metadata("u1", "2026-01-05 10:00:00")
    lake.land("user_metadata/2026-01-05.jsonl", [state])
    lake.run(TABLE)
    lake.land("user_metadata/2026-01-06.jsonl", [state])
    account = lake.run(TABLE)[TABLE].account
    assert [account.rows_in, account.rows_deduplicated] == [1, 1]
    assert len(lake.rows(TABLE)) == 1
    commits = lake.commits(TABLE)
    assert lake.run(TABLE)[TABLE].outcome == "unchanged"
    assert lake.commits(TABLE) == commits


def test_an_empty_file_is_not_published(lake):
    lake.land("user_metadata.csv", [HEADER])
    assert lake.try_run(TABLE)[TABLE].exit_code == 65
