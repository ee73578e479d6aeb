"""Two Spark runs side by side: each table's figures and how many times as much the second took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse.reporting import numbers
from lakehouse.reporting.page import Cell, Figure, Grid, Section
from lakehouse.reporting.spark_run import NO_LABEL, opening
from lakehouse.reporting.targets import verdicts

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakehouse.observability.application import Part, SparkRun

FIGURES = ("wall_ms", "task_ms", "tasks", "gc_share", "input_bytes", "shuffle_bytes", "spill_bytes")
NOTABLE = 0.1
"""A ratio further from 1 than this is marked; nearer is what two runs of the same differ by."""


@dataclass(frozen=True)
class Pair:
    """A table in both runs.

    Attributes:
        name: The table.
        first: Its part of the first run; None when it did not run there.
        second: The same of the second run.
    """

    name: str
    first: Part | None
    second: Part | None

    def values(self, figure: str) -> tuple[float | None, float | None]:
        """A figure in both runs."""
        return _value(self.first, figure), _value(self.second, figure)

    def ratio(self, figure: str) -> float | None:
        """Second ÷ first; None without both, or of nothing."""
        first, second = self.values(figure)
        return second / first if first and second is not None else None


def pairs(first: SparkRun, second: SparkRun) -> list[Pair]:
    """All tables of two runs, in the order of the first, and the sum of all."""
    ours = {part.name: part for part in first.tables}
    theirs = {part.name: part for part in second.tables}
    names = [*ours, *(name for name in theirs if name not in ours)]
    return [
        *(Pair(name, ours.get(name), theirs.get(name)) for name in names),
        Pair("all", first.whole, second.whole),
    ]


def compare_sections(first: SparkRun, second: SparkRun) -> list[Section]:
    """The parts of the report."""
    both = Figure(
        title="The two runs",
        caption="The second is compared with the first.",
        grid=Grid(head=("", "First", "Second"), rows=_about(first, second)),
    )
    by_table = Figure(
        title="First → second, and second ÷ first",
        caption=(
            "▲ more or ▼ less by over 10 %. On a shared machine, seconds vary between runs; bytes "
            "and tasks do not."
        ),
        grid=Grid(
            head=(
                *("Table", ">Wall", ">ratio", ">Task time", ">ratio", ">Shuffle", ">ratio"),
                *(">GC", ">Spill", ">Input ratio", ">Tasks ratio"),
            ),
            rows=[_row(pair) for pair in pairs(first, second)],
        ),
    )
    return [
        Section(anchor="both", title="Both runs", figures=[both]),
        Section(anchor="tables", title="By table", figures=[by_table]),
    ]


def _about(first: SparkRun, second: SparkRun) -> list[list[Cell | str]]:
    rows: list[list[Cell | str]] = [
        ["Log", first.log, second.log],
        ["Run", *(". ".join(opening(run)) for run in (first, second))],
    ]
    both = zip(verdicts(first.whole), verdicts(second.whole), strict=True)
    return rows + [[one.name, one.cell, other.cell] for one, other in both]


def _row(pair: Pair) -> list[Cell | str]:
    return [
        pair.name or NO_LABEL,
        _change(pair, "wall_ms", numbers.seconds),
        _ratio(pair, "wall_ms"),
        _change(pair, "task_ms", numbers.seconds),
        _ratio(pair, "task_ms"),
        _change(pair, "shuffle_bytes", numbers.size),
        _ratio(pair, "shuffle_bytes"),
        _change(pair, "gc_share", numbers.percent),
        _change(pair, "spill_bytes", numbers.size),
        _ratio(pair, "input_bytes"),
        _ratio(pair, "tasks"),
    ]


def _change(pair: Pair, figure: str, words: Callable[[float | None], str]) -> str:
    first, second = pair.values(figure)
    return f"{words(first)} → {words(second)}"


def _ratio(pair: Pair, figure: str) -> Cell | str:
    value = pair.ratio(figure)
    if value is None or abs(value - 1) <= NOTABLE:
        return numbers.ratio(value)
    is_more = value > 1
    return Cell(f"{'▲' if is_more else '▼'} {numbers.ratio(value)}", "warn" if is_more else "good")


def _value(part: Part | None, figure: str) -> float | None:
    if part is None:
        return None
    load = part.load
    values: dict[str, float | None] = {
        "wall_ms": part.wall_ms,
        "task_ms": load.task_ms,
        "tasks": load.tasks,
        "gc_share": load.gc_share,
        "input_bytes": load.input_bytes,
        "shuffle_bytes": load.shuffle_written_bytes,
        "spill_bytes": load.spilled_bytes,
    }
    return values[figure]
