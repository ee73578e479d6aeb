"""bronze.user_interactions: every action, once, on its UTC day."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from conftest import interaction
from lakehouse.catalog import views

pytestmark = pytest.mark.spark
TABLE = "bronze.user_interactions"


def at(*parts):
    return datetime(*parts, tzinfo=UTC)


def test_csv_and_json_lines_with_columns_in_any_order_give_the_same_typed_rows(lake):
    lake.land(
        "user_interactions/a.csv",
        [
            "timestamp,user_id,duration_ms,page_id,action_type,app_version",
            "2026-01-31 23:59:59.999,u1,1500,home,VIEW,4.0.0",
            "2026-02-01T00:30:00+02:00,u1,,,,",
            '2026-02-01T08:00:00Z,"u,2",0,"a ""b""",EDIT,4.0.0',
        ],
    )
    lake.land(
        "user_interactions/b.csv",
        ["interaction_id,user_id,timestamp,trace", "i1,u3,2024-02-29 12:00:00,t-1"],
    )
    lake.land(
        "user_interactions/c.jsonl",
        [interaction("i2", "u4", "2026-01-01T00:00:00.5Z", duration_ms="28800001")],
    )
    lake.run(TABLE)
    rows = {row["user_id"]: row for row in lake.rows(TABLE) if row["duration_ms"] is not None}
    assert rows["u1"]["timestamp"].astimezone(UTC) == at(2026, 1, 31, 23, 59, 59, 999_000)
    assert rows["u1"]["event_date"] == date(2026, 1, 31)
    assert rows["u4"]["timestamp"].astimezone(UTC) == at(2026, 1, 1, 0, 0, 0, 500_000)
    assert (rows["u4"]["interaction_id"], rows["u4"]["duration_ms"]) == ("i2", 28_800_001)
    assert (rows["u,2"]["page_id"], rows["u,2"]["duration_ms"]) == ('a "b"', 0)
    bare = {row["user_id"]: row for row in lake.rows(TABLE) if row["duration_ms"] is None}
    assert bare["u1"]["timestamp"].astimezone(UTC) == at(2026, 1, 31, 22, 30)
    assert (bare["u1"]["page_id"], bare["u1"]["action_type"]) == (None, None)
    assert (bare["u3"]["interaction_id"], bare["u3"]["event_date"]) == ("i1", date(2024, 2, 29))
    extras = lake.rows(TABLE, "user_id", "_extra", technical=True)
    assert {row["user_id"]: row["_extra"] for row in extras}["u3"] == '{"trace":"t-1"}'


def test_bad_rows_are_set_aside_with_the_reason(lake):
    lake.land(
        "user_interactions.jsonl",
        [
            interaction("i1", "u1", "2026-01-01 10:00:00"),
            interaction("i2", "", "2026-01-01 10:00:00"),
            interaction("i3", "u1", "10:00:00"),
            interaction("i4", "u1", "2026-01-01 10:00:00", duration_ms=-1),
            interaction("i5", "u1", "2026-01-01 10:00:00", duration_ms="many"),
            '{"interaction_id": "i6"',
            interaction("", "u1", "2026-01-01 10:00:00"),  # not the same as no such field
            *(interaction(f"x{n}", "u1", "2026-01-01 10:00:00") for n in range(6)),
        ],
    )
    account = lake.run(TABLE)[TABLE].account
    assert [account.rows_in, account.rows_loaded, account.rows_quarantined] == [13, 7, 6]
    rejected = views.rejected(lake.registry[TABLE].table, lake.settings, None)
    assert {row["source_line"]: list(row["reasons"]) for row in rejected} == {
        2: ["missing:user_id"],
        3: ["not_a_timestamp:timestamp"],
        4: ["negative_duration"],
        5: ["not_a_whole_number:duration_ms"],
        6: ["malformed_row"],
        7: ["missing:interaction_id"],
    }


def test_late_and_repeated_rows_are_added_once_and_a_second_run_commits_nothing(lake):
    lake.land("user_interactions/1.jsonl", [interaction(None, "u1", "2026-02-01 08:00:00")])
    lake.run(TABLE)
    lake.land(
        "user_interactions/2.jsonl",
        [
            interaction(None, "u1", "2026-02-01T10:00:00+02:00"),  # the same moment
            interaction(None, "u1", "2026-01-01 08:00:00"),
            interaction(None, "u1", "2026-01-01 08:00:00"),
        ],
    )
    account = lake.run(TABLE)[TABLE].account
    assert [account.rows_in, account.rows_loaded, account.rows_deduplicated] == [3, 1, 2]
    commits = lake.commits(TABLE)
    assert sorted(row["event_date"].month for row in lake.rows(TABLE)) == [1, 2]
    assert lake.run(TABLE)[TABLE].outcome == "unchanged"
    assert lake.commits(TABLE) == commits


def test_an_empty_file_is_not_published(lake):
    lake.land("user_interactions.csv", ["user_id,timestamp"])
    assert lake.try_run(TABLE)[TABLE].exit_code == 65
