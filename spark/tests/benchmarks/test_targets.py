"""Each target is judged by the figure that it names."""

from __future__ import annotations

import pytest

from benchmarks.measure import Cost
from benchmarks.merges import Merge
from benchmarks.results import Round
from benchmarks.targets import targets

FIGURES = {
    "gate_share": 0.15,
    "skew": 1.9,
    "gc_share": 0.03,
    "spilled_mib": 0,
    "shuffle_ratio": 0.59,
}


def ours(spark=FIGURES, seconds=(), merges=None, cost=Cost(peak_mib=3000, jvms=1)):  # noqa: B008  # frozen
    warm = {"W3 warm": 10.0, "W4 warm": 20.0, "W5 warm": 10.0}
    whole = {"W6": 100.0, "W7": 24.0, **warm, **dict(seconds)}
    history = {
        "1": Merge(6.0, current=10, closed=1),
        "unchanged": Merge(2.1, current=10, closed=1, all_commits=0),
    }
    return Round("ours", whole, cost, dict(spark), merges=merges or history)


def others():
    marts = {"W3": 4.0, "W4": 4.0, "W5": 2.0}
    return [Round("duckdb", {**marts, "W6": 24.0}), Round("textbook", {**marts, "W6": 299.0})]


def judged(*rounds, growth=None):
    found = targets(rounds, growth)
    names = (
        *("textbook", "marts", "day", "growth", "merge", "nothing", "commits", "gates", "skew"),
        *("gc", "spill", "shuffle", "memory", "jvms"),
    )
    return dict(zip(names, ((each.figure, each.verdict) for each in found), strict=True))


def test_every_target_has_its_figure():
    assert judged(ours(), *others(), growth=1.3) == {
        "textbook": (2.99, "not met"),
        "marts": (4.0, "met"),
        "day": (1.0, "not met"),
        "growth": (1.3, "met"),
        "merge": (6.0, "met"),
        "nothing": (2.1, "not met"),
        "commits": (0, "met"),
        "gates": (15.0, "met"),
        "skew": (1.9, "met"),
        "gc": (3.0, "met"),
        "spill": (0, "met"),
        "shuffle": (0.59, "met"),
        "memory": (3.145728, "met"),
        "jvms": (1, "met"),
    }


@pytest.mark.parametrize(
    ("name", "figure", "spark"),
    [
        pytest.param("gates", 15.1, {"gate_share": 0.151}, id="gates"),
        pytest.param("skew", 2.0, {"skew": 2.0}, id="skew"),
        pytest.param("gc", 4.0, {"gc_share": 0.04}, id="gc"),
        pytest.param("spill", 1, {"spilled_mib": 1}, id="spill"),
        pytest.param("shuffle", 0.6, {"shuffle_ratio": 0.6}, id="shuffle"),
    ],
)
def test_the_worst_round_decides_what_spark_tells(name, figure, spark):
    rounds = ours(FIGURES | spark), ours(), ours()
    assert judged(*rounds)[name] == (figure, "not met")


def test_the_median_decides_what_is_timed():
    rounds = [ours(seconds={"W6": took}) for took in (150.0, 80.0, 90.0)]
    assert judged(*rounds, *others())["textbook"] == (pytest.approx(299 / 90), "met")


def test_memory_and_machines_are_those_of_the_worst_round():
    big = ours(cost=Cost(peak_mib=3815, jvms=2))
    assert judged(big, ours())["memory"] == (pytest.approx(4.0003, abs=1e-4), "not met")
    assert judged(big, ours())["jvms"] == (2, "not met")


def test_a_commit_without_a_file_is_one_too_many():
    again = {"unchanged": Merge(0.1, current=10, closed=1, commits=0, all_commits=1)}
    assert judged(ours(merges=again))["commits"] == (1, "not met")
    assert judged(ours(merges=again))["merge"] == (None, "not measured")


def test_what_did_not_run_or_is_wrong_is_not_measured():
    part = Round("ours", {"W3": 1.0, "W3 warm": 1.0}, Cost(peak_mib=1, jvms=1), dict(FIGURES))
    assert {verdict for _, verdict in judged(part, *others()).values()} == {"not measured"}
    wrong = ours()
    wrong.differing = ["gold.bounce_rates"]
    found = judged(wrong, *others())
    assert found["textbook"] == (None, "not measured")
    assert found["marts"] == (None, "not measured")
    assert found["merge"] == (6.0, "met")
