"""bronze.user_signups: who signed up, as the account service told it."""

from __future__ import annotations

from datetime import date

import pytest

from conftest import signup
from lakehouse.catalog import views

pytestmark = pytest.mark.spark
TABLE = "bronze.user_signups"


def test_good_rows_are_loaded_as_they_are_and_bad_ones_set_aside_with_the_reason(lake):
    lake.land(
        "user_signups.jsonl",
        [
            signup("u1", "2026-01-01"),
            {"user_id": " u2 ", "signup_date": "2026-01-02T09:30:00Z", "email": "  "},
            signup("u3", "2026-01-03", email="not an address"),
            signup("u4", "0001-01-01"),
            signup("u5", "9999-12-31"),
            signup("u6", "yesterday"),
            signup("u7", "20260101"),
            {"signup_date": "2026-01-08"},
            '{"user_id": "u9", "signup_date": "2026-01-0',
            '"u10"',
        ],
    )
    outcome = lake.try_run(TABLE)[TABLE]
    assert outcome.error is not None  # more than half of the rows were rejected
    lake.land("user_signups/more.jsonl", [signup(f"x{n}") for n in range(4)])
    outcome = lake.run(TABLE)[TABLE]
    rows = sorted(lake.rows(TABLE), key=lambda row: row["user_id"])
    assert rows[:3] == [
        {
            "user_id": "u1",
            "email": "u1@example.org",
            "signup_date": date(2026, 1, 1),
            "company_size": "11-50",
            "industry": "software",
        },
        {
            "user_id": "u2",
            "email": None,
            "signup_date": date(2026, 1, 2),
            "company_size": None,
            "industry": None,
        },
        {
            "user_id": "u3",
            "email": "not an address",
            "signup_date": date(2026, 1, 3),
            "company_size": "11-50",
            "industry": "software",
        },
    ]
    rejected = views.rejected(lake.registry[TABLE].table, lake.settings, None)
    assert {row["source_line"]: list(row["reasons"]) for row in rejected} == {
        4: ["out_of_range:signup_date"],
        5: ["out_of_range:signup_date"],
        6: ["not_a_date:signup_date"],
        7: ["not_a_date:signup_date"],
        8: ["missing:user_id"],
        9: ["malformed_row"],
        10: ["malformed_row"],
    }
    warned = {result.check.name for result in outcome.results if not result.passed}
    assert "email_has_an_at" in warned


def test_late_and_repeated_rows_are_added_once_and_a_second_run_commits_nothing(lake):
    lake.land("user_signups/1.jsonl", [signup("u1", "2026-02-01"), signup("u1", "2026-02-01")])
    lake.run(TABLE)
    lake.land("user_signups/2.jsonl", [signup("u1", "2026-02-01"), signup("u2", "2026-01-01")])
    account = lake.run(TABLE)[TABLE].account
    assert [account.rows_in, account.rows_loaded, account.rows_deduplicated] == [2, 1, 1]
    commits = lake.commits(TABLE)
    assert sorted(row["user_id"] for row in lake.rows(TABLE)) == ["u1", "u2"]
    assert lake.run(TABLE)[TABLE].outcome == "unchanged"
    assert lake.commits(TABLE) == commits


def test_an_empty_file_is_not_published(lake):
    lake.land("user_signups.jsonl", [])
    assert lake.try_run(TABLE)[TABLE].exit_code == 65
