"""What the reconciler decides, case by case."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lake_reconcile import GRACE, Situation, Waiting, graph, to_release, to_start

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG_AGO = NOW - GRACE * 10
DAY = "2026-02-28"


def step(table, action="run", reason="bronze.a 1→2"):
    return {"table": table, "action": action, "reason": reason}


@pytest.fixture
def quiet():
    """Two bronze tables, a silver one of both, a gold one of that; all there, nothing to do."""
    return Situation(
        now=NOW,
        upstream={
            "bronze.a": set(),
            "bronze.b": set(),
            "silver.ab": {"bronze.a", "bronze.b"},
            "gold.ab": {"bronze.a", "bronze.b", "silver.ab"},
        },
        published_at=dict.fromkeys(("bronze.a", "bronze.b", "silver.ab", "gold.ab"), LONG_AGO),
        plan=[step(t, "skip", "inputs unchanged") for t in ("bronze.a", "silver.ab", "gold.ab")],
    )


def test_a_quiet_lake_is_left_alone(quiet):
    assert to_release(quiet) == to_start(quiet) == []


def test_a_table_whose_event_was_lost_is_started_and_what_follows_it_is_not(quiet):
    lost = replace(quiet, plan=[step("silver.ab"), step("gold.ab", reason="after silver.ab")])
    assert to_start(lost) == ["silver.ab"]


@pytest.mark.parametrize("action", ["skip", "wait", "fail"])
def test_only_a_table_that_would_run_is_started(quiet, action):
    assert to_start(replace(quiet, plan=[step("silver.ab", action)])) == []


@pytest.mark.parametrize("active", ["silver.ab", "bronze.a"])
def test_what_is_on_its_way_is_left_alone(quiet, active):
    assert to_start(replace(quiet, plan=[step("silver.ab")], active={active})) == []


def test_news_of_this_minute_may_still_be_on_its_way(quiet):
    just_now = {**quiet.published_at, "bronze.b": NOW - GRACE / 2}
    assert to_start(replace(quiet, plan=[step("silver.ab")], published_at=just_now)) == []


def test_what_failed_in_the_same_situation_is_left_to_a_person(quiet):
    failing = replace(quiet, plan=[step("silver.ab")], failed={"silver.ab": "bronze.a 1→2"})
    assert to_start(failing) == []
    moved_on = replace(failing, failed={"silver.ab": "bronze.a 0→1"})
    assert to_start(moved_on) == ["silver.ab"]


def waiting(since=LONG_AGO, missing=("bronze.b",), table="silver.ab"):
    return Waiting(table=table, day=DAY, since=since, missing=missing)


def test_a_day_repaired_on_one_branch_is_completed(quiet):
    stuck = replace(quiet, waiting=(waiting(),))
    assert to_release(stuck) == [waiting()]
    assert to_start(replace(stuck, plan=[step("silver.ab")]), to_release(stuck)) == []


def test_the_nearest_table_comes_first(quiet):
    """gold waits for silver, silver for bronze.b: silver will deliver once it has run."""
    gold = waiting(table="gold.ab", missing=("bronze.b", "silver.ab"))
    assert to_release(replace(quiet, waiting=(gold, waiting()))) == [waiting()]
    assert to_release(replace(quiet, waiting=(gold,))) == [gold]


@pytest.mark.parametrize(
    "change",
    [
        {"waiting": (waiting(since=NOW - timedelta(seconds=1)),)},
        {"active": {"bronze.b"}},
        {"unfinished": {("bronze.b", DAY)}},
        {"published_at": {"bronze.a": LONG_AGO}},
    ],
    ids=["just now", "still running", "its run for the day is red", "never published"],
)
def test_a_day_that_can_still_come_or_must_not_is_waited_for(quiet, change):
    assert to_release(replace(quiet, **({"waiting": (waiting(),)} | change))) == []


def test_the_graph_is_read_from_the_manifest(manifest):
    dag_ids, upstream = graph(manifest)
    assert dag_ids["silver.user_dim"] == "silver_user_dim"
    assert upstream["silver.user_dim"] == {"bronze.user_signups", "bronze.conversions"}
    assert upstream["gold.feature_conversion_impact"] >= {"silver.user_dim", "bronze.user_signups"}
