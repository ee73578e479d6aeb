"""Peers make the tables of the definitions from dirty files: only equal work is compared."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from interactions_oracle import MADE, Oracle, generate

import benchmarks.peers
from benchmarks.compare import Work, compare
from benchmarks.data import Landing, link
from benchmarks.profiles import Profiles
from benchmarks.workloads import EVERYTHING, TITLES, WORKLOADS
from lakehouse.engines.spark.java import java_environment

PEERS = Path(benchmarks.peers.__file__).parent
NAMES = [each.name for each in WORKLOADS]


@pytest.fixture(scope="module")
def landed(tmp_path_factory):
    raw = tmp_path_factory.mktemp("landed")
    words = ("--days", "40", "--daily", "--dirty", "0.05", "--seed", "11")
    truth = generate(raw, "--users", "300", "--interactions", "4000", *words)
    return raw, truth


def differing(raw, home):
    oracle = Oracle(raw)
    counted = {}
    for table in set(MADE) & set(EVERYTHING):
        file = home / f"{table}.parquet"
        where = f"'{file if file.exists() else f'{home / table}/*.parquet'}'"
        counted[table] = oracle.count_differences(table, where)
    return {table: n for table, n in counted.items() if n}


def test_duckdb_makes_the_tables_of_the_definitions(landed, tmp_path):
    raw, truth = landed
    command = [sys.executable, str(PEERS / "duckdb_sql.py"), *NAMES]
    subprocess.run([*command, "--raw", str(raw), "--home", str(tmp_path)], check=True)
    assert differing(raw, tmp_path) == {}
    assert json.loads((tmp_path / "rejected.json").read_text()) == {
        source: told["malformed_rows"] for source, told in truth["sources"].items()
    }


@pytest.mark.slow
def test_the_textbook_makes_the_tables_of_the_definitions(landed, tmp_path):
    raw, _ = landed
    for name in NAMES:
        command = [sys.executable, str(PEERS / "textbook.py"), name, "--no-gate"]
        subprocess.run(
            [*command, "--raw", str(raw), "--home", str(tmp_path)],
            check=True,
            env=java_environment(),
        )
    assert differing(raw, tmp_path) == {}


@pytest.mark.e2e
@pytest.mark.turns(2)
@pytest.mark.parametrize(
    "peer",
    ["ours-duckdb", pytest.param("ours-spark", marks=[pytest.mark.jvm, pytest.mark.slow])],
)
def test_ours_makes_the_tables_of_plain_sql_and_goes_on(tmp_path, peer):
    whole, base = tmp_path / "whole", tmp_path / "base"
    generate(
        whole,
        *["--users", "60", "--interactions", "600", "--days", "8", "--daily", "--dirty", "0.05"],
    )
    _, _, past, *_, last = sorted((whole / "user_interactions").iterdir())
    link(whole, base, leave_out=(past, last))
    profiles = Profiles.make(10_000, tmp_path / "profiles")
    work = Work(Landing(whole, base, last, past, ""), profiles, tuple(TITLES), "1g")
    _, ours = compare(work, [peer, "duckdb"], tmp_path / "homes", lambda _: None)
    assert ours.peer == peer
    assert ours.differing == []
    assert set(ours.seconds) >= {"W1", "W5", "W6", "W7", "W9", "unchanged", "scan", "aggregate"}
    assert ("W6 warm" in ours.seconds) == (peer == "ours-spark")
    assert set(ours.merges) == {"first", "warm-up", "0", "1", "100", "unchanged"}
    assert ours.lake["data_files"] > 0


def test_files_held_back_are_not_linked(tmp_path):
    (tmp_path / "whole/source").mkdir(parents=True)
    files = [tmp_path / "whole/source" / name for name in ("1.csv", "2.csv", "3.csv")]
    for file in files:
        file.write_text(file.name)
    link(tmp_path / "whole", tmp_path / "base", leave_out=files[1:2])
    held = {file.name: file.read_text() for file in (tmp_path / "base/source").iterdir()}
    assert held == {"1.csv": "1.csv", "3.csv": "3.csv"}
