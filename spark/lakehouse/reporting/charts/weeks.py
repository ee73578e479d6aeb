"""Columns over weeks: a few series below each other, or one small chart for each thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse.reporting import numbers, svg

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date

    from markupsafe import Markup

WIDTH, LEFT, TITLE = 1040, 56, 22
PANEL, PANEL_GAP = 110, 34
SMALL, COLUMNS = 62, 3
FEW_LABELS, MANY_LABELS = 6, 12
MAX_COLUMN = 40
MOST_WEEKS = 52
"""More columns than these would be too thin to read."""


@dataclass(frozen=True)
class Series:
    """A number a week.

    Attributes:
        title: What is counted.
        values: One a week, in the order of the weeks.
        kind: Colour class.
        noun: What one of them is called.
    """

    title: str
    values: Sequence[float]
    kind: str
    noun: str


def stacked_panels(
    title: str, weeks: Sequence[date], partial: Collection[date], series: Sequence[Series]
) -> Markup:
    """Series below each other over the same weeks, each with its own scale."""
    parts: list[Markup] = []
    y: float = 0
    for each in series:
        parts.append(svg.text(0, y + 12, each.title, kind="strong"))
        parts += _panel(each, weeks, partial, (LEFT, y + TITLE, WIDTH - LEFT - 4, PANEL))
        y += TITLE + PANEL + PANEL_GAP
    return svg.drawing(WIDTH, y - 8, title, parts)


def small_multiples(
    title: str, weeks: Sequence[date], partial: Collection[date], series: Sequence[Series]
) -> Markup:
    """A small chart for each series, each with its own scale."""
    width = (WIDTH - 24 * (COLUMNS - 1)) / COLUMNS
    parts: list[Markup] = []
    for k, each in enumerate(series):
        x, y = (k % COLUMNS) * (width + 24), (k // COLUMNS) * (TITLE + SMALL + PANEL_GAP)
        parts.append(svg.text(x, y + 12, each.title, kind="strong", width=width - 110))
        total = numbers.plural(int(sum(each.values)), each.noun)
        parts.append(svg.text(x + width, y + 12, total, kind="soft", anchor="end"))
        parts += _panel(each, weeks, partial, (x + 44, y + TITLE, width - 44, SMALL))
    rows = -(-len(series) // COLUMNS)
    return svg.drawing(WIDTH, rows * (TITLE + SMALL + PANEL_GAP) - 10, title, parts)


def _panel(
    series: Series,
    weeks: Sequence[date],
    partial: Collection[date],
    box: tuple[float, float, float, float],
) -> list[Markup]:
    left, top, width, height = box
    bottom = top + height
    marks = svg.count_ticks(max(series.values, default=0), 3 if height > SMALL else 2)
    scale = svg.Scale(0, marks[-1], bottom, top)
    parts = []
    for mark in marks:
        parts.append(svg.line(left, scale(mark), left + width, scale(mark), "grid"))
        label = numbers.compact(mark)
        parts.append(svg.text(left - 8, scale(mark) + 4, label, kind="soft", anchor="end"))
    step = width / max(len(weeks), 1)
    column = min(step * 0.72, MAX_COLUMN)
    labels = FEW_LABELS if width < WIDTH / 2 else MANY_LABELS
    every = -(-len(weeks) // labels)
    for k, (week, value) in enumerate(zip(weeks, series.values, strict=True)):
        middle = left + step * (k + 0.5)
        is_partial = week in partial
        tip = f"{series.title}, week of {week}: {numbers.plural(int(value), series.noun)}"
        parts.append(
            svg.rect(
                middle - column / 2,
                scale(value),
                column,
                bottom - scale(value),
                f"{series.kind} partial" if is_partial else series.kind,
                tip=f"{tip} (incomplete week)" if is_partial else tip,
            )
        )
        if k % every == 0:
            words = f"{week:%-d %b}"
            parts.append(svg.text(middle, bottom + 15, words, kind="soft", anchor="middle"))
    return parts
