"""silver.feature_usage_facts: first, last and how often, per user and feature."""

from __future__ import annotations

from datetime import date

import pytest

from conftest import event
from lakehouse.io import delta_log

pytestmark = pytest.mark.spark
TABLE = "silver.feature_usage_facts"


def facts(lake):
    """(user, feature) → (first day, last day, events, events a day), days of January."""
    return {
        (row["user_id"], row["feature_id"]): (
            row["first_used_date"].day,
            row["last_used_date"].day,
            row["total_usage_count"],
            row["avg_daily_usage"],
        )
        for row in lake.rows(TABLE)
    }


def test_distinct_events_of_every_type_count(lake):
    lake.land(
        "feature_usage_events.jsonl",
        [
            event("e1", "a", "collab", "2026-01-02T00:00:00Z"),
            event("e2", "a", "collab", "2026-01-02T23:59:59Z", event_type="view"),
            event("e3", "a", "collab", "2026-01-05T10:00:00Z", event_type=None),
            event("e3", "a", "collab", "2026-01-05T10:00:00Z", event_type="delivered twice"),
            event("e3", "a", "collab", "2026-01-09T10:00:00Z"),  # its first moment counts
            event("e3", "b", "collab", "2026-01-09T10:00:00Z"),  # an id is of a user and feature
            event("e4", "a", "search", "2026-01-10T10:00:00Z"),
        ],
    )
    account = lake.run("+silver.feature_usage_facts")[TABLE].account
    assert facts(lake) == {
        ("a", "collab"): (2, 5, 3, 0.75),
        ("b", "collab"): (9, 9, 1, 1.0),
        ("a", "search"): (10, 10, 1, 1.0),
    }
    assert {row["as_of_date"] for row in lake.rows(TABLE)} == {date(2026, 1, 10)}
    assert [account.rows_in, account.rows_loaded, account.rows_deduplicated] == [7, 5, 2]


def test_a_snapshot_leaves_out_what_came_later_and_may_be_empty(lake):
    lake.land(
        "feature_usage_events.jsonl",
        [
            event("e1", "a", "collab", "2026-01-02T10:00:00Z"),
            event("e2", "a", "collab", "2026-01-04T10:00:00Z"),
        ],
    )
    account = lake.run("+silver.feature_usage_facts", as_of="2026-01-03")[TABLE].account
    assert facts(lake) == {("a", "collab"): (2, 2, 1, 1.0)}
    assert {row["as_of_date"] for row in lake.rows(TABLE)} == {date(2026, 1, 3)}
    assert [account.rows_in, account.rows_loaded, account.rows_too_late] == [2, 1, 1]

    lake.run(TABLE, as_of="2026-01-01")
    assert facts(lake) == {}
    lake.run(TABLE)
    assert facts(lake) == {("a", "collab"): (2, 4, 2, 2 / 3)}


def test_late_and_repeated_events_change_only_who_they_are_about(lake):
    first = event("e2", "a", "collab", "2026-01-05T10:00:00Z")
    other = event("e9", "b", "x", "2026-01-09T10:00:00Z")
    lake.land("feature_usage_events/1.jsonl", [first, other])
    lake.run("+silver.feature_usage_facts")
    lake.land(
        "feature_usage_events/2.jsonl",
        [first, event("e1", "a", "collab", "2026-01-01T10:00:00Z")],
    )
    assert lake.run("+silver.feature_usage_facts")[TABLE].changed == {"update": 1}
    assert facts(lake) == {("a", "collab"): (1, 5, 2, 0.4), ("b", "x"): (9, 9, 1, 1.0)}
    commits = lake.commits(TABLE)
    assert lake.run("+silver.feature_usage_facts")[TABLE].outcome == "unchanged"
    assert lake.commits(TABLE) == commits


def test_rows_that_are_only_new_are_appended_and_others_merged(lake):
    def operation_after(name, user, at):
        lake.land(f"feature_usage_events/{name}.jsonl", [event(name, user, "collab", at)])
        lake.run("+silver.feature_usage_facts", as_of="2026-01-31")
        about = delta_log.actions(lake.settings.table_uri(TABLE), lake.version(TABLE))
        return next(filter(None, (each.get("commitInfo") for each in about)))["operation"]

    assert operation_after("e1", "a", "2026-01-05T10:00:00Z") == "WRITE"
    assert operation_after("e2", "b", "2026-01-06T10:00:00Z") == "WRITE"
    assert operation_after("e3", "a", "2026-01-07T10:00:00Z") == "MERGE"
    assert facts(lake) == {("a", "collab"): (5, 7, 2, 2 / 3), ("b", "collab"): (6, 6, 1, 1.0)}
