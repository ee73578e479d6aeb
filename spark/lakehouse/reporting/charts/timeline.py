"""Timeline: intervals of several things as bars over dates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from lakehouse.reporting import svg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

WIDTH, LABELS, TOP, ROW, BAR = 1040, 190, 34, 32, 20
DECEMBER = 12
MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120)
MOST_LABELS = 12
MOST_DAYS_BEFORE, MOST_DAYS_AFTER = 5 * 366, 366


@dataclass(frozen=True)
class Interval:
    """A half-open interval [start, end); an open one has no end."""

    start: date
    end: date | None
    words: str
    tip: str
    kind: str


@dataclass(frozen=True)
class Lane:
    """Intervals of one thing, in order."""

    label: str
    intervals: Sequence[Interval]


def timeline(
    title: str, lanes: Sequence[Lane], until: date, kinds: Sequence[tuple[str, str]]
) -> Markup:
    """Draw lanes from their first interval to a bit past `until`.

    Args:
        title: For screen readers.
        lanes: What has intervals.
        until: The as-of date; marked with a line.
        kinds: (colour class, words) of each kind of interval.
    """
    first, end = _window([i.start for lane in lanes for i in lane.intervals], until)
    scale = svg.Scale(first.toordinal(), end.toordinal(), LABELS, WIDTH - 8)
    bottom = TOP + ROW * len(lanes)
    parts = svg.legend(LABELS, 14, kinds)
    for month in _months(first, end):
        x = scale(month.toordinal())
        parts.append(svg.line(x, TOP - 6, x, bottom + 2, "grid"))
        parts.append(svg.text(x, bottom + 17, f"{month:%b %Y}", kind="soft", anchor="middle"))
    for k, lane in enumerate(lanes):
        parts += _lane(lane, TOP + ROW * k, scale, end)
    now = scale(until.toordinal())
    parts.append(svg.line(now, TOP - 8, now, bottom + 2, "zero"))
    parts.append(svg.text(now, TOP - 12, f"as of {until}", kind="soft", anchor="end"))
    return svg.drawing(WIDTH, bottom + 26, title, parts)


def _window(starts: Sequence[date], until: date) -> tuple[date, date]:
    """What is drawn: one wild date must not squeeze all others into a line."""
    now = until.toordinal()
    first = max(min(min(starts, default=until).toordinal(), now), now - MOST_DAYS_BEFORE, 1)
    last = min(max(max(starts, default=until).toordinal(), now), now + MOST_DAYS_AFTER)
    end = min(last + max((last - first) // 25, 3), date.max.toordinal())
    return date.fromordinal(first), date.fromordinal(end)


def _lane(lane: Lane, y: float, scale: svg.Scale, end: date) -> list[Markup]:
    top = y + (ROW - BAR) / 2
    parts = [svg.text(LABELS - 10, y + ROW / 2 + 4, lane.label, anchor="end", width=LABELS - 14)]
    for interval in lane.intervals:
        left = scale(interval.start.toordinal())
        right = scale((interval.end or end).toordinal())
        parts.append(
            svg.rect(left, top, max(right - left - 1.5, 1.5), BAR, interval.kind, tip=interval.tip)
        )
        if len(interval.words) * svg.CHARACTER_PX < right - left - 10:
            words = "inverse" if "outline" not in interval.kind else ""
            parts.append(svg.text(left + 6, top + BAR - 6, interval.words, kind=words))
    return parts


def _months(first: date, end: date) -> list[date]:
    """First days of months in [first, end], few enough to label."""
    months = (end.year - first.year) * DECEMBER + end.month - first.month
    step = next((s for s in MONTH_STEPS if months / s <= MOST_LABELS), MONTH_STEPS[-1])
    start = first.year * DECEMBER + first.month  # the month after the first, counted from year 0
    numbers = [n for n in range(start, start + months) if n % step == 0]
    return [date(n // DECEMBER, n % DECEMBER + 1, 1) for n in numbers]
