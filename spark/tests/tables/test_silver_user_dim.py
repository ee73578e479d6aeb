"""silver.user_dim: known users with the plan of their latest conversion."""

from __future__ import annotations

from datetime import date

import pytest

from conftest import conversion, signup

pytestmark = pytest.mark.spark
TABLE = "silver.user_dim"


def plans(lake):
    return {row["user_id"]: row["current_plan"] for row in lake.rows(TABLE)}


def test_a_user_has_the_plan_of_the_latest_conversion_or_free(lake):
    lake.land(
        "user_signups.jsonl",
        [
            signup("never"),
            signup("once", company_size=None, industry=None),
            signup("twice"),
            signup("tie"),
            signup("tie_with_null"),
            signup("again", "2026-01-05", industry="late"),
            signup("again", "2026-01-02", industry="early"),
        ],
    )
    lake.land(
        "conversions.jsonl",
        [
            conversion("once", "2026-01-09", None, plan="starter"),
            conversion("twice", "2026-02-01", 5, plan="downgraded"),
            conversion("twice", "2026-01-05", 900, plan="enterprise"),
            conversion("tie", "2026-01-05", 9.5, plan="cheaper"),
            conversion("tie", "2026-01-05", 10, plan="dearer"),
            conversion("tie_with_null", "2026-01-05", None, plan="unpriced"),
            conversion("tie_with_null", "2026-01-05", 0, plan="gratis"),
            conversion("stranger", "2026-01-05"),
        ],
    )
    outcomes = lake.run("+silver.user_dim")
    assert plans(lake) == {
        "never": "free",
        "once": "starter",
        "twice": "downgraded",
        "tie": "dearer",
        "tie_with_null": "gratis",
        "again": "free",
    }
    rows = {row["user_id"]: row for row in lake.rows(TABLE)}
    assert rows["once"] == {
        "user_id": "once",
        "signup_date": date(2026, 1, 1),
        "company_size": None,
        "industry": None,
        "current_plan": "starter",
    }
    assert (rows["again"]["signup_date"], rows["again"]["industry"]) == (date(2026, 1, 2), "early")
    account = outcomes[TABLE].account
    assert [account.rows_in, account.rows_loaded, account.rows_deduplicated] == [7, 6, 1]
    warned = {result.check.name for result in outcomes[TABLE].results if not result.passed}
    assert "references_bronze_user_signups" in warned


def test_late_and_repeated_rows_change_only_who_they_are_about(lake):
    lake.land("user_signups/1.jsonl", [signup("a"), signup("b")])
    lake.land("conversions/1.jsonl", [])
    lake.run("+silver.user_dim")
    assert plans(lake) == {"a": "free", "b": "free"}

    lake.land("conversions/2.jsonl", [conversion("a", "2026-02-01", plan="pro")])
    lake.land("user_signups/2.jsonl", [signup("c", "2026-03-01"), signup("a")])
    assert lake.run("+silver.user_dim")[TABLE].changed == {"insert": 1, "update": 1}
    assert plans(lake) == {"a": "pro", "b": "free", "c": "free"}

    commits = lake.commits(TABLE)
    lake.land("conversions/3.jsonl", [conversion("a", "2026-01-01", 999, plan="too old to count")])
    lake.run("+silver.user_dim")
    assert plans(lake) == {"a": "pro", "b": "free", "c": "free"}
    assert lake.run("+silver.user_dim")[TABLE].outcome == "unchanged"
    assert lake.commits(TABLE) == commits
