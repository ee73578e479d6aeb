"""How pages feel to those who visit, in a report: Core Web Vitals against their public limits."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from lakehouse.metrics.web_vitals import CORE_VITALS, CoreVital
from lakehouse.reporting import numbers
from lakehouse.reporting.charts.days import Panel, day_panels
from lakehouse.reporting.page import Cell, Figure, Grid, Section, Tone

if TYPE_CHECKING:
    from datetime import date, datetime

    from lakehouse.reporting.lake import PublishedLake

PERFORMANCE = "gold.page_performance"
N_DAYS = 28
UNITS = {
    "lcp_ms": (1_000, 2, f"{numbers.NBSP}s"),
    "inp_ms": (1, 1, f"{numbers.NBSP}ms"),
    "cls": (1, 3, ""),
}
"""Of each vital: what it is divided by for people, its digits, its unit."""
EVERYTHING = "page_id IS NULL AND device_type IS NULL AND country IS NULL AND is_complete"
_NAMES = ", ".join(f"'{core.vital}'" for core in CORE_VITALS)
_OF_DAYS = (
    f"SELECT metric_date, vital, n, p75 FROM t WHERE {EVERYTHING} AND vital IN ({_NAMES}) "
    f"AND metric_date > (SELECT max(metric_date) FROM t WHERE {EVERYTHING}) - {N_DAYS} "
    "ORDER BY metric_date"
)

Days = dict[str, dict["date", dict[str, Any]]]
"""Rows by vital and day, in the order of days."""


def speed_section(lake: PublishedLake, now: datetime) -> Section:  # noqa: ARG001  # one signature for all sections
    """The vitals of every day against what is good."""
    title = "Core Web Vitals, 75th percentile by day"
    caption = (
        f"Page views of people on the last {N_DAYS} days that are over. Three quarters of a day's "
        "views were at or below the column; the dashed line is the most that web.dev calls good, "
        "and columns above it have the other colour. The percentile of many days is not the mean "
        "of theirs."
    )
    found = _vitals(lake)
    if not found:
        empty = f"{PERFORMANCE} has no complete day that tells these vitals yet."
        figure = Figure(title=title, caption=caption, empty=empty)
    else:
        days = sorted({day for of_vital in found.values() for day in of_vital})
        panels = [_panel(core, found, days) for core in CORE_VITALS if core.vital in found]
        svg = day_panels(title, days, panels)
        figure = Figure(title=title, caption=caption, svg=svg, grid=_grid(found, days))
    return Section(
        anchor="web-speed",
        title="How fast pages feel",
        answers=[Cell(line) for line in _sentences(found)],
        figures=[figure],
    )


def speed(lake: PublishedLake) -> list[str]:
    """A line for each vital that is told."""
    return _sentences(_vitals(lake))


def _vitals(lake: PublishedLake) -> Days:
    found: Days = {}
    for row in lake.rows(PERFORMANCE, _OF_DAYS):
        found.setdefault(row["vital"], {})[row["metric_date"]] = row
    return found


def _sentences(found: Days) -> list[str]:
    return [_sentence(core, found[core.vital]) for core in CORE_VITALS if core.vital in found]


def _sentence(core: CoreVital, days: dict[date, dict[str, Any]]) -> str:
    n_good = sum(row["p75"] <= core.good for row in days.values())
    newest = max(days)
    row = days[newest]
    return (
        f"{core.title} ({core.short}): good, at most {_limit(core)}, on {n_good} of "
        f"{numbers.plural(len(days), 'day')}. On {newest} it was {_exact(core, row['p75'])} at "
        f"the 75th percentile of {numbers.plural(row['n'], 'page view')}: "
        f"{_verdict(core, row['p75'])[0]}."
    )


def _verdict(core: CoreVital, p75: float) -> tuple[str, Tone]:
    if p75 <= core.good:
        return "good", "good"
    return ("needs improvement", "warn") if p75 <= core.poor else ("poor", "bad")


def _exact(core: CoreVital, value: float) -> str:
    """A value with as many digits as tell it from the limit."""
    divisor, digits, unit = UNITS[core.vital]
    return f"{value / divisor:,.{digits}f}{unit}"


def _short(core: CoreVital, value: float) -> str:
    divisor, _, unit = UNITS[core.vital]
    return f"{value / divisor:g}{unit}"


def _limit(core: CoreVital) -> str:
    return _short(core, core.good)


def _panel(core: CoreVital, found: Days, days: list[date]) -> Panel:
    of_vital = found[core.vital]
    return Panel(
        title=f"{core.title} ({core.short})",
        values=[of_vital[day]["p75"] if day in of_vital else None for day in days],
        words=partial(_exact, core),
        tick=partial(_short, core),
        limit=core.good,
        limit_words=f"good up to {_limit(core)}",
    )


def _grid(found: Days, days: list[date]) -> Grid:
    shown = [core for core in CORE_VITALS if core.vital in found]
    return Grid(
        head=("Day", *(f">{core.short}" for core in shown), ">Page views that tell them"),
        rows=[
            (
                numbers.day(day),
                *(_cell(core, found[core.vital].get(day)) for core in shown),
                numbers.count(
                    max(found[core.vital][day]["n"] for core in shown if day in found[core.vital])
                ),
            )
            for day in days
        ],
    )


def _cell(core: CoreVital, row: dict[str, Any] | None) -> Cell:
    if row is None:
        return Cell(numbers.NOTHING)
    verdict, tone = _verdict(core, row["p75"])
    return Cell(f"{_exact(core, row['p75'])}: {verdict}", tone)
