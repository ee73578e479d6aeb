"""bronze.conversions: what billing sent, once, with what cannot be believed set aside."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from conftest import conversion
from lakehouse.catalog import views

pytestmark = pytest.mark.spark
TABLE = "bronze.conversions"


def reasons(lake):
    """Rejected rows: line → rules broken."""
    rejected = views.rejected(lake.registry[TABLE].table, lake.settings, None)
    return {row["source_line"]: list(row["reasons"]) for row in rejected}


def test_good_rows_are_loaded_as_they_are_and_bad_ones_set_aside_with_the_reason(lake):
    lake.land(
        "conversions.jsonl",
        [
            conversion("u1", "2026-01-11", 49.5, days_to_convert=10, used_real_time_collab=True),
            {"user_id": "u2", "conversion_date": "2026-01-12", "plan": "team"},
            conversion("u3", "2026-01-13", "83.33333333333333"),
            conversion("u4", "2026-01-14", -1),
            conversion("u5", "2025-12-31"),
            conversion("u6", "2026-01-16", days_to_convert=-1),
            conversion("u7", "2026-01-17", "many"),
            conversion("u8", "2026-02-30"),
            conversion("", "2026-01-19", plan=None),
            conversion("u10", "2026-01-20", 0, coupon="SPRING"),
            conversion("u11", "2026-01-21", days_to_convert=1.5),
        ],
    )
    # Enough others, so that the delivery as a whole is believed.
    lake.land("conversions/others.jsonl", [conversion(f"x{n}", "2026-01-05") for n in range(4)])
    outcome = lake.run(TABLE)[TABLE]
    found = [row for row in lake.rows(TABLE, technical=True) if row["user_id"].startswith("u")]
    declared = list(lake.rows(TABLE)[0])
    assert {row["user_id"]: {name: row[name] for name in declared} for row in found} == {
        "u1": {
            "user_id": "u1",
            "conversion_date": date(2026, 1, 11),
            "plan": "pro",
            "mrr": Decimal("49.50"),
            "signup_date": date(2026, 1, 1),
            "days_to_convert": 10,
            "used_real_time_collab": True,
        },
        "u2": {
            "user_id": "u2",
            "conversion_date": date(2026, 1, 12),
            "plan": "team",
            "mrr": None,
            "signup_date": None,
            "days_to_convert": None,
            "used_real_time_collab": None,
        },
        "u3": {
            "user_id": "u3",
            "conversion_date": date(2026, 1, 13),
            "plan": "pro",
            "mrr": Decimal("83.33"),
            "signup_date": date(2026, 1, 1),
            "days_to_convert": None,
            "used_real_time_collab": None,
        },
        "u10": {
            "user_id": "u10",
            "conversion_date": date(2026, 1, 20),
            "plan": "pro",
            "mrr": Decimal("0.00"),
            "signup_date": date(2026, 1, 1),
            "days_to_convert": None,
            "used_real_time_collab": None,
        },
    }
    assert {row["user_id"]: row["_extra"] for row in found} == {
        "u1": None,
        "u2": None,
        "u3": None,
        "u10": '{"coupon":"SPRING"}',
    }
    assert reasons(lake) == {
        4: ["negative_mrr"],
        5: ["conversion_before_signup"],
        6: ["conversion_before_signup"],
        7: ["not_a_number:mrr"],
        8: ["not_a_date:conversion_date"],
        9: ["missing:user_id", "missing:plan"],
        11: ["not_a_whole_number:days_to_convert"],
    }
    account = outcome.account
    assert (account.rows_in, account.rows_loaded, account.rows_quarantined) == (15, 8, 7)


def test_late_and_repeated_rows_are_added_once_and_a_second_run_commits_nothing(lake):
    known = conversion("u1", "2026-01-11")
    lake.land("conversions/1.jsonl", [known, conversion("u2", "2026-03-01")])
    lake.run(TABLE)
    lake.land("conversions/2.jsonl", [known, conversion("u3", "2026-01-02")])
    account = lake.run(TABLE)[TABLE].account
    assert [account.rows_in, account.rows_loaded, account.rows_deduplicated] == [2, 1, 1]
    commits, before = lake.commits(TABLE), lake.rows(TABLE, technical=True)
    assert sorted(row["user_id"] for row in before) == ["u1", "u2", "u3"]
    assert lake.run(TABLE)[TABLE].outcome == "unchanged"
    assert lake.commits(TABLE) == commits
    assert lake.rows(TABLE, technical=True) == before


def test_no_conversion_yet_is_a_legal_state(lake):
    lake.land("conversions.jsonl", [])
    lake.run(TABLE)
    assert lake.rows(TABLE) == []
