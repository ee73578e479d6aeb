"""The sample on either engine, side by side."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from rich.console import Console

from benchmarks.sample import grid_of, targets

FIGURES = {
    "spark": {
        "full_s": 53.21,
        "warm_run_s": 30.0,
        "nothing_new_commits": 0,
        "failed": [],
        "tables": {"bronze.a": {"s": 3.0, "gates_s": 0.5}},
    },
    "duckdb": {
        "full_s": 12.5,
        "nothing_new_commits": 0,
        "failed": ["gold.b"],
        "tables": {"bronze.a": {"s": 0.25, "gates_s": 0.01}, "gold.b": {"s": 1.0, "gates_s": 0.0}},
    },
}


def test_engines_stand_side_by_side():
    console = Console(width=200)
    with console.capture() as printed:
        console.print(grid_of(FIGURES))
    lines = [line.split() for line in printed.get().splitlines()]
    assert lines[0] == ["what", "ours-spark", "ours-duckdb"]
    assert ["full_s", "53.2", "12.5"] in lines
    assert ["warm_run_s", "30"] in lines  # of Spark alone
    assert ["failed", "none", "gold.b"] in lines
    assert ["bronze.a", "3.00", "(0.50)", "0.25", "(0.01)"] in lines


@pytest.mark.parametrize(
    ("full", "nothing", "verdicts"),
    [
        pytest.param(12.0, 0.9, ["met", "met"], id="met"),
        pytest.param(12.1, 1.0, ["not met", "not met"], id="not-met"),
    ],
)
def test_the_sample_has_targets_on_duckdb(full, nothing, verdicts):
    found = targets({"full_s": full, "nothing_new_s": nothing})
    assert [each.verdict for each in found] == verdicts
    assert [each.verdict for each in targets({})] == ["not measured", "not measured"]


@pytest.mark.e2e
@pytest.mark.turns(2)
@pytest.mark.parametrize(
    "engine",
    ["duckdb", pytest.param("spark", marks=[pytest.mark.jvm, pytest.mark.slow])],
)
def test_a_small_sample_runs_on_each_engine(engine, tmp_path):
    command = [sys.executable, "-m", "benchmarks.sample", "--engine", engine, "--json"]
    done = subprocess.run(
        [*command, "--users", "60", "--events", "500"],
        check=True,
        capture_output=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    told = json.loads(done.stdout)["engines"][engine]
    assert told["failed"] == []
    assert told["nothing_new_commits"] == 0
    assert ("warm_run_s" in told, "spark_jobs" in told) == ((engine == "spark"),) * 2
    assert told["full_s"] == pytest.approx(told["start_s"] + told["first_run_s"], abs=0.02)
    assert {"bronze.user_interactions", "gold.daily_active_users"} <= set(told["tables"])
