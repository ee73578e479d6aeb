"""Columns over days, each panel with a scale of its own, and a line at what is still good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse.reporting import svg

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from markupsafe import Markup

WIDTH, LEFT, TITLE, PANEL, GAP = 1040, 64, 22, 92, 34
LABELS = 14
MAX_COLUMN = 40


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A number a day.

    Attributes:
        title: What is measured.
        values: One a day, in the order of the days; None where nothing was measured.
        words: How a value reads.
        tick: How a value of the axis reads.
        limit: The most that is good; a column above it has the other colour.
        limit_words: What the line means.
    """

    title: str
    values: Sequence[float | None]
    words: Callable[[float], str]
    tick: Callable[[float], str]
    limit: float | None = None
    limit_words: str = ""


def day_panels(title: str, days: Sequence[date], panels: Sequence[Panel]) -> Markup:
    """Draw panels below each other over the same days.

    Args:
        title: For screen readers.
        days: The days, from the left to the right.
        panels: What is drawn.
    """
    parts: list[Markup] = []
    y: float = 0
    for panel in panels:
        parts.append(svg.text(0, y + 12, panel.title, kind="strong"))
        parts.append(svg.text(WIDTH - 4, y + 12, panel.limit_words, kind="soft", anchor="end"))
        parts += _panel(panel, days, y + TITLE)
        y += TITLE + PANEL + GAP
    return svg.drawing(WIDTH, max(y - 8, 1), title, parts)


def _panel(panel: Panel, days: Sequence[date], top: float) -> list[Markup]:
    bottom, right = top + PANEL, WIDTH - 4
    limit = panel.limit
    marks = svg.ticks(0, max([limit or 0, *(value or 0 for value in panel.values)]), 3)
    scale = svg.Scale(0, marks[-1], bottom, top)
    parts = []
    for mark in marks:
        parts.append(svg.line(LEFT, scale(mark), right, scale(mark), "grid"))
        words = panel.tick(mark)
        parts.append(svg.text(LEFT - 8, scale(mark) + 4, words, kind="soft", anchor="end"))
    step = (right - LEFT) / max(len(days), 1)
    width = min(step * 0.72, MAX_COLUMN)
    every = -(-len(days) // LABELS)
    for k, (day, value) in enumerate(zip(days, panel.values, strict=True)):
        middle = LEFT + step * (k + 0.5)
        if value is not None:
            is_over = limit is not None and value > limit
            tip = f"{panel.title}, {day}: {panel.words(value)}"
            kind = "c2" if is_over else "c1"
            left, height = middle - width / 2, bottom - scale(value)
            parts.append(svg.rect(left, scale(value), width, height, kind, tip=tip))
        if k % every == 0:
            label = f"{day:%-d %b}"
            parts.append(svg.text(middle, bottom + 15, label, kind="soft", anchor="middle"))
    if limit is not None:
        parts.append(svg.line(LEFT, scale(limit), right, scale(limit), "zero"))
    return parts
