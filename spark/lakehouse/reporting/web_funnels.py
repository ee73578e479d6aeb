"""Funnels in a report: how far those who enter come, and where most of them stop."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from lakehouse.reporting import numbers
from lakehouse.reporting.charts.bars import Bar, Group, grouped_bars
from lakehouse.reporting.page import Cell, Figure, Grid, Section

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from lakehouse.reporting.lake import PublishedLake

FUNNELS = "gold.funnel_conversion"
N_DAYS = 28
MOST_FUNNELS = 8
SERIES = {"reached": ("c1", "reached the step"), "lost": ("c3", "stopped at the step before")}
CAPTION = (
    f"Entries of people on the last {N_DAYS} days that no event can change any more: with a longer "
    "window these days are earlier ones. An entry counts on the day of its first step."
)
_SETTLED = "dimension_name IS NULL AND view = 'human' AND is_complete"
_OF_DAYS = (
    "SELECT funnel_id, step, step_name, min(metric_date) AS first, max(metric_date) AS last, "
    "sum(entered) AS entered, sum(reached) AS reached FROM (SELECT *, max(metric_date) OVER "
    f"(PARTITION BY funnel_id) AS newest FROM t WHERE {_SETTLED}) "
    f"WHERE metric_date > newest - {N_DAYS} GROUP BY funnel_id, step, step_name "
    "ORDER BY funnel_id, step"
)


@dataclass(frozen=True)
class Step:
    """A step of a funnel.

    Attributes:
        name: Its name.
        reached: Entries that reached it.
        before: Entries that reached the step before; of the first step, all.
    """

    name: str
    reached: int
    before: int

    @property
    def lost(self) -> int:
        """Entries that stopped at the step before."""
        return self.before - self.reached

    @property
    def rate(self) -> float | None:
        """Share of those at the step before that came here; None where nobody was there."""
        return self.reached / self.before if self.before else None


@dataclass(frozen=True)
class Funnel:
    """Entries of some days.

    Attributes:
        funnel_id: Its name.
        first: First day with an entry.
        last: Last one.
        entered: Entries.
        steps: The steps, in order.
    """

    funnel_id: str
    first: date
    last: date
    entered: int
    steps: Sequence[Step]

    @property
    def sentence(self) -> str:
        """How many came to the end, and where most of the others stopped."""
        last = self.steps[-1]
        told = (
            f"{self.funnel_id}: of {numbers.count(self.entered)} entries from {self.first} to "
            f"{self.last}, {numbers.percent(last.reached / self.entered)} reached the last step, "
            f"{last.name} ({numbers.count(last.reached)})."
        )
        place = max(range(len(self.steps)), key=lambda k: (self.steps[k].lost, -k))
        worst = self.steps[place]
        if not worst.lost:
            return told
        return (
            f"{told} Most stopped between {self.steps[place - 1].name} and {worst.name}: "
            f"{numbers.count(worst.lost)} of the {numbers.count(worst.before)} that had come so "
            "far."
        )


def funnels_section(lake: PublishedLake, now: datetime) -> Section:  # noqa: ARG001  # one signature for all sections
    """Every funnel with its steps."""
    found = _funnels(lake)
    figures = [_figure(funnel) for funnel in found[:MOST_FUNNELS]]
    if not figures:
        empty = f"{FUNNELS} has no entry of people yet that is settled."
        figures = [Figure(title="Funnels (% of the entries)", caption=CAPTION, empty=empty)]
    return Section(
        anchor="web-funnels",
        title="Where visitors stop",
        answers=[Cell(funnel.sentence) for funnel in found],
        figures=figures,
    )


def funnels(lake: PublishedLake) -> list[str]:
    """A line for each funnel that somebody entered."""
    return [funnel.sentence for funnel in _funnels(lake)]


def _funnels(lake: PublishedLake) -> list[Funnel]:
    by_funnel = groupby(lake.rows(FUNNELS, _OF_DAYS), key=itemgetter("funnel_id"))
    return [_funnel(funnel_id, list(rows)) for funnel_id, rows in by_funnel]


def _funnel(funnel_id: str, rows: list[dict[str, Any]]) -> Funnel:
    reached = [row["reached"] for row in rows]
    before = [rows[0]["entered"], *reached[:-1]]
    return Funnel(
        funnel_id=funnel_id,
        first=rows[0]["first"],
        last=rows[0]["last"],
        entered=rows[0]["entered"],
        steps=[
            Step(row["step_name"], here, there)
            for row, here, there in zip(rows, reached, before, strict=True)
        ],
    )


def _figure(funnel: Funnel) -> Figure:
    title = f"Funnel {funnel.funnel_id}: entries that reached each step (% of the entries)"
    groups = []
    for step in funnel.steps:
        bars = {"reached": _bar(step.reached, funnel.entered)}
        if step.lost:
            bars["lost"] = _bar(step.lost, funnel.entered)
        groups.append(Group(step.name, bars))
    grid = Grid(
        head=("Step", ">Reached", ">Of all entries", ">Of the step before", ">Stopped before it"),
        rows=[
            (
                step.name,
                numbers.count(step.reached),
                numbers.percent(step.reached / funnel.entered),
                numbers.percent(step.rate),
                numbers.count(step.lost),
            )
            for step in funnel.steps
        ],
    )
    caption = f"{CAPTION} Here from {funnel.first} to {funnel.last}."
    svg = grouped_bars(title, groups, SERIES, 1)
    return Figure(title=title, caption=caption, svg=svg, grid=grid)


def _bar(n: int, of_n: int) -> Bar:
    return Bar(n / of_n, f"{numbers.percent(n / of_n)} ({numbers.count(n)})")
