"""Forest plot: estimates with their intervals against the line of no effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse.reporting import svg

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from markupsafe import Markup

WIDTH, LABELS, VERDICTS, TOP, ROW = 1040, 180, 150, 62, 34
PANEL_GAP = 36
LOWEST, HIGHEST = 0.05, 20.0
"""A ratio outside is shown at the edge."""


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; None where the data do not say."""

    value: float | None
    low: float | None
    high: float | None
    words: str


@dataclass(frozen=True)
class Row:
    """One thing: an estimate for each panel, and what they add up to."""

    label: str
    estimates: Sequence[Estimate]
    verdict: str
    kind: str


@dataclass(frozen=True)
class Panel:
    """A column of estimates.

    Attributes:
        title: What is estimated.
        unit: Its unit.
        neutral: Value that means no effect.
        tick: How a value of the axis reads.
        log: Whether the axis is logarithmic.
    """

    title: str
    unit: str
    neutral: float
    tick: Callable[[float], str]
    log: bool = False


def forest(title: str, panels: Sequence[Panel], rows: Sequence[Row]) -> Markup:
    """Draw rows of estimates in panels side by side."""
    bottom = TOP + ROW * len(rows)
    width = (WIDTH - LABELS - VERDICTS - PANEL_GAP * len(panels)) / len(panels)
    parts: list[Markup] = []
    for k, row in enumerate(rows):
        middle = TOP + ROW * (k + 0.5)
        if k % 2 == 0:
            parts.append(svg.rect(0, middle - ROW / 2, WIDTH, ROW, "band", radius=0))
        parts.append(svg.text(8, middle + 4, row.label, width=LABELS - 12))
        parts.append(svg.text(WIDTH - VERDICTS + 10, middle + 4, row.verdict, width=VERDICTS - 10))
    for k, panel in enumerate(panels):
        start = LABELS + k * (width + PANEL_GAP)
        parts += _panel(panel, [row.estimates[k] for row in rows], rows, start, width)
    parts.append(svg.text(WIDTH - VERDICTS + 10, 14, "Verdict", kind="strong"))
    return svg.drawing(WIDTH, bottom + 26, title, parts)


def _panel(
    panel: Panel, estimates: Sequence[Estimate], rows: Sequence[Row], start: float, width: float
) -> list[Markup]:
    low, high, marks = _axis(panel, estimates)
    scale = svg.Scale(low, high, start + 8, start + width - 8, log=panel.log)
    bottom = TOP + ROW * len(rows)
    parts = [
        svg.text(start, 14, panel.title, kind="strong"),
        svg.text(start, 31, panel.unit, kind="soft"),
    ]
    for mark in marks:
        kind = "zero" if mark == panel.neutral else "grid"
        parts.append(svg.line(scale(mark), TOP - 6, scale(mark), bottom + 4, kind))
        parts.append(
            svg.text(scale(mark), bottom + 19, panel.tick(mark), kind="soft", anchor="middle")
        )
    for k, (row, estimate) in enumerate(zip(rows, estimates, strict=True)):
        parts += _whiskers(row, estimate, scale, TOP + ROW * (k + 0.5))
    return parts


def _whiskers(row: Row, estimate: Estimate, scale: svg.Scale, y: float) -> list[Markup]:
    if estimate.value is None:
        middle = (scale.start + scale.end) / 2
        return [svg.text(middle, y + 4, "no comparison", kind="soft halo", anchor="middle")]
    tip = f"{row.label}: {estimate.words}"
    parts = []
    if estimate.low is not None and estimate.high is not None:
        left, right = scale(estimate.low), scale(estimate.high)
        parts.append(svg.line(left, y, right, y, f"whisker {row.kind}"))
        parts += [svg.line(x, y - 5, x, y + 5, f"whisker {row.kind}") for x in (left, right)]
    x = scale(estimate.value)
    parts.append(svg.path(_mark(row.kind, x, y), f"point {row.kind}", tip=tip))
    return parts


def _mark(kind: str, x: float, y: float) -> str:
    """Shapes differ as colours do, for those who do not see the colours."""
    if kind == "supported":
        return f"M{x - 6},{y} a6,6 0 1,0 12,0 a6,6 0 1,0 -12,0 z"
    if kind == "association":
        return f"M{x},{y - 7} l7,7 l-7,7 l-7,-7 z"
    return f"M{x - 5},{y - 5} h10 v10 h-10 z"


def _axis(panel: Panel, estimates: Sequence[Estimate]) -> tuple[float, float, list[float]]:
    seen = [v for e in estimates for v in (e.value, e.low, e.high) if v is not None]
    low, high = min([*seen, panel.neutral]), max([*seen, panel.neutral])
    if not panel.log:
        marks = svg.ticks(low, high, 4)
        return marks[0], marks[-1], marks
    low, high = max(low, LOWEST), min(high, HIGHEST)
    steps = [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0]
    first = max((s for s in steps if s <= low), default=steps[0])
    last = min((s for s in steps if s >= high), default=steps[-1])
    first, last = min(first, 0.5), max(last, 2.0)
    return first, last, [s for s in steps if first <= s <= last]
