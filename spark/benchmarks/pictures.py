"""Results as pictures: seconds by workload and peer, and how long Spark's tasks took."""

from __future__ import annotations

import textwrap
from itertools import accumulate
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from benchmarks.results import (
    DUCKDB,
    OURS_DUCKDB,
    OURS_SPARK,
    POLARS,
    TEXTBOOK,
    WARM,
    columns_of,
    head,
    median,
    short,
)
from benchmarks.workloads import TITLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from benchmarks.results import Round
    from benchmarks.tasks import TaskClass

COLOURS = {
    OURS_SPARK: "#2563eb",
    OURS_SPARK + WARM: "#93c5fd",
    OURS_DUCKDB: "#7c3aed",
    TEXTBOOK: "#9ca3af",
    DUCKDB: "#f59e0b",
    POLARS: "#10b981",
}
TABLE_COLOURS = (
    *("#111827", "#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed"),
    *("#0891b2", "#be185d", "#65a30d", "#78350f", "#94a3b8"),
)
"""Of all tables together, then of the dearest of two engines."""
WIDEST = 22
DPI = 130


def times(rounds: Sequence[Round], keys: Sequence[str], path: Path, title: str) -> None:
    """Seconds by workload and peer, where a factor is a length; wrong results have no bar."""
    bars = columns_of(rounds)
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    axes = figure.subplots()
    width = 0.84 / len(bars)
    for index, bar in enumerate(bars):
        heights = [median(rounds, bar.peer, f"{key}{bar.kind}") or 0 for key in keys]
        places = [n + (index - (len(bars) - 1) / 2) * width for n in range(len(keys))]
        colour = COLOURS[bar.peer + bar.kind]
        drawn = axes.bar(places, heights, width * 0.92, label=bar.title, color=colour)
        labels = [short(height) if height else "" for height in heights]
        axes.bar_label(drawn, labels, fontsize=6, padding=1)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    names = [f"{key}\n{textwrap.fill(TITLES[key], WIDEST)}" for key in keys]
    axes.set_xticks(range(len(keys)), names, fontsize=7)
    axes.set_xlabel("no bar: tables missing, or not equal to DuckDB's", fontsize=7, loc="right")
    axes.set_ylabel("seconds, logarithmic")
    axes.margins(y=0.12)  # the legend stands above the bars
    _finish(axes, title)
    axes.legend(frameon=False, ncols=len(bars), fontsize=8, loc="upper left")
    figure.savefig(path, dpi=DPI)


def tasks(classes: Mapping[str, Sequence[TaskClass]], path: Path, title: str) -> None:
    """How much of a peer's task time went into tasks of at most a length."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for peer, found in classes.items():
        whole = sum(each.seconds for each in found)
        n = sum(each.tasks for each in found)
        shares = [0.0, *(done / whole for done in accumulate(each.seconds for each in found))]
        lengths = [found[0].up_to_s, *(each.up_to_s for each in found)]
        label = f"{head(peer)}: {n:,} tasks, {whole:,.0f} s of task time"
        axes.step(lengths, shares, where="post", label=label, color=COLOURS[peer], linewidth=2)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("length of a task, seconds, logarithmic")
    axes.set_ylabel("share of the task time in tasks up to that length")
    axes.grid(visible=True, color="#e5e7eb", linewidth=0.6)
    _finish(axes, title)
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    figure.savefig(path, dpi=DPI)


def growth(
    engines: Mapping[str, Mapping[str, Sequence[tuple[int, float]]]], path: Path, title: str
) -> None:
    """Seconds against rows of history, an engine beside the other, each on a scale of its own.

    The first line of an engine is the total; the others are its tables, in one colour on each.
    """
    names = dict.fromkeys(name for seconds in engines.values() for name in seconds)
    colours = dict(zip(names, TABLE_COLOURS, strict=False))
    figure = Figure(figsize=(2 + 5 * len(engines), 5.5), layout="constrained")
    all_axes = figure.subplots(1, len(engines), squeeze=False)[0]
    for axes, (engine, seconds) in zip(all_axes, engines.items(), strict=True):
        for name, points in seconds.items():
            rows, took = zip(*points, strict=True)
            label = f"{name}: {took[0]:.1f} to {took[-1]:.1f} s"
            colour = colours[name]
            width = 2.5 if colour == TABLE_COLOURS[0] else 1.5
            axes.plot(rows, took, marker="o", label=label, color=colour, linewidth=width)
        ticks = sorted({rows for points in seconds.values() for rows, _ in points})
        axes.set_xscale("log")
        axes.set_xticks(ticks, [f"{rows:,}" for rows in ticks])
        axes.minorticks_off()
        axes.set_ylim(bottom=0)
        axes.set_xlabel("rows of history, logarithmic")
        axes.set_ylabel("seconds for one more day")
        _finish(axes, engine)
        axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.14))
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=DPI)


def _finish(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
