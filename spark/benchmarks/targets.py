"""What the pipeline is to cost, and whether it does: targets at ten million rows on two cores."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import results
from benchmarks.merges import UNCHANGED
from benchmarks.results import DUCKDB, OURS_DUCKDB, OURS_SPARK, TEXTBOOK, WARM, engine_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.results import Round

SCALE = "10m"
"""Where the limits are meant to hold."""
SKEW = "longest ÷ median task, stages of four tasks or more whose median is over 200 ms"
NEXT_DAY = "a day more (W7)"
MERGE = "SCD2 merge, 1 % changed (W8)"
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
        peer: Whose: ours, on one of its engines.
        name: What is measured, in words.
        sign: How the figure must stand to the limit: ≥, ≤, < or =.
        limit: The limit.
        figure: Median of the rounds for times, else the worst of them; None = not measured.
        unit: Of both: s, %, GB, MiB, or nothing.
    """

    peer: str
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


def targets(rounds: Sequence[Round], growth: Mapping[str, float]) -> list[Target]:
    """Every target of the engines that took part, with its figure.

    Args:
        rounds: What was measured. Figures of a whole run are taken from rounds that had one.
        growth: By engine, what a day more costs on the longest history ÷ on the shortest.
    """
    whole = [each for each in rounds if "W6" in each.seconds]
    of = {OURS_SPARK: [*_spark(rounds), *_event_log(whole)], OURS_DUCKDB: _duckdb(rounds)}
    there = [peer for peer in results.peers_of(rounds) if peer in of]
    return [each for p in there for each in (*of[p], *_both(rounds, whole, p, growth))]


def _spark(rounds: Sequence[Round]) -> list[Target]:
    """Where the data are large: against a textbook's Spark, and against what DuckDB takes."""

    def target(name: str, sign: str, limit: float, figure: float | None, unit: str = "") -> Target:
        return Target(OURS_SPARK, name, sign, limit, figure, unit)

    def ours(key: str) -> float | None:
        return results.median(rounds, OURS_SPARK, key)

    marts = results.marts(rounds, OURS_SPARK), results.marts(rounds, DUCKDB)
    textbook = results.median(rounds, TEXTBOOK, "W6")
    # The textbook's reads the file itself: of ours the history alone does the same.
    merges = _merge_s(rounds, OURS_SPARK, "1", "table_s"), _merge_s(rounds, TEXTBOOK, "1")
    faster = "textbook's time ÷ ours, full load (W6 cold; the aim is 5)"
    return [
        target(faster, "≥", 3, _ratio(textbook, ours("W6"))),
        target("landing files to bronze (W1 cold)", "≤", 60, ours("W1"), "s"),
        target("marts (W3 + W4 + W5 warm) ÷ DuckDB's", "≤", 6, _ratio(*marts)),
        target(
            f"{NEXT_DAY} ÷ full load (W6 warm)", "≤", 0.15, _ratio(ours("W7"), ours("W6" + WARM))
        ),
        target(f"{MERGE}, the history alone ÷ textbook's MERGE", "≤", 1, _ratio(*merges)),
    ]


def _event_log(whole: Sequence[Round]) -> list[Target]:
    """What Spark tells of a first run."""

    def worst(name: str, times: float = 1) -> float | None:
        return _worst(whole, OURS_SPARK, lambda each: each.spark.get(name), times)

    jvms = _worst(whole, OURS_SPARK, lambda each: each.cost.jvms)
    return [
        Target(OURS_SPARK, SKEW, "<", 2, worst("skew")),
        Target(OURS_SPARK, "garbage collection ÷ task time", "<", 4, worst("gc_share", 100), "%"),
        Target(OURS_SPARK, "spilled", "=", 0, worst("spilled_mib"), "MiB"),
        Target(OURS_SPARK, "shuffled bytes ÷ input bytes", "<", 0.6, worst("shuffle_ratio")),
        Target(OURS_SPARK, "JVMs for the whole pipeline", "=", 1, jvms),
    ]


def _duckdb(rounds: Sequence[Round]) -> list[Target]:
    """Seconds on a laptop: against the same tables in plain SQL."""
    first, plain = (results.median(rounds, peer, "W6") for peer in (OURS_DUCKDB, DUCKDB))
    next_day = results.median(rounds, OURS_DUCKDB, "W7")
    merge = _merge_s(rounds, OURS_DUCKDB, "1")
    return [
        Target(OURS_DUCKDB, "all of it (W6) ÷ plain SQL in DuckDB", "≤", 3, _ratio(first, plain)),
        Target(OURS_DUCKDB, NEXT_DAY, "≤", 10, next_day, "s"),
        Target(OURS_DUCKDB, MERGE, "≤", 3, merge, "s"),
    ]


def _both(
    rounds: Sequence[Round], whole: Sequence[Round], peer: str, growth: Mapping[str, float]
) -> list[Target]:
    """What holds whatever computes."""
    day = f"{NEXT_DAY} on 30 million rows of history ÷ on 1 million"
    nothing = _merge_s(rounds, peer, UNCHANGED)
    again = results.merge_figures(rounds, peer, UNCHANGED, "all_commits")
    gates = _worst(whole, peer, lambda each: each.lake.get("gate_share"), 100)
    memory = _worst(whole, peer, lambda each: each.cost.peak_mib * 2**20 / 1e9)
    return [
        Target(peer, day, "≤", 1.3, growth.get(engine_of(peer))),
        Target(peer, "SCD2 merge, nothing landed (W8)", "≤", 2, nothing, "s"),
        Target(peer, "commits when nothing landed (W8)", "=", 0, max(again, default=None)),
        Target(peer, "gates ÷ time of the tables", "≤", 15, gates, "%"),
        Target(peer, "peak memory, all processes", "<", 4, memory, "GB"),
    ]


def _merge_s(
    rounds: Sequence[Round], peer: str, delivery: str, figure: str = "wall_s"
) -> float | None:
    return results.middle(results.merge_figures(rounds, peer, delivery, figure))


def _worst(
    rounds: Sequence[Round], peer: str, of: Callable[[Round], float | None], times: float = 1
) -> float | None:
    figures = [of(each) for each in rounds if each.peer == peer]
    found = max((each for each in figures if each is not None), default=None)
    return None if found is None else found * times


def _ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None
