"""The `lakehouse` command as a user types it: what it prints, and what it exits with."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from chosen_engine import ON_DUCKDB
from deltalake import DeltaTable
from support import (
    GROWTH,
    Command,
    command_line,
    content,
    copy_lake,
    environment,
    lakehouse,
    land_small_data,
    new_lake,
    rejects,
    says,
)

from conftest import LakeDriver, signup
from lakehouse.catalog.registry import registry

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.e2e]

TABLES = list(GROWTH)
STAGES = ("assert-input", "process", "assert-output")


@pytest.fixture(scope="module")
def published(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> LakeDriver:
    """A lake whose tables are all published; tests that write take a copy."""
    lake = new_lake(tmp_path_factory.mktemp("published") / "lake", spark)
    land_small_data(lake)
    lake.run()
    return lake


@pytest.fixture
def command(published: LakeDriver, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Command:
    """`lakehouse` on the shared lake: for commands that only read."""
    return Command(published, monkeypatch, capsys)


@pytest.fixture
def writing(command: Command, tmp_path: Path) -> Command:
    """`lakehouse` on a lake of its own."""
    lake = copy_lake(command.lake, tmp_path / "lake")
    return Command(lake, command.monkeypatch, command.capsys)


# -------------------------------------------------------------------------------- run, plan


def test_run_tells_what_became_of_every_table(writing):
    land_small_data(writing.lake, "2")
    done = writing("run", "+silver.user_dim")
    assert done.code == 0
    tables = ["bronze.user_signups", "bronze.conversions", "silver.user_dim"]
    assert says(done.out, [*tables, "updated", "quarantined"])


def test_run_prints_the_account_as_json(writing):
    land_small_data(writing.lake, "2")
    done = writing("run", "--json")
    assert done.code == 0
    rows = {row["table"]: row for row in done.json}
    assert list(rows) == TABLES
    signups = rows["bronze.user_signups"]
    assert (signups["rows_in"], signups["rows_loaded"]) == (8, 6)
    assert (signups["rows_quarantined"], signups["rows_deduplicated"]) == (1, 1)
    assert {row["exit_code"] for row in done.json} == {0}


def test_a_second_run_changes_nothing(writing):
    versions = {name: writing.lake.version(name) for name in TABLES}
    books = DeltaTable(writing.lake.settings.table_uri("ops.runs"))
    before = books.version()
    done = writing("run", "--json")
    assert done.code == 0
    books.update_incremental()
    assert books.version() == before + 1, "one commit writes down all that had nothing to do"
    assert {row["outcome"] for row in done.json} == {"unchanged"}
    assert {name: writing.lake.version(name) for name in TABLES} == versions


def test_run_takes_tables_layers_and_their_surroundings(writing):
    for selectors, expected in {
        ("silver",): [name for name in TABLES if name.startswith("silver.")],
        ("bronze.conversions", "silver.user_dim"): ["bronze.conversions", "silver.user_dim"],
        ("+silver.feature_states",): ["bronze.feature_releases", "silver.feature_states"],
    }.items():
        done = writing("run", *selectors, "--json")
        assert sorted(row["table"] for row in done.json) == sorted(expected)


def test_a_backfill_takes_the_files_of_each_day_in_order(writing):
    for day in ("2026-02-01", "2026-02-02", "2026-02-03"):
        writing.lake.land(f"user_signups/{day}.jsonl", [signup(f"of-{day}")])
    signups = "bronze.user_signups"
    done = writing("run", signups, "--from", "2026-02-01", "--to", "2026-02-02")
    assert done.code == 0, done.err
    assert says(done.out, ["2026-02-01", "2026-02-02"])
    users = {row["user_id"] for row in writing.lake.rows(signups)}
    assert {"of-2026-02-01", "of-2026-02-02"} <= users
    assert "of-2026-02-03" not in users
    runs = writing("runs", "-n", "2", "--json").json
    assert [run["rows_in"] for run in runs] == [1, 1]
    steps = writing("plan", signups, "--day", "2026-02-02", "--json").json
    assert (steps[0]["action"], "1 dated later" in steps[0]["reason"]) == ("skip", True)
    assert writing("plan", signups, "--json").json[0]["action"] == "run"


def test_run_exits_with_the_failures_code_and_blocks_what_is_downstream(writing):
    (writing.lake.raw / "user_signups/2.csv").write_text("id\n1\n")
    done = writing("run", "--json")
    assert done.code == 65
    outcomes = {row["table"]: row["outcome"] for row in done.json}
    assert outcomes["bronze.user_signups"] == "failed"
    assert outcomes["silver.user_dim"] == outcomes["gold.feature_conversion_impact"] == "blocked"
    assert outcomes["bronze.conversions"] == "unchanged"
    assert says(done.err, ["SchemaMismatchError", "user_signups/2.csv"])


def test_plan_says_what_would_run_and_why_and_touches_nothing(writing):
    before = content(writing.lake)
    writing.lake.land("user_signups/2.jsonl", [signup("new")])
    steps = {step["table"]: step for step in writing("plan", "--json").json}
    assert steps["bronze.user_signups"]["action"] == "run"
    assert "1 new file" in steps["bronze.user_signups"]["reason"]
    assert "after bronze.user_signups" in steps["silver.user_dim"]["reason"]
    assert steps["bronze.conversions"]["action"] == "skip"
    assert says(writing("plan").out, ["bronze.user_signups", "run", "skip"])
    assert content(writing.lake) == before
    whole = writing("plan", "silver.user_dim", "--full-refresh", "--json").json
    assert [step["action"] for step in whole] == ["run"]


# --------------------------------------------------------------------- looking at the lake


def test_tables_lists_what_is_published(command):
    rows = command("tables", "--json").json
    assert [row["table"] for row in rows] == list(registry().entries)
    assert all(row["published_at"] for row in rows if row["table"] in TABLES)
    facts = [row for row in rows if row["table"] in TABLES and "gold" not in row["table"]]
    assert all(row["rows"] > 0 for row in facts)
    assert not any(row["published_at"] for row in rows if row["table"] not in TABLES)
    assert says(command("tables").out, TABLES)


def test_show_prints_rows_and_history(command):
    rows = command("show", "silver.user_dim", "-n", "2", "--json").json
    assert [row["user_id"] for row in rows] == ["u1-0", "u1-1"]
    history = command("show", "silver.user_dim", "--history", "--json").json
    assert [commit["published"] for commit in history].count("yes") == 1
    assert history[0]["run_id"]
    empty = command("show", "silver.user_dim", "--version", "0", "--json").json
    assert empty == []
    assert says(command("show", "silver.user_dim").out, ["u1-0", "current_", "plan"])


def test_show_of_a_version_that_never_was_is_a_clear_error(command):
    done = command("show", "silver.user_dim", "--version", "99")
    assert done.code == 78, done.err
    assert says(done.err, ["99", "silver.user_dim", "--history"])


def test_runs_lists_the_latest(command):
    rows = command("runs", "--json", "-n", "100").json
    assert {row["table_name"] for row in rows} == set(TABLES)
    assert len({row["run_id"] for row in rows}) == 1
    assert says(command("runs", "-n", "1").out, ["updated"])


def test_an_empty_lake_has_empty_lists_and_says_what_to_run(tmp_path, command):
    empty = Command(new_lake(tmp_path / "empty"), command.monkeypatch, command.capsys)
    assert {row["version"] for row in empty("tables", "--json").json} == {None}
    assert empty("runs", "--json").json == []
    assert empty("quarantine", "list", "--json").json == []
    assert empty("plan").code == 0
    for words in (["show"], ["check"], ["verify"]):
        done = empty(*words, "silver.user_dim")
        assert done.code == 75
        assert "lakehouse run +silver.user_dim" in " ".join(done.err.split())


# ----------------------------------------------------------------- quarantine, check, verify


def test_quarantine_lists_shows_and_replays(writing):
    lake, table = writing.lake, "bronze.user_signups"
    counts = writing("quarantine", "list", "--json").json
    mine = [row for row in counts if row["table"] == table]
    assert [(r["source_file"], r["reason"], r["n_rows"]) for r in mine] == [
        ("user_signups/1.jsonl", "malformed_row", 1)
    ]
    (row,) = writing("quarantine", "show", table, "--json").json
    assert (row["source_line"], row["raw"], row["reasons"]) == (8, "{broken", ["malformed_row"])
    path = lake.raw / "user_signups/1.jsonl"
    path.write_text(path.read_text().replace("{broken", json.dumps(signup("mended"))))
    (told,) = writing("quarantine", "replay", table, "--dry-run", "--json").json
    assert told == {
        "source_file": "user_signups/1.jsonl",
        "judged_from": "file",
        "rejected_now": 1,
        "rejected_then": 0,
        "would_leave": 1,
        "reasons_then": "",
    }
    assert len(rejects(lake, table)) == 1
    done = writing("quarantine", "replay", table)
    assert done.code == 0, done.err
    assert says(done.err, ["in quarantine: 1 rows before, 0 now"])
    assert rejects(lake, table) == {}
    assert "mended" in {row["user_id"] for row in lake.rows(table)}


def test_check_runs_the_output_gate_on_what_is_published(command):
    done = command("check", "silver.feature_states", "--json")
    assert done.code == 0
    checks = registry()["silver.feature_states"].table.ensures
    assert [row["check"] for row in done.json] == [check.name for check in checks]
    assert all(row["passed"] for row in done.json)


@pytest.mark.parametrize("table", ["bronze.user_signups", "silver.feature_states"])
def test_verify_finds_a_table_as_a_rebuild_would_make_it(command, table):
    done = command("verify", table, "--json")
    assert done.code == 0
    assert (done.json["missing"], done.json["surplus"], done.json["different"]) == (0, 0, 0)


def test_verify_finds_rows_that_were_tampered_with(writing):
    uri = writing.lake.settings.table_uri("silver.user_dim")
    DeltaTable(uri).update(new_values={"current_plan": "gold"}, predicate="user_id = 'u1-0'")
    published = f"{writing.lake.settings.root_uri}/ops/published/silver.user_dim.json"
    with open(published, encoding="utf-8") as stream:  # noqa: PTH123 # a plain file
        state = json.load(stream)
    state["version"] = state["head"] = state["version"] + 1
    with open(published, "w", encoding="utf-8") as stream:  # noqa: PTH123 # same
        json.dump(state, stream)
    done = writing("verify", "silver.user_dim", "--json")
    assert done.code == 65
    assert done.json["different"] == 1


# ------------------------------------------------------------------- stages, manifest, doctor


def test_three_stages_give_what_a_run_gives(writing, tmp_path):
    table = "bronze.user_signups"
    whole = copy_lake(writing.lake, tmp_path / "whole")
    for lake in (writing.lake, whole):
        land_small_data(lake, "2")
    before = writing.lake.version(table)
    for stage in STAGES:
        done = writing("stage", table, stage, "--run-id", "three", "--json")
        assert done.code == 0, done.err
        assert (writing.lake.version(table) > before) == (stage == "assert-output")
    whole.run(table)
    assert writing.lake.rows(table) == whole.rows(table)
    state = writing.lake.open().states.published(table)
    assert (state.run_id, state.account.balanced) == ("three", True)
    (run,) = [run for run in writing("runs", "--json").json if run["run_id"] == "three"]
    assert (run["outcome"], run["reason"]) == ("updated", "1 new file")


@pytest.mark.slow
def test_three_stages_may_be_three_processes(writing):
    table = "silver.user_dim"
    land_small_data(writing.lake, "2")
    writing.lake.run("bronze")
    for stage in STAGES:
        done = lakehouse(writing.lake, "stage", table, stage, "--run-id", "three")
        assert done.code == 0, done.err
    assert len(writing.lake.rows(table)) == 12
    assert writing("runs", "-n", "1", "--json").json[0]["run_id"] == "three"


def test_a_stage_of_a_domain_nobody_feeds_has_nothing_to_do(command):
    done = command("stage", "bronze.user_metadata", "assert-input", "--json")
    assert (done.code, done.json["outcome"]) == (0, "spare")
    assert says(done.err, ["bronze.user_metadata", "ever arrived"])


def test_manifest_prints_or_writes_the_graph(command, tmp_path):
    printed = command("manifest", "--output", "-")
    assert [table["name"] for table in printed.json["tables"]] == list(registry().entries)
    path = tmp_path / "airflow" / "manifest.json"
    assert command("manifest", "--output", str(path)).code == 0
    assert json.loads(path.read_text()) == printed.json


def test_doctor_prints_what_it_found(command):
    done = command("doctor", "--json")
    found = {row["check"]: row["state"] for row in done.json}
    needed = {"engine"} if ON_DUCKDB else {"java", "jars"}
    assert {"python", *needed, "disk", "lake is writable"} <= set(found)
    assert done.code == (78 if "bad" in found.values() else 0)
    assert says(command("doctor").out, list(found))


def test_the_command_itself_starts_and_helps(tmp_path):
    help_ = subprocess.run(
        command_line("--help"),
        env=environment(new_lake(tmp_path / "lake")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert help_.returncode == 0
    assert says(help_.stdout, ["run", "plan", "quarantine", "doctor"])
    assert lakehouse(new_lake(tmp_path / "lake"), "run", "gold.nothing").code == 78
