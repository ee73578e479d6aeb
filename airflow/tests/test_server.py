"""A real Airflow on DuckDB. The tests share one server and each has a day of its own."""

from __future__ import annotations

import json
import os
import signal
from datetime import UTC, datetime, timedelta

import psutil
import pytest
from site_under_test import BRONZE, FIRST, GOLD, SILVER, drop, web_drop
from turns import depth

from lake_reconcile import AirflowApi

pytestmark = [pytest.mark.server, pytest.mark.timeout(2400)]


@pytest.fixture
def quiet(site):
    """The site, with nothing going on; every DAG has its first scheduled run behind it."""
    site.wait_for_the_schedule()
    return site


def test_the_schedule_fills_every_table_as_a_plain_run_would(quiet, tmp_path):
    assert {dag["dag_id"] for dag in quiet.api("GET", "/api/v2/dags", limit=100)["dags"]} >= {
        *BRONZE,
        *SILVER,
        *GOLD,
        "reconcile",
    }
    assert quiet.api("GET", "/api/v2/importErrors")["total_entries"] == 0
    assert {run["run_type"] for run in quiet.runs("silver_user_dim")} >= {"asset_triggered"}
    quiet.assert_equal_to_a_plain_run(tmp_path)


def test_a_task_log_tells_a_person_what_happened(quiet):
    (run,) = [r for r in quiet.runs("bronze_user_signups") if r["run_type"] == "scheduled"]
    said = quiet.log("bronze_user_signups", run["dag_run_id"], "process")
    assert "rows in 4 = loaded 4 + quarantined 0" in said
    event = next(
        event
        for event in quiet.api("GET", "/api/v2/assets/events", limit=500)["asset_events"]
        if event["source_run_id"] == run["dag_run_id"]
    )
    assert event["uri"] == "delta://bronze/user_signups"
    assert event["partition_key"] == run["partition_key"]
    assert event["extra"]["rows"] == 4
    assert event["extra"]["version"] >= 1


@pytest.mark.turns(2)
def test_a_backfill_of_days_flows_through_by_key_in_order(quiet, tmp_path):
    days = ["2026-01-10", "2026-01-11", "2026-01-12"][: depth(2, 3)]
    for day in days:
        quiet.land(day)
    for dag_id in BRONZE:
        quiet.api(
            "POST",
            "/api/v2/backfills",
            {
                "dag_id": dag_id,
                "from_date": f"{days[0]}T00:00:00Z",
                "to_date": f"{days[-1]}T00:00:00Z",
                "max_active_runs": 1,
            },
        )
    for day in days:
        for dag_id in (*BRONZE, *SILVER, *GOLD):
            assert quiet.wait_for_day(dag_id, day)["state"] == "success", (dag_id, day)
    loaded = {run["run_id"]: run["rows_in"] for run in table_runs(quiet, "bronze.user_signups")}
    for day in days:
        (run,) = quiet.runs("bronze_user_signups", day)
        assert run["run_type"] == "backfill"
        assert loaded[run["dag_run_id"]] == len(drop(day)["user_signups"])
    for dag_id in (*SILVER, *GOLD):
        started = [quiet.runs(dag_id, day)[-1]["start_date"] for day in days]
        assert started == sorted(started)
    quiet.assert_equal_to_a_plain_run(tmp_path)


@pytest.mark.slow
def test_a_day_of_the_web_flows_through_to_its_key_figures(quiet):
    day, rows = "2026-01-16", web_drop("2026-01-16")
    quiet.land(day, *rows, rows=rows)
    for source in rows:
        quiet.trigger(f"bronze_{source}", day)
    for dag_id in ("gold_web_kpis", "gold_revenue", "gold_funnel_conversion", "gold_attribution"):
        assert quiet.wait_for_day(dag_id, day)["state"] == "success", dag_id
    where = f"metric_date = DATE '{day}' AND view = 'human' AND dimension_name IS NULL"
    kpis = quiet.lakehouse("show", "gold.web_kpis", "--where", where, "-n", "100", "--json")
    told = {row["kpi"]: row["value"] for row in kpis}
    assert (told["unique_visitors"], told["page_views"], told["bounce_rate"]) == (2, 4, 0.5)
    (sold,) = quiet.lakehouse("show", "silver.web_orders", "--json")
    assert float(sold["amount_reporting"]) == 27.0


@pytest.mark.turns(2)
def test_readers_notice_nothing_of_upkeep_and_old_data_are_told(quiet):
    quiet.wait(lambda: caught_up(quiet), "days that other tests have left half delivered")
    before = quiet.content()
    for dag_id, state in (
        ("maintenance", "success"),
        ("publish", "success"),
        ("freshness", "failed"),
    ):
        run = quiet.wait_for_run(dag_id, quiet.trigger_plain(dag_id))
        assert run["state"] == state, dag_id
    assert "newest data is" in quiet.log("freshness", run["dag_run_id"], "freshness")
    assert quiet.content() == before


@pytest.mark.slow
def test_a_silver_table_can_be_backfilled_on_its_own(quiet):
    day = "2026-01-07"
    quiet.api(
        "POST",
        "/api/v2/backfills",
        {
            "dag_id": "silver_feature_states",
            "from_date": f"{day}T00:00:00Z",
            "to_date": f"{day}T00:00:00Z",
            "dag_run_conf": {"full_refresh": True},
        },
    )
    assert quiet.wait_for_day("silver_feature_states", day)["state"] == "success"
    latest = table_runs(quiet, "silver.feature_states")[0]
    assert latest["reason"] == "full refresh requested"


@pytest.mark.slow
def test_a_run_without_a_key_takes_its_date_and_one_without_either_yesterday(quiet):
    typed = "2026-01-20"
    quiet.land(typed, "conversions")
    asked = datetime.now(UTC)
    runs = [
        quiet.wait_for_run("bronze_conversions", quiet.trigger("bronze_conversions", **conf))
        for conf in ({"date": typed}, {})
    ]
    assert [run["state"] for run in runs] == ["success", "success"]
    events = quiet.api("GET", "/api/v2/assets/events", limit=500)["asset_events"]
    days = {
        event["partition_key"] for event in events if event["uri"] == "delta://bronze/conversions"
    }
    yesterday = {
        (each - timedelta(days=1)).date().isoformat() for each in (asked, datetime.now(UTC))
    }
    assert typed in days
    assert yesterday & days
    assert runs[0]["note"] == f"for {typed}"
    assert runs[1]["note"].removeprefix("for ") in yesterday
    # As a task tells a warning; the page of a run shows the first line of its note.
    with AirflowApi(quiet.url, "admin", quiet.password()) as api:
        api.add_note("bronze_conversions", runs[0]["dag_run_id"], "a check warns")
    path = f"/api/v2/dags/bronze_conversions/dagRuns/{runs[0]['dag_run_id']}"
    assert quiet.api("GET", path)["note"].splitlines() == ["a check warns", f"for {typed}"]


@pytest.mark.slow
def test_one_branch_repaired_for_a_day_reaches_gold(quiet):
    """user_dim needs signups and conversions; only signups deliver the day."""
    day = "2026-01-21"
    quiet.land(day, "user_signups")
    quiet.trigger("bronze_user_signups", day)
    quiet.wait_for_day("bronze_user_signups", day)
    assert not quiet.runs("silver_user_dim", day)
    for dag_id in ("silver_user_dim", "gold_feature_conversion_impact"):
        quiet.wait(lambda d=dag_id: reconciled(quiet) and quiet.runs(d, day), f"{dag_id} {day}")
        assert quiet.wait_for_day(dag_id, day)["state"] == "success"
        quiet.settle()
    users = {row["user_id"] for row in rows(quiet, "silver.user_dim")}
    assert {row["user_id"] for row in drop(day)["user_signups"]} <= users
    waiting = quiet.api("GET", "/ui/partitioned_dag_runs", has_created_dag_run_id=False)
    assert day not in {each["partition_key"] for each in waiting["partitioned_dag_runs"]}


@pytest.mark.slow
def test_an_event_that_was_lost_is_made_up_for(quiet):
    """A run outside Airflow tells nobody."""
    day = "2026-01-22"
    quiet.land(day, "feature_releases")
    quiet.lakehouse("run", "bronze.feature_releases", "--json")
    before = quiet.published()["silver.feature_states"]["version"]
    quiet.wait(
        lambda: (
            reconciled(quiet) and quiet.published()["silver.feature_states"]["version"] > before
        ),
        "silver.feature_states to catch up",
    )
    quiet.settle()


@pytest.mark.turns(2)
def test_a_red_gate_stops_what_is_downstream_and_its_repair_goes_on(quiet):
    day, dag_id = "2026-01-23", "bronze_user_signups"
    before = quiet.published()["bronze.user_signups"]
    broken = [{"user_id": None}] * 9
    quiet.land(day, "user_signups", rows={"user_signups": broken})
    run = quiet.wait_for_run(dag_id, quiet.trigger(dag_id, day))
    assert run["state"] == "failed"
    tasks = quiet.api("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run['dag_run_id']}/taskInstances")
    states = {
        task["task_id"]: (task["state"], task["try_number"]) for task in tasks["task_instances"]
    }
    assert states["assert_output_quality"] == ("failed", 1)  # no retry: a person must look
    assert quiet.published()["bronze.user_signups"] == before
    said = quiet.log(dag_id, run["dag_run_id"], "assert_output_quality")
    assert "were quarantined" in said
    assert "next: lakehouse quarantine show bronze.user_signups" in said
    reconciled(quiet)
    assert not quiet.runs("silver_user_dim", day)
    alerts = [json.loads(line) for line in (quiet.root / "alerts.jsonl").read_text().splitlines()]
    assert any(f"{dag_id}.assert_output_quality failed for {day}" in a["body"] for a in alerts)
    quiet.land(day, "user_signups")
    repaired = quiet.wait_for_run(dag_id, quiet.trigger(dag_id, day))
    assert repaired["state"] == "success"
    assert {"u-2026-01-23-0"} <= {row["user_id"] for row in rows(quiet, "bronze.user_signups")}


@pytest.mark.slow
def test_a_killed_command_is_healed_by_the_retry(quiet):
    day, dag_id = "2026-01-24", "bronze_feature_usage_events"
    quiet.land(day, "feature_usage_events")
    run_id = quiet.trigger(dag_id, day)
    command = quiet.wait(lambda: stage_process("bronze.feature_usage_events", "process"), "process")
    os.kill(command.pid, signal.SIGKILL)
    assert quiet.wait_for_run(dag_id, run_id)["state"] == "success"
    path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/process"
    assert quiet.api("GET", path)["try_number"] == 2
    landed = [row["event_id"] for row in rows(quiet, "bronze.feature_usage_events")]
    assert len(landed) == len(set(landed))
    assert {row["event_id"] for row in drop(day)["feature_usage_events"]} <= set(landed)


def test_a_dry_run_changes_nothing(quiet):
    before = quiet.published()
    run = quiet.wait_for_run(
        "gold_feature_conversion_impact",
        quiet.trigger("gold_feature_conversion_impact", FIRST, dry_run=True),
    )
    said = quiet.log("gold_feature_conversion_impact", run["dag_run_id"], "assert_input_quality")
    assert "lakehouse plan gold.feature_conversion_impact" in said
    assert quiet.published() == before


def reconciled(site):
    """Have the reconciler look once more."""
    return site.wait_for_run("reconcile", site.trigger_plain("reconcile"))["state"] == "success"


def caught_up(site):
    """Have the reconciler look once more: is there nothing left that a run would change?"""
    reconciled(site)
    site.settle()
    return all(row["action"] != "run" for row in site.lakehouse("plan", "--json"))


def rows(site, table):
    return site.lakehouse("show", table, "-n", "100000", "--json")


def table_runs(site, table):
    """Rows of ops.runs, newest first."""
    found = site.lakehouse("runs", "-n", "1000", "--json")
    return [run for run in found if run["table_name"] == table]


def stage_process(table, stage):
    """The `lakehouse stage` process of a table."""
    for each in psutil.process_iter(["cmdline"]):
        if each.info["cmdline"] and {"stage", table, stage} <= set(each.info["cmdline"]):
            return each
    return None
