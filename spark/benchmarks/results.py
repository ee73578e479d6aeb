"""What rounds of a benchmark found, as figures of a peer: medians, and whether they count."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Cost
from benchmarks.workloads import EVERYTHING, MARTS, WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.merges import Merge
    from benchmarks.tasks import TaskClass

OURS_SPARK, DUCKDB, POLARS, TEXTBOOK = "ours-spark", "duckdb", "polars", "textbook"
OURS_DUCKDB = "ours-duckdb"
OURS = (OURS_SPARK, OURS_DUCKDB)
"""Our pipeline, by engine; `duckdb` is plain SQL, against which all tables are compared."""
NAMES = (*OURS, TEXTBOOK, DUCKDB, POLARS)
WARM = " warm"
"""What a workload is called on an engine that has done it once: only a JVM has to warm up."""


@dataclass
class Round:
    """What one peer did in one round.

    Attributes:
        peer: Which.
        seconds: By workload: W1 to W5, W6 (all of it, with starting), and what only we do.
        cost: What the operating system saw, processes summed, memory at its peak.
        spark: What the event logs tell; empty without Spark.
        lake: What our gates took, and what our tables consist of; empty of the others.
        tasks: How long Spark's tasks took; empty without Spark.
        merges: W8 by delivery; empty when it was not asked for.
        told: Everything that the peer printed.
        differing: Tables that are not equal to DuckDB's.
    """

    peer: str
    seconds: dict[str, float] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)
    spark: dict[str, float] = field(default_factory=dict)
    lake: dict[str, float] = field(default_factory=dict)
    tasks: list[TaskClass] = field(default_factory=list)
    merges: dict[str, Merge] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    differing: list[str] = field(default_factory=list)


def peers_of(rounds: Sequence[Round]) -> list[str]:
    """Who took part, in the order of `NAMES`."""
    there = {each.peer for each in rounds}
    return [name for name in NAMES if name in there]


@dataclass(frozen=True)
class Column:
    """A column of seconds by workload.

    Attributes:
        title: Its head.
        peer: Whose.
        kind: Empty, or `WARM`.
    """

    title: str
    peer: str
    kind: str = ""


def columns_of(rounds: Sequence[Round]) -> list[Column]:
    """A column a peer; of ours on Spark also one for the engine that has done it once."""
    columns = []
    for peer in peers_of(rounds):
        columns.append(Column(head(peer), peer))
        if peer == OURS_SPARK:
            columns.append(Column(f"{peer}{WARM}", peer, WARM))
    return columns


def head(peer: str) -> str:
    """A peer, where ours on Spark starts with a JVM that has compiled nothing yet."""
    return f"{OURS_SPARK} cold" if peer == OURS_SPARK else peer


def engine_of(peer: str) -> str:
    """The engine of one of ours."""
    return peer.removeprefix("ours-")


def best_kind(peer: str) -> str:
    """What the seconds of a peer are called when its engine is as fast as it gets."""
    return WARM if peer == OURS_SPARK else ""


def seconds(rounds: Sequence[Round], peer: str, key: str) -> list[float]:
    """What a workload took, round by round; empty when it did not run."""
    return [each.seconds[key] for each in rounds if each.peer == peer and key in each.seconds]


def median(rounds: Sequence[Round], peer: str, key: str) -> float | None:
    """The same in the middle; None when it did not run, or its tables are wrong."""
    return None if is_wrong(rounds, peer, key) else middle(seconds(rounds, peer, key))


def middle(figures: Sequence[float]) -> float | None:
    """The median; None of nothing."""
    return statistics.median(figures) if figures else None


def is_wrong(rounds: Sequence[Round], peer: str, key: str) -> bool:
    """Whether a table of the workload, or of all for W6, is not what DuckDB made."""
    tables = {each.key: set(each.tables) for each in WORKLOADS}.get(key[:2], set(EVERYTHING))
    return any(tables & set(each.differing) for each in rounds if each.peer == peer)


def marts(rounds: Sequence[Round], peer: str) -> float | None:
    """W3, W4 and W5 together, on a warm engine; None when one of them is missing."""
    found = [median(rounds, peer, f"{key}{best_kind(peer)}") for key in MARTS]
    there = [each for each in found if each is not None]
    return sum(there) if len(there) == len(found) else None


def merge_figures(rounds: Sequence[Round], peer: str, delivery: str, name: str) -> list[float]:
    """A figure of W8 by its name in `Merge`, round by round; empty when it was not taken."""
    merges = [each.merges.get(delivery) for each in rounds if each.peer == peer]
    figures = [getattr(each, name) for each in merges if each]
    return [each for each in figures if each is not None]


def short(figure: float) -> str:
    """Three digits, or all before the point where there are more."""
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}"  # noqa: PLR2004  # three digits
