"""Each target is judged by the figure that it names."""

from __future__ import annotations

import pytest

from benchmarks.measure import Cost
from benchmarks.merges import Merge
from benchmarks.results import Round
from benchmarks.targets import targets

FIGURES = {"skew": 1.9, "gc_share": 0.03, "spilled_mib": 0, "shuffle_ratio": 0.59}
HISTORY = {
    "1": Merge(6.0, current=10, closed=1, table_s=4.0),
    "unchanged": Merge(2.1, current=10, closed=1, all_commits=0),
}
NAMES = {
    "ours-spark": (
        *("textbook", "ingestion", "marts", "day", "merge"),
        *("skew", "gc", "spill", "shuffle", "jvms"),
        *("growth", "nothing", "commits", "gates", "memory"),
    ),
    "ours-duckdb": (
        *("sql", "day", "merge"),
        *("growth", "nothing", "commits", "gates", "memory"),
    ),
}


def on_spark(spark=FIGURES, seconds=(), merges=HISTORY, cost=Cost(peak_mib=3000, jvms=1)):  # noqa: B008  # frozen
    warm = {"W3 warm": 10.0, "W4 warm": 20.0, "W5 warm": 10.0, "W6 warm": 80.0}
    whole = {"W1": 60.5, "W6": 100.0, "W7": 12.0, **warm, **dict(seconds)}
    lake = {"gate_share": 0.15}
    return Round("ours-spark", whole, cost, dict(spark), lake, merges=merges)


def on_duckdb(seconds=(), gate_share=0.1, peak_mib=1000):
    whole = {"W3": 1.0, "W6": 72.5, "W7": 10.0, **dict(seconds)}
    cost, lake = Cost(peak_mib=peak_mib), {"gate_share": gate_share}
    return Round("ours-duckdb", whole, cost, lake=lake, merges=HISTORY)


def others():
    marts = {"W3": 4.0, "W4": 2.0, "W5": 1.0}
    merged = {"1": Merge(4.0, current=10, closed=1)}
    return [
        Round("duckdb", {**marts, "W6": 24.0}),
        Round("textbook", {**marts, "W6": 299.0}, merges=merged),
    ]


def judged(*rounds, peer="ours-spark", growth=()):
    found = [each for each in targets(rounds, dict(growth)) if each.peer == peer]
    return dict(zip(NAMES[peer], ((each.figure, each.verdict) for each in found), strict=True))


def test_every_target_on_spark_has_its_figure():
    assert judged(on_spark(), *others(), growth={"spark": 1.3, "duckdb": 9.0}) == {
        "textbook": (2.99, "not met"),
        "ingestion": (60.5, "not met"),
        "marts": (pytest.approx(40 / 7), "met"),
        "day": (0.15, "met"),
        "merge": (1.0, "met"),
        "skew": (1.9, "met"),
        "gc": (3.0, "met"),
        "spill": (0, "met"),
        "shuffle": (0.59, "met"),
        "jvms": (1, "met"),
        "growth": (1.3, "met"),
        "nothing": (2.1, "not met"),
        "commits": (0, "met"),
        "gates": (15.0, "met"),
        "memory": (3.145728, "met"),
    }


def test_every_target_on_duckdb_has_its_figure():
    assert judged(on_duckdb(), *others(), peer="ours-duckdb", growth={"duckdb": 1.4}) == {
        "sql": (pytest.approx(72.5 / 24), "not met"),
        "day": (10.0, "met"),
        "merge": (6.0, "not met"),
        "growth": (1.4, "not met"),
        "nothing": (2.1, "not met"),
        "commits": (0, "met"),
        "gates": (10.0, "met"),
        "memory": (1.048576, "met"),
    }


def test_an_engine_that_took_no_part_has_no_targets():
    assert {each.peer for each in targets([on_duckdb(), *others()], {})} == {"ours-duckdb"}
    both = targets([on_duckdb(), on_spark(), *others()], {})
    assert list(dict.fromkeys(each.peer for each in both)) == ["ours-spark", "ours-duckdb"]


@pytest.mark.parametrize(
    ("name", "figure", "spark"),
    [
        pytest.param("skew", 2.0, {"skew": 2.0}, id="skew"),
        pytest.param("gc", 4.0, {"gc_share": 0.04}, id="gc"),
        pytest.param("spill", 1, {"spilled_mib": 1}, id="spill"),
        pytest.param("shuffle", 0.6, {"shuffle_ratio": 0.6}, id="shuffle"),
    ],
)
def test_the_worst_round_decides_what_spark_tells(name, figure, spark):
    rounds = on_spark(FIGURES | spark), on_spark(), on_spark()
    assert judged(*rounds)[name] == (figure, "not met")


def test_the_worst_round_decides_what_gates_took():
    rounds = on_duckdb(gate_share=0.151), on_duckdb(), on_duckdb()
    assert judged(*rounds, peer="ours-duckdb")["gates"] == (15.1, "not met")


def test_the_median_decides_what_is_timed():
    rounds = [on_spark(seconds={"W6": took}) for took in (150.0, 80.0, 90.0)]
    assert judged(*rounds, *others())["textbook"] == (pytest.approx(299 / 90), "met")


def test_memory_and_machines_are_those_of_the_worst_round_of_an_engine():
    big = on_spark(cost=Cost(peak_mib=3815, jvms=2))
    assert judged(big, on_spark())["memory"] == (pytest.approx(4.0003, abs=1e-4), "not met")
    assert judged(big, on_spark())["jvms"] == (2, "not met")
    assert judged(big, on_duckdb(), peer="ours-duckdb")["memory"] == (1.048576, "met")


def test_a_commit_without_a_file_is_one_too_many():
    again = {"unchanged": Merge(0.1, current=10, closed=1, commits=0, all_commits=1)}
    assert judged(on_spark(merges=again))["commits"] == (1, "not met")
    assert judged(on_spark(merges=again))["merge"] == (None, "not measured")


def test_what_did_not_run_or_is_wrong_is_not_measured():
    part = Round("ours-spark", {"W3": 1.0, "W3 warm": 1.0}, Cost(peak_mib=1), dict(FIGURES))
    assert {verdict for _, verdict in judged(part, *others()).values()} == {"not measured"}
    wrong = on_spark()
    wrong.differing = ["gold.bounce_rates"]
    found = judged(wrong, *others())
    assert found["textbook"] == (None, "not measured")
    assert found["marts"] == (None, "not measured")
    assert found["ingestion"] == (60.5, "not met")
    assert found["merge"] == (1.0, "met")
