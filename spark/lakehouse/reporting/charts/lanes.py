"""When each of several things was at work, in seconds since the start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse.reporting import numbers, svg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

WIDTH, LABELS, TOP, ROW, BAR = 1040, 230, 12, 22, 14
LEAST_PX = 1.5


@dataclass(frozen=True)
class Busy:
    """A stretch of work, in milliseconds since the start."""

    start_ms: int
    end_ms: int
    tip: str


@dataclass(frozen=True)
class Lane:
    """Stretches of one thing's work."""

    label: str
    stretches: Sequence[Busy]


def lanes(title: str, rows: Sequence[Lane], until_ms: int) -> Markup:
    """Draw a lane for each thing.

    Args:
        title: For screen readers.
        rows: The lanes, from top to bottom.
        until_ms: How far the scale must go.
    """
    until = max(until_ms / 1000, 1.0)
    grid = [tick for tick in svg.ticks(0, until, 8) if tick <= until]
    scale = svg.Scale(0, until, LABELS, WIDTH - 24)
    bottom = TOP + ROW * len(rows)
    parts = []
    for tick in grid:
        x = scale(tick)
        parts.append(svg.line(x, TOP - 4, x, bottom, "grid"))
        words = f"{numbers.measured(tick)}{numbers.NBSP}s"
        parts.append(svg.text(x, bottom + 15, words, kind="soft", anchor="middle"))
    for i, row in enumerate(rows):
        y = TOP + ROW * i
        parts.append(svg.text(LABELS - 10, y + BAR - 2, row.label, anchor="end", width=LABELS - 14))
        for each in row.stretches:
            start, end = scale(each.start_ms / 1000), scale(each.end_ms / 1000)
            width = max(end - start, LEAST_PX)
            parts.append(svg.rect(start, y, width, BAR, "c1", tip=each.tip, radius=1))
    return svg.drawing(WIDTH, bottom + 24, title, parts)
