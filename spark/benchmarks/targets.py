"""What the pipeline is to cost, and whether it does: targets at ten million rows on two cores."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import results
from benchmarks.merges import UNCHANGED
from benchmarks.results import DUCKDB, OURS, TEXTBOOK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.results import Round

SCALE = "10m"
"""Where the limits are meant to hold."""
_HOLDS = {
    "≥": operator.ge,
    "≤": operator.le,
    "<": operator.lt,
    "=": operator.eq,
}


@dataclass(frozen=True)
class Target:
    """A limit, and what was measured.

    Attributes:
        name: What is measured, in words.
        sign: How the figure must stand to the limit: ≥, ≤, < or =.
        limit: The limit.
        figure: Median of the rounds for times, else the worst of them; None = not measured.
        unit: Of both: s, %, GB, MiB, or nothing.
    """

    name: str
    sign: str
    limit: float
    figure: float | None
    unit: str = ""

    @property
    def is_met(self) -> bool | None:
        """Whether the figure keeps to the limit; None when it was not measured."""
        return None if self.figure is None else _HOLDS[self.sign](self.figure, self.limit)

    @property
    def verdict(self) -> str:
        """The same in words."""
        return {None: "not measured", True: "met", False: "not met"}[self.is_met]


def targets(rounds: Sequence[Round], growth: float | None = None) -> list[Target]:
    """Every target with its figure.

    Args:
        rounds: What was measured. Figures of a whole run are taken from rounds that had one.
        growth: Seconds of a day on the longest history ÷ on the shortest, from `history`.
    """
    whole = [each for each in rounds if "W6" in each.seconds]
    first = results.median(rounds, OURS, "W6")
    reference = results.median(rounds, DUCKDB, "W6")
    next_day = results.median(rounds, OURS, "W7")
    textbook = results.median(rounds, TEXTBOOK, "W6")
    marts = results.marts(rounds, OURS, " warm"), results.marts(rounds, DUCKDB)

    def spark(name: str, times: float = 1) -> float | None:
        share = results.worst(whole, lambda each: each.spark.get(name))
        return None if share is None else share * times

    memory = results.worst(whole, lambda each: each.cost.peak_mib * 2**20 / 1e9)
    jvms = results.worst(whole, lambda each: each.cost.jvms)
    again = results.merge_figures(rounds, OURS, UNCHANGED, "all_commits")
    return [
        Target("textbook's time ÷ ours, full load (W6 cold)", "≥", 3, _ratio(textbook, first)),
        Target("our marts ÷ DuckDB's (W3 + W4 + W5 warm)", "≤", 4, _ratio(*marts)),
        Target("one more day (W7) ÷ DuckDB's full refresh", "<", 1, _ratio(next_day, reference)),
        Target("one more day on the longest ÷ on the shortest history", "≤", 1.3, growth),
        Target("SCD2 merge, 1 % changed (W8)", "≤", 6, _merge_s(rounds, "1"), "s"),
        Target("SCD2 merge, nothing landed (W8)", "≤", 2, _merge_s(rounds, UNCHANGED), "s"),
        Target("commits when nothing landed (W8)", "=", 0, max(again, default=None)),
        Target("gates ÷ time of the tables", "≤", 15, spark("gate_share", 100), "%"),
        Target("longest ÷ median task of a stage", "<", 2, spark("skew")),
        Target("garbage collection ÷ task time", "<", 4, spark("gc_share", 100), "%"),
        Target("spilled", "=", 0, spark("spilled_mib"), "MiB"),
        Target("shuffled bytes ÷ input bytes", "<", 0.6, spark("shuffle_ratio")),
        Target("peak memory, all processes", "<", 4, memory, "GB"),
        Target("JVMs for the whole pipeline", "=", 1, jvms),
    ]


def _merge_s(rounds: Sequence[Round], delivery: str) -> float | None:
    return results.middle(results.merge_figures(rounds, OURS, delivery, "wall_s"))


def _ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None
