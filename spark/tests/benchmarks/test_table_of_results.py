"""The tables of results say what was measured, and what is no result."""

from __future__ import annotations

import pytest

from benchmarks import pictures
from benchmarks.measure import Cost
from benchmarks.merges import Merge
from benchmarks.report import markdown
from benchmarks.results import Round
from benchmarks.sections import OF_ALL_PEERS
from benchmarks.targets import Target
from benchmarks.tasks import TaskClass
from benchmarks.workloads import TITLES

ABOUT = {
    "date": "2026-01-01",
    "cores": 2,
    "memory_gib": 8.0,
    "python": "3.11",
    "pyspark": "4.2.0",
    "delta-spark": "4.4.0",
    "duckdb": "1.5",
    "scale": "1m",
    "data": "c0ffee",
    "command": "make benchmark SCALE=1m",
    "named": tuple(TITLES),
    "keys": 1_000_000,
    "delivered": 10_000,
}
GOALS = [
    Target("ours-spark", "waste", "=", 0, 3, "MiB"),
    Target("ours-spark", "checks", "≤", 15, 9.123, "%"),
    Target("ours-duckdb", "growth", "≤", 1.3, None),
]


def done(peer, seconds, differing=()):
    cost = Cost(10, 20, 300, 40, 50, jvms=1, load=0.5)
    made = Round(peer, dict.fromkeys(OF_ALL_PEERS, seconds), cost, differing=list(differing))
    if peer == "ours-spark":
        made.seconds |= {f"{key} warm": seconds / 2 for key in OF_ALL_PEERS}
        made.spark = {"jobs": 1234, "skew": 1.5}
    if peer.startswith("ours"):
        made.seconds |= {"W7": 3.0, "W9": 4.0, "unchanged": 0.2, "scan": 0.5, "aggregate": 2.0}
        made.lake = {"gate_share": 0.0912345, "delta_commits": 44, "data_files": 158}
        made.merges = {
            "0": Merge(seconds, 9, 0, table_s=1.0, commits=0, all_commits=1),
            "unchanged": Merge(0.1, 9, 0, table_s=0.0, commits=0, all_commits=0),
        }
    if peer == "duckdb":
        made.merges = {"0": Merge(seconds, 9, 0)}
    return made


def rows(text, start):
    lines = [line for line in text.splitlines() if line.startswith(f"| {start}")]
    return [[cell.strip() for cell in line.strip("|").split("|")][1:] for line in lines]


def row(text, start):
    [found] = rows(text, start)
    return found


@pytest.fixture
def rounds():
    return [
        done("ours-spark", 8.0),
        done("ours-duckdb", 3.0),
        done("duckdb", 2.0),
        done("polars", 1.0, ["gold.bounce_rates"]),
        done("ours-spark", 12.0),
        done("ours-duckdb", 6.0),
        done("duckdb", 4.0),
        done("polars", 1.0),
    ]


def test_medians_stand_with_their_spread_and_a_wrong_table_is_no_result(rounds):
    text = markdown(rounds, ABOUT, GOALS)
    heads = "|  | ours-spark cold | ours-spark warm | ours-duckdb | duckdb | polars |"
    assert heads in text.splitlines()
    assert row(text, "W1") == [
        "10.0 (8.0\N{EN DASH}12.0)",
        "5.0 (4.0\N{EN DASH}6.0)",
        "4.5 (3.0\N{EN DASH}6.0)",
        "3.0 (2.0\N{EN DASH}4.0)",
        "1.0 (1.0\N{EN DASH}1.0)",
    ]
    assert row(text, "W5")[4] == "wrong"
    assert row(text, "W6")[4] == "wrong"
    equal = row(text, "equal to DuckDB's tables")
    assert equal == ["yes", "yes", "yes", "not gold.bounce_rates"]
    assert "2 rounds, medians" in text
    assert "make benchmark SCALE=1m" in text


def test_only_what_was_named_is_shown(rounds):
    text = markdown(rounds, ABOUT | {"named": ("W2", "W9")}, GOALS)
    assert [bool(rows(text, key)) for key in ("W1", "W2", "W6", "W7", "W9")] == [
        *(False, True, False, False, True)
    ]


def test_targets_stand_with_their_limits(rounds):
    text = markdown(rounds, ABOUT, GOALS)
    assert row(text, "ours-spark: waste") == ["= 0 MiB", "3 MiB", "not met"]
    assert row(text, "ours-spark: checks") == ["≤ 15 %", "9.12 %", "met"]
    assert row(text, "ours-duckdb: growth") == ["≤ 1.3", "", "not measured"]


def test_the_marts_are_set_against_their_references(rounds):
    text = markdown(rounds, ABOUT, GOALS)
    # By hand: 3 marts of 5 s on Spark, warm, and of 4.5 s on DuckDB, whose plain SQL takes 3 s for
    # each; Polars' are wrong.
    assert "|  | ours-spark warm | ours-duckdb |" in text.splitlines()
    assert row(text, "seconds") == ["15.0", "13.5"]
    assert row(text, "÷ a scan") == ["30 (of 0.50 s)", "27 (of 0.50 s)"]
    assert row(text, "÷ one count") == ["7.5 (of 2.00 s)", "6.75 (of 2.00 s)"]
    assert row(text, "÷ the best other peer's, duckdb") == ["1.67 (of 9.00 s)", "1.5 (of 9.00 s)"]


def test_what_comes_later_stands_by_engine(rounds):
    text = markdown(rounds, ABOUT, GOALS)
    assert row(text, "W7") == ["3.0 (3.0\N{EN DASH}3.0)"] * 2
    alone = markdown([each for each in rounds if each.peer != "ours-spark"], ABOUT, GOALS)
    assert row(alone, "W7") == ["3.0 (3.0\N{EN DASH}3.0)"]


def test_only_spark_has_figures_of_spark_and_both_of_their_lakes(rounds):
    text = markdown(rounds, ABOUT, GOALS)
    assert row(text, "jobs") == ["1,234"]
    assert row(text, "longest ÷ median task, stages of four tasks") == ["1.5"]
    assert row(text, "gates ÷ time") == ["0.0912", "0.0912"]
    assert row(text, "Delta commits") == ["44", "44"]
    assert row(text, "data files") == ["158", "158"]


def test_merges_stand_by_delivery(rounds):
    text = markdown(rounds, ABOUT, GOALS)
    assert "1,000,000 users, 10,000 delivered" in text
    assert row(text, "0 % of the rows") == [
        "10.0 (8.0\N{EN DASH}12.0)",
        "1.0 (1.0\N{EN DASH}1.0)",
        "0",
        "4.5 (3.0\N{EN DASH}6.0)",
        "1.0 (1.0\N{EN DASH}1.0)",
        "0",
        "3.0 (2.0\N{EN DASH}4.0)",
    ]
    assert row(text, "nothing landed")[5:] == ["0", ""]


def test_without_merges_and_whole_runs_their_tables_are_left_out():
    part = Round("ours-spark", {"W1": 1.0, "W1 warm": 1.0}, spark={"jobs": 1})
    about = ABOUT | {"named": ("W1",), "keys": None, "delivered": None}
    text = markdown([part, Round("duckdb", {"W1": 1.0})], about, GOALS)
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        *("## Workloads", "## Targets")
    ]


def test_pictures_are_some(rounds, tmp_path):
    pictures.times(rounds, OF_ALL_PEERS, tmp_path / "times.png", "1m interactions")
    classes = {"ours-spark": [TaskClass(0.1, 5, 0.4), TaskClass(1.0, 2, 1.6)]}
    pictures.tasks(classes, tmp_path / "tasks.png", "1m interactions")
    for name in ("times.png", "tasks.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
