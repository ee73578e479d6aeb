"""Tables that are really damaged: every command says so, and the runbook leads back."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from support import Command, copy_lake, new_lake, says

from conftest import conversion, signup
from lakehouse.io import delta_log, ops

pytestmark = [pytest.mark.spark, pytest.mark.e2e]

SIGNUPS, USERS = "bronze.user_signups", "silver.user_dim"
RUNBOOK = Path(__file__).parents[2] / "docs" / "runbooks" / "damaged-table.md"
COMMANDS = re.findall(r"^    lakehouse (.*)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)


def remove(path):
    path.unlink()


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def overwrite(path):
    path.write_bytes(b"\0" * path.stat().st_size)


def spoil(path):
    """Other bytes where the values are; size and footer are those that were written."""
    content = bytearray(path.read_bytes())
    content[4:40] = bytes(36)
    path.write_bytes(bytes(content))


def newest_file(folder):
    """The data file of the newest version that was written last."""
    added = pa.table(DeltaTable(str(folder)).get_add_actions(flatten=True)).to_pylist()
    return folder / max(added, key=lambda each: each["modification_time"])["path"]


def entry(folder, number):
    return folder / "_delta_log" / f"{number:020}.json"


def break_checkpoint(folder):
    DeltaTable(str(folder)).create_checkpoint()
    overwrite(next((folder / "_delta_log").glob("*.checkpoint.parquet")))


DAMAGES = {
    "the folder is gone": (shutil.rmtree, "folder is gone"),
    "the log is gone": (lambda at: shutil.rmtree(at / "_delta_log"), "log is gone"),
    "the first entry of the log is gone": (lambda at: remove(entry(at, 0)), "log lacks"),
    "the newest entry of the log is gone": (
        lambda at: remove(entry(at, delta_log.latest_version(str(at)))),
        "log lacks",
    ),
    "an entry of the log is cut": (lambda at: cut(entry(at, 1)), "log cannot be read"),
    "a checkpoint is broken": (break_checkpoint, "checkpoints of its log are damaged"),
    "a data file is gone": (lambda at: remove(newest_file(at)), "data files are missing"),
    "a data file is cut": (lambda at: cut(newest_file(at)), "data files are missing or damaged"),
    "a data file is overwritten": (lambda at: overwrite(newest_file(at)), "missing or damaged"),
}
LOSES = {name for name in DAMAGES if "folder" in name or "data file" in name}
"""Damage that takes rows of bronze with it, where their landing files are gone, too."""


@pytest.fixture(scope="module")
def published(spark, tmp_path_factory):
    """Two deliveries of signups in two data files, and who the users are."""
    lake = new_lake(tmp_path_factory.mktemp("published") / "lake", spark)
    lake.land("conversions.jsonl", [conversion("u1", "2026-01-20")])
    for n in (1, 2):
        lake.land(f"user_signups/{n}.jsonl", [signup(f"u{n}"), signup(f"v{n}")])
        lake.run(f"+{USERS}")
    return lake


@pytest.fixture
def lake(published, tmp_path):
    return copy_lake(published, tmp_path / "lake")


@pytest.fixture
def command(lake, monkeypatch, capsys):
    monkeypatch.setattr("lakehouse.engines.doctor.AIRFLOW_PORT", 1)
    return Command(lake, monkeypatch, capsys)


def folder_of(lake, table):
    return Path(lake.settings.table_uri(table))


def diagnosis(command):
    rows = json.loads(command("doctor", "--json").out)
    return next(row for row in rows if row["check"] == "tables")


def follow(command, table, *more):
    """What the runbook says, for a table; the code of the repair itself."""
    lines = [line.replace("TABLE+", USERS) for line in COMMANDS]  # all that is downstream here
    dry, repair, run, accept = (
        shlex.split(line.replace("TABLE", table), comments=True) for line in lines
    )
    assert accept == [*repair, "--accept-loss"]
    assert command(*dry).code == 0
    done = command(*repair, *more)
    if done.code == 0:
        assert command(*run).code == 0
    return done


@pytest.mark.turns(3)
@pytest.mark.parametrize("table", [SIGNUPS, USERS])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_told_and_the_runbook_leads_back(lake, command, table, damage):
    before = {name: lake.rows(name, technical=True) for name in (SIGNUPS, USERS)}
    assert diagnosis(command)["state"] == "ok"
    break_it, words = DAMAGES[damage]
    break_it(folder_of(lake, table))

    told = diagnosis(command)
    assert told["state"] == "bad"
    assert says(told["found"], [table, words])
    assert told["fix"] == f"lakehouse repair {table}"
    for done in (command("show", table), command("freshness", table)):
        assert done.code == 65, done.err
        assert says(done.err, [table, words, "lakehouse repair"])

    assert follow(command, table).code == 0
    assert diagnosis(command)["state"] == "ok"
    assert command("freshness", table, "--json").json[0]["damage"] is None
    assert _told(lake.rows(table, technical=True)) == _told(before[table])
    assert _told(lake.rows(USERS, technical=True)) == _told(before[USERS])


def _told(rows):
    """What rows say, besides when they came."""
    return [{k: v for k, v in row.items() if k != "ingestion_timestamp"} for row in rows]


@pytest.mark.turns(3)
@pytest.mark.parametrize("damage", DAMAGES)
def test_rows_of_archived_files_are_kept_or_their_loss_is_accepted(lake, command, damage):
    (lake.raw / "user_signups" / "1.jsonl").rename(lake.raw.parent / "archived.jsonl")
    before = _told(lake.rows(SIGNUPS, technical=True))
    DAMAGES[damage][0](folder_of(lake, SIGNUPS))
    refused = follow(command, SIGNUPS)
    if damage not in LOSES:
        assert refused.code == 0, refused.err
        assert _told(lake.rows(SIGNUPS, technical=True)) == before
        return
    assert refused.code == 65
    assert says(refused.err, ["would be lost", "user_signups/1.jsonl", "--accept-loss"])
    assert not (lake.raw.parent / "damaged").exists(), "nothing was moved"
    done = follow(command, SIGNUPS, "--accept-loss")
    assert done.code == 0, done.err
    there = {row["user_id"] for row in lake.rows(SIGNUPS)}
    assert {"u2", "v2"} <= there
    assert says(done.out, [f"{len(there)} rows now, 4 before"])
    # The file comes back after all.
    (lake.raw.parent / "archived.jsonl").rename(lake.raw / "user_signups" / "1.jsonl")
    lake.run(f"+{USERS}", full_refresh=True)
    assert len(lake.rows(SIGNUPS)) == len(lake.rows(USERS)) == 4


def test_values_that_are_not_what_was_written_are_found_by_doctor(lake, command):
    spoil(newest_file(folder_of(lake, USERS)))
    assert says(diagnosis(command)["found"], [USERS, "missing or damaged"])


@pytest.mark.parametrize("damage", ["the folder is gone", "the log is gone", "a data file is gone"])
def test_a_run_that_meets_damage_says_so(lake, command, damage):
    DAMAGES[damage][0](folder_of(lake, SIGNUPS))
    done = command("run", USERS, "--full-refresh")
    assert done.code == 65, done.err
    assert says(done.err, ["DamagedTableError", SIGNUPS, "lakehouse repair"])
    assert "Traceback" not in done.err


def test_another_table_of_the_same_version_is_not_taken_for_the_published_one(lake, command):
    shutil.rmtree(folder_of(lake, SIGNUPS))
    shutil.copytree(folder_of(lake, "bronze.conversions"), folder_of(lake, SIGNUPS))
    version = lake.version(SIGNUPS)
    while delta_log.latest_version(str(folder_of(lake, SIGNUPS))) < version:
        DeltaTable(str(folder_of(lake, SIGNUPS))).alter.set_table_properties({"a": "b"}, False)
    assert says(command("run", USERS, "--full-refresh").err, [SIGNUPS, "another table"])


def test_books_and_quarantines_are_begun_anew(lake, command):
    shutil.rmtree(folder_of(lake, "ops.runs") / "_delta_log")
    assert says(diagnosis(command)["found"], ["ops.runs", "log is gone"])
    assert command("repair", "ops.runs").code == 0
    assert diagnosis(command)["state"] == "ok"
    lake.run(USERS)
    assert ops.read(lake.settings, "runs", "SELECT table_name FROM t") == [{"table_name": USERS}]


def test_what_is_whole_is_left_alone(lake, command):
    before = lake.version(USERS)
    done = command("repair", USERS)
    assert (done.code, lake.version(USERS)) == (0, before)
    assert says(done.out, ["nothing is missing or damaged"])
