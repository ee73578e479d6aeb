"""bronze.feature_usage_events: every use, once, on its UTC day."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from conftest import event
from lakehouse.catalog import views

pytestmark = pytest.mark.spark
TABLE = "bronze.feature_usage_events"


def test_events_are_loaded_on_their_utc_day_and_bad_ones_set_aside(lake):
    lake.land(
        "feature_usage_events.jsonl",
        [
            event("e1", "u1", "collab", "2026-01-31T23:59:59.999999Z"),
            event("e2", "u1", "collab", "2026-02-01T00:30:00+02:00"),
            event("e3", "u1", "collab", "2026-02-01 08:00:00"),
            event("e4", "u1", "collab", "2026-02-01", event_type=None, feature_name=""),
            event("e5", "u1", "collab", "08:00:00"),
            event("e6", "u1", "collab", "1700000000"),
            event("", "u1", "", "2026-02-01T08:00:00Z"),
        ],
    )
    lake.run(TABLE)
    found = {row["event_id"]: row for row in lake.rows(TABLE)}
    assert {key: row["event_date"] for key, row in found.items()} == {
        "e1": date(2026, 1, 31),
        "e2": date(2026, 1, 31),
        "e3": date(2026, 2, 1),
        "e4": date(2026, 2, 1),
    }
    moment = found["e2"]["event_timestamp"]
    assert moment.astimezone(UTC) == datetime(2026, 1, 31, 22, 30, tzinfo=UTC)
    assert (found["e4"]["event_type"], found["e4"]["feature_name"]) == (None, None)
    rejected = views.rejected(lake.registry[TABLE].table, lake.settings, None)
    assert {row["source_line"]: list(row["reasons"]) for row in rejected} == {
        5: ["not_a_timestamp:event_timestamp"],
        6: ["not_a_timestamp:event_timestamp"],
        7: ["missing:event_id", "missing:feature_id"],
    }


@pytest.mark.parametrize("broadcast", [True, pytest.param(False, marks=pytest.mark.jvm)])
def test_late_and_repeated_rows_are_added_once_and_a_second_run_commits_nothing(
    lake, monkeypatch, broadcast
):
    if not broadcast:
        monkeypatch.setattr("lakehouse.engines.spark.engine._FEW_ROWS", 0)
    lake.land("feature_usage_events/1.jsonl", [event("e1", "u1", "collab", "2026-02-01T08:00:00Z")])
    lake.run(TABLE)
    lake.land(
        "feature_usage_events/2.jsonl",
        [
            event("e1", "u1", "collab", "2026-02-01T10:00:00+02:00"),  # the same moment
            event("e0", "u1", "collab", "2026-01-01T08:00:00Z"),
            event("e0", "u1", "collab", "2026-01-01T08:00:00Z"),
        ],
    )
    account = lake.run(TABLE)[TABLE].account
    assert [account.rows_in, account.rows_loaded, account.rows_deduplicated] == [3, 1, 2]
    commits = lake.commits(TABLE)
    assert sorted(row["event_id"] for row in lake.rows(TABLE)) == ["e0", "e1"]
    assert lake.run(TABLE)[TABLE].outcome == "unchanged"
    assert lake.commits(TABLE) == commits


def test_an_empty_file_is_not_published(lake):
    lake.land("feature_usage_events.jsonl", ["", "  "])
    assert lake.try_run(TABLE)[TABLE].exit_code == 65


def test_the_newest_day_is_that_of_the_rows_in_the_table(lake):
    def newest_after(name, identity, at):
        lake.land(f"feature_usage_events/{name}.jsonl", [event(identity, "u1", "collab", at)])
        lake.run(TABLE)
        return lake.open().states.published(TABLE).newest["event_date"]

    assert newest_after("1", "e1", "2026-02-01T08:00:00Z") == "2026-02-01"
    assert newest_after("2", "e0", "2026-01-01T08:00:00Z") == "2026-02-01", "late rows"
    assert newest_after("3", "e2", "2026-02-03T08:00:00Z") == "2026-02-03"
    assert newest_after("3", "e2", "2026-01-20T08:00:00Z") == "2026-02-01", "a corrected file"
