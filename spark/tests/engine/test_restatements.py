"""A figure of a day that was over is noted when it changes; others are not."""

from __future__ import annotations

import json

import pytest

from conftest import call_main, interaction, metadata
from lakehouse.cli import looking
from lakehouse.io import ops

pytestmark = pytest.mark.spark
TABLE = "gold.daily_active_users"


def notes(lake):
    rows = ops.read(lake.settings, "metric_restatements", "SELECT * FROM t")
    return [
        (json.loads(row["key"]), json.loads(row["old"]), json.loads(row["new"] or "null"))
        for row in rows
        if json.loads(row["key"])["dimension_name"] is None
    ]


def test_a_late_interaction_restates_the_day_it_belongs_to_and_no_other(lake, monkeypatch, capsys):
    def deliver(number, *rows):
        lake.land(f"user_interactions/{number}.jsonl", rows)
        lake.run(f"+{TABLE}")

    lake.land("user_metadata.jsonl", [metadata("u1", "2026-01-01 00:00:00")])
    deliver(1, interaction("a", "u1", "2026-01-05 10:00:00", duration_ms=5))
    deliver(2, interaction("b", "u2", "2026-01-05 11:00:00", duration_ms=5))
    assert notes(lake) == [], "the day went on"
    deliver(3, interaction("c", "u1", "2026-01-06 10:00:00"))
    assert notes(lake) == [], "the day is over, and its figures are what they were"
    deliver(4, interaction("d", "u3", "2026-01-05 12:00:00", duration_ms=7))
    [(key, old, new)] = notes(lake)
    assert key == {
        "activity_date": "2026-01-05",
        "dimension_name": None,
        "dimension_value": None,
    }
    assert old == {"dau": 2, "n_interactions": 2, "total_duration_ms": 10}
    assert new == {"dau": 3, "n_interactions": 3, "total_duration_ms": 17}
    [cause] = {
        row["cause"] for row in ops.read(lake.settings, "metric_restatements", "SELECT * FROM t")
    }
    assert cause.startswith("silver.user_days")
    lake.run(f"+{TABLE}")
    assert len(notes(lake)) == 1
    monkeypatch.setattr(looking, "current_settings", lambda: lake.settings)
    capsys.readouterr()
    assert call_main(monkeypatch, "restatements", TABLE, "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert {row["table_name"] for row in listed} == {TABLE}
    assert json.loads(listed[0]["key"])["activity_date"] == "2026-01-05"


def test_going_back_to_a_day_and_forth_again_restates_nothing(lake):
    so_far = "gold.engagement_summary"  # reads the one by day, too
    lake.land("user_metadata.jsonl", [metadata("u1", "2026-01-01 00:00:00")])
    days = [interaction(f"d{n}", "u1", f"2026-01-0{n} 10:00:00", duration_ms=n) for n in (5, 6, 7)]
    lake.land("user_interactions/1.jsonl", days)
    lake.run(f"+{so_far}")
    lake.run(f"+{so_far}", as_of="2026-01-06")
    assert {row["activity_date"].day for row in lake.rows(TABLE)} == {5, 6}
    lake.run(f"+{so_far}")
    assert ops.read(lake.settings, "metric_restatements", "SELECT * FROM t") == []
    late = interaction("late", "u2", "2026-01-06 12:00:00", duration_ms=9)
    lake.land("user_interactions/2.jsonl", [late])
    lake.run(f"+{so_far}")
    told = ops.read(lake.settings, "metric_restatements", "SELECT DISTINCT table_name FROM t")
    assert {so_far, TABLE} <= {row["table_name"] for row in told}
