"""Grouped horizontal bars: a few values for each of several things with names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse.reporting import numbers, svg

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

WIDTH, LABELS, VALUES, TOP = 1040, 190, 190, 34
BAR, GAP, GROUP_GAP = 15, 3, 16


@dataclass(frozen=True)
class Bar:
    """A value and the words beside it."""

    value: float
    words: str


@dataclass(frozen=True)
class Group:
    """Bars that belong together, by series."""

    label: str
    bars: Mapping[str, Bar]


def grouped_bars(
    title: str, groups: Sequence[Group], series: Mapping[str, tuple[str, str]], top: float
) -> Markup:
    """Bars of rates.

    Args:
        title: For screen readers.
        groups: What is compared.
        series: (colour class, words) of each series, in order.
        top: The largest rate worth a scale; a bar beyond it is cut and says so with an arrow.
    """
    grid = svg.ticks(0, top)
    scale = svg.Scale(0, grid[-1], LABELS, WIDTH - VALUES)
    parts = svg.legend(LABELS, 14, series.values())
    y: float = TOP
    rows: list[Markup] = []
    for group in groups:
        present = [key for key in series if key in group.bars]
        height = len(present) * (BAR + GAP)
        rows.append(
            svg.text(LABELS - 10, y + height / 2 + 3, group.label, anchor="end", width=LABELS - 14)
        )
        for key in present:
            rows += _bar(group, key, series[key], y, scale)
            y += BAR + GAP
        y += GROUP_GAP
    for tick in grid:
        parts.append(svg.line(scale(tick), TOP - 6, scale(tick), y - GROUP_GAP + 4, "grid"))
        label = numbers.percent(tick, 0 if grid[1] >= 0.01 else 1)  # noqa: PLR2004  # a percent
        parts.append(svg.text(scale(tick), y + 2, label, kind="soft", anchor="middle"))
    return svg.drawing(WIDTH, y + 10, title, [*parts, *rows])


def _bar(group: Group, key: str, look: tuple[str, str], y: float, scale: svg.Scale) -> list[Markup]:
    bar = group.bars[key]
    kind, words = look
    end = scale(bar.value)
    tip = f"{group.label}, {words}: {bar.words}"
    parts = [svg.rect(scale.start, y, max(end - scale.start, 1), BAR, kind, tip=tip)]
    if bar.value > scale.high:
        parts.append(svg.path(f"M{end},{y} l9,{BAR / 2} l-9,{BAR / 2} z", kind, tip=tip))
        end += 9
    parts.append(svg.text(end + 6, y + BAR - 3, bar.words, kind="value"))
    return parts
