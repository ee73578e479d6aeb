"""Small landing folders whose moments, ids and versions mislead; the right values are by hand."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from lakehouse.engine.job import new_request
from lakehouse.engine.verify import verify

pytestmark = pytest.mark.spark
CASES = Path(__file__).parent


@pytest.mark.turns(2)
def test_rows_of_1970_and_2099_move_nothing(lake):
    shutil.copytree(CASES / "c20_future/raw", lake.raw, dirs_exist_ok=True)
    old = "i5,u2,1970-01-01 00:00:00,VIEW,home,100,1.0\n"
    with (lake.raw / "user_interactions.csv").open("a") as file:
        file.write(old)
    outcomes = lake.run()
    assert outcomes["bronze.user_interactions"].account.rows_quarantined == 1
    assert outcomes["silver.interactions"].account.rows_too_late == 1
    assert outcomes["silver.feature_usage_facts"].account.rows_too_late == 1
    warned = {
        name
        for name, outcome in outcomes.items()
        if any(r.check.name == "none_ahead" and not r.passed for r in outcome.results)
    }
    assert warned == {"bronze.user_interactions", "bronze.feature_usage_events"}
    days = lake.rows("gold.daily_active_users", "dimension_name", "activity_date", "is_complete")
    overall = [tuple(row.values())[1:] for row in days if row["dimension_name"] is None]
    assert overall == [(date(2026, 1, 5), True), (date(2026, 1, 6), False)]
    weeks = lake.rows("gold.cohort_retention", "week_number", "is_complete")
    assert [tuple(row.values()) for row in weeks] == [(0, False)]
    cohorts = lake.rows("gold.feature_conversion_impact", "feature_id", "cohort", "total_users")
    assert [tuple(row.values()) for row in cohorts if row["feature_id"] == "g"] == [
        ("g", "not_available", 2)
    ]
    # The newest use is of the 3rd: u1 used f on it, and u2 was there since the 1st.
    lift = {row["feature_id"]: row for row in lake.rows("gold.feature_conversion_lift")}
    assert lift["f"]["as_of_date"] == date(2026, 1, 3)
    assert (lift["f"]["unexposed_days"], lift["f"]["exposed_days"]) == (4, 0)


def test_a_conversion_has_its_day_in_utc_as_a_use_has(lake):
    shutil.copytree(CASES / "c32_growth/raw", lake.raw, dirs_exist_ok=True)
    lake.run("+gold.feature_conversion_impact")
    cohorts = lake.rows("gold.feature_conversion_impact", "feature_id", "cohort")
    assert ("f", "used_before_conversion") in [tuple(row.values()) for row in cohorts]
    versions = lake.rows("silver.feature_states", "feature_id", "version")
    assert dict(row.values() for row in versions) == {
        "a": "1.0.0-beta",
        "b": "2.0.0-rc",
        "c": "v1.10",
        "d": "v10.0",
        "e": "1.0.0-rc9",  # identifiers with letters stand in the order of their characters
        "f": "1.0.0",
    }


def test_ids_that_each_device_counts_are_of_different_events(lake):
    shutil.copytree(CASES / "c27_dup_ids/raw", lake.raw, dirs_exist_ok=True)
    outcomes = lake.run("+gold.daily_active_users", "+silver.sessions")
    told = {r.check.name: r.value for r in outcomes["bronze.user_interactions"].results}
    assert told["unique_interaction_id_where_interaction_id_IS_NOT_NULL"] == 3
    days = lake.rows("gold.daily_active_users", "activity_date", "dau", "dimension_name")
    overall = {row["activity_date"]: row["dau"] for row in days if row["dimension_name"] is None}
    assert overall == {date(2026, 1, 5): 2, date(2026, 1, 6): 1}
    assert len({row["session_id"] for row in lake.rows("silver.sessions")}) == 3


@pytest.mark.turns(3)
@pytest.mark.parametrize("order", ["56", "65", "567", "756", "675"])
def test_of_one_moment_the_later_dated_file_counts_in_any_order_of_arrival(lake, order):
    """The file of the 7th repeats that of the 5th: what it tells is of the 5th."""
    told = CASES / "c26_same_moment/raw/user_metadata"
    texts = {day: (told / f"2026-01-0{day}.csv").read_text() for day in "56"}
    texts["7"] = texts["5"]
    for day in order:
        folder = lake.raw / "user_metadata"
        folder.mkdir(exist_ok=True)
        (folder / f"2026-01-0{day}.csv").write_text(texts[day])
        lake.run("+silver.user_profiles")
    assert [row["country"] for row in lake.rows("silver.user_profiles")] == ["DE"] * 8
    assert len(lake.rows("bronze.user_metadata")) == 16
    with lake.open() as opened:
        assert verify(opened.job("bronze.user_metadata", new_request())).is_equal
    (folder / "2026-01-05.csv").unlink()  # archived
    lake.run("+silver.user_profiles", full_refresh=True)
    assert [row["country"] for row in lake.rows("silver.user_profiles")] == ["DE"] * 8


def test_an_export_of_what_is_true_now_holds_from_the_join_date_where_a_setting_says_so(
    make_lake, choose
):
    told = {}
    for since_joining in ("false", "true"):
        choose("PROFILES_SINCE_JOINING", since_joining)
        lake = make_lake(f"lake {since_joining}")
        shutil.copytree(CASES / "c31_current_state/raw", lake.raw, dirs_exist_ok=True)
        outcome = lake.run("+silver.interactions")["silver.interactions"]
        missing = {r.check.name: r.value for r in outcome.results}["has_a_profile"]
        told[since_joining] = (
            missing,
            [row["country"] for row in lake.rows("silver.interactions")],
        )
    assert told == {"false": (2, ["unknown"] * 2), "true": (0, ["US", "GB"])}
