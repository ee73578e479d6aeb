"""The table for README comes from the files of figures."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
import typer

from benchmarks.measure import Cost
from benchmarks.merges import Merge
from benchmarks.results import Round
from benchmarks.summary import loaded, main, summary
from benchmarks.tasks import TaskClass

ABOUT = {"scale": "10m", "cores": 2, "date": "2026-01-01", "command": "make benchmark SCALE=10m"}


def done(peer, whole, peak_mib=1000, **more):
    merges = {"1": Merge(2.5, 10, 1)} if peer != "polars" else {}
    return Round(peer, {"W6": whole, **more}, Cost(peak_mib=peak_mib), merges=merges)


@pytest.fixture
def file(tmp_path):
    rounds = [
        done("ours-duckdb", 90.0, W7=8.0, unchanged=0.25),
        done("duckdb", 36.0),
        done("polars", 41.0),
        done("ours-duckdb", 80.0, 2000, W7=9.0, unchanged=0.35),
        done("duckdb", 38.0),
        done("polars", 41.0),
    ]
    rounds[2].differing = ["gold.bounce_rates"]
    path = tmp_path / "10m.json"
    path.write_text(json.dumps({"about": ABOUT, "rounds": [asdict(each) for each in rounds]}))
    return path


def test_medians_and_the_most_memory_by_peer(file):
    told = summary(file)
    assert told[0] == "|  | ours-duckdb | duckdb | polars |"
    assert told[2:7] == [
        "| all of it, from start to end, s | 85 | 37 | wrong |",
        "| one more day, s | 8.5 | all of it again | all of it again |",
        "| nothing new, s | 0.3 | all of it again | all of it again |",
        "| SCD2 merge of 1 %, s | 2.5 | 2.5 | \N{EN DASH} |",
        "| peak memory, GB | 2.1 | 1.05 | 1.05 |",
    ]
    assert "2026-01-01, medians of 2 rounds: `make benchmark SCALE=10m`." in told[-1]


def test_a_round_comes_back_as_it_was():
    before = done("ours-spark", 1.0, W7=2.0)
    before.tasks = [TaskClass(0.1, 3, 0.3)]
    before.lake = {"gate_share": 0.1}
    assert loaded(json.loads(json.dumps(asdict(before)))) == before


def test_a_scale_that_was_not_measured_is_missed(tmp_path, capsys):
    with pytest.raises(typer.Exit) as stopped:
        main("30m", tmp_path)
    assert stopped.value.exit_code == 78
    assert "make benchmark SCALE=30m" in capsys.readouterr().err
