"""How far figures of the web can be trusted, in a report: programs among people, late events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakehouse.metrics import web as metric
from lakehouse.metrics.web_kpis import (
    AVERAGE_SESSION_DURATION,
    BOT_TRAFFIC_RATE,
    BOUNCE_RATE,
    CONVERSION_RATE,
    PAGE_VIEWS,
    UNIQUE_VISITORS,
)
from lakehouse.reporting import numbers
from lakehouse.reporting.charts.bars import Bar, Group, grouped_bars
from lakehouse.reporting.page import Cell, Figure, Grid, Section
from lakehouse.reporting.web_weeks import KPIS, WholeWeeks, last_weeks

if TYPE_CHECKING:
    from datetime import date, datetime

    from lakehouse.reporting.lake import PublishedLake

LATENESS = "gold.lateness"
N_DAYS = 28
VIEWS = {
    "all": "all",
    "human": "people",
    "strict": "people who are not our own",
}
_OF_DAYS = (
    "SELECT metric_date, bucket, up_to_s, n_events, cumulative_events, cumulative_rate FROM t "
    "WHERE is_complete AND metric_date > "
    f"(SELECT max(metric_date) FROM t WHERE is_complete) - {N_DAYS} ORDER BY metric_date, position"
)


def trust_section(lake: PublishedLake, now: datetime) -> Section:  # noqa: ARG001  # one signature for all sections
    """What programs and late events do to the figures."""
    weeks, _ = last_weeks(lake)
    late = Lateness.of(lake)
    return Section(
        anchor="web-trust",
        title="How far web figures can be trusted",
        answers=[Cell(line) for line in _sentences(lake, weeks, late)],
        figures=[_views_figure(lake, weeks), _lateness_figure(late)],
    )


def trust(lake: PublishedLake) -> list[str]:
    """A line on programs and one on late events, where something is told."""
    weeks, _ = last_weeks(lake)
    return _sentences(lake, weeks, Lateness.of(lake))


def _sentences(lake: PublishedLake, weeks: WholeWeeks | None, late: Lateness) -> list[str]:
    lines = [_programs(lake, weeks)] if weeks else []
    return [line for line in (*lines, late.sentence) if line]


def _programs(lake: PublishedLake, weeks: WholeWeeks) -> str:
    row = lake.one(
        KPIS,
        "SELECT sum(numerator) AS n, sum(denominator) AS of_n FROM t WHERE dimension_name IS NULL "
        f"AND kpi = '{BOT_TRAFFIC_RATE.name}' AND view = 'all' AND {weeks.sql}",
    )
    if not row.get("of_n"):
        return ""
    return (
        f"{numbers.percent(row['n'] / row['of_n'])} of the events in the {weeks.words} look like "
        f"a program's ({numbers.count(row['n'])} of {numbers.count(row['of_n'])}); they are in no "
        "figure of people."
    )


def _views_figure(lake: PublishedLake, weeks: WholeWeeks | None) -> Figure:
    """The same figures with and without programs and our own people."""
    title = "The same weeks with and without programs"
    caption = (
        "How much depends on whose events count. People: without events that look like a "
        "program's; visitors and page views are means of the days."
    )
    if weeks is None:
        return Figure(title=title, caption=caption, empty=f"{KPIS} has no complete week yet.")
    sums = {
        (row["view"], row["kpi"]): row
        for row in lake.rows(
            KPIS,
            'SELECT t."view", kpi, sum(numerator) AS n, sum(denominator) AS of_n FROM t '
            f'WHERE dimension_name IS NULL AND {weeks.sql} GROUP BY t."view", kpi',
        )
    }
    rows = [
        (
            f"{words[0].upper()}{words[1:]}",
            *(
                numbers.decimal(sums[view, kpi.name]["n"] / weeks.n_days)
                if (view, kpi.name) in sums
                else numbers.NOTHING
                for kpi in (UNIQUE_VISITORS, PAGE_VIEWS)
            ),
            numbers.count(sums.get((view, BOUNCE_RATE.name), {}).get("of_n")),
            numbers.percent(_mean(sums.get((view, BOUNCE_RATE.name)))),
            numbers.percent(_mean(sums.get((view, CONVERSION_RATE.name)))),
            numbers.decimal(_mean(sums.get((view, AVERAGE_SESSION_DURATION.name)))),
        )
        for view, words in VIEWS.items()
    ]
    head = (
        "Whose events count",
        ">Visitors a day",
        ">Page views a day",
        ">Sessions",
        ">Bounce rate",
        ">Conversion rate",
        ">Session duration (s)",
    )
    return Figure(title=title, caption=caption, grid=Grid(head=head, rows=rows))


def _mean(row: dict[str, Any] | None) -> float | None:
    return row["n"] / row["of_n"] if row and row["of_n"] else None


@dataclass(frozen=True)
class Arrival:
    """How complete days are some time after their events happened.

    Attributes:
        up_to_s: How long after.
        rate: Of all events of the days.
        least_rate: Of the day of which the least had arrived.
        least_day: That day.
    """

    up_to_s: int
    rate: float
    least_rate: float
    least_day: date

    @property
    def words(self) -> str:
        """How long after."""
        for size, unit in ((3_600, "hour"), (60, "minute")):
            if self.up_to_s >= size:
                return numbers.plural(self.up_to_s // size, unit)
        return "at once"


@dataclass(frozen=True)
class Lateness:
    """How late the events of the last days came that are settled.

    Attributes:
        days: The days.
        arrivals: By how long after.
        n_unknown: Events without a time of receipt.
    """

    days: tuple[date, ...]
    arrivals: tuple[Arrival, ...]
    n_unknown: int

    @classmethod
    def of(cls, lake: PublishedLake) -> Lateness:
        """From the mart."""
        buckets: dict[int, list[dict[str, Any]]] = {}
        known: dict[date, int] = {}
        n_unknown = 0
        for row in lake.rows(LATENESS, _OF_DAYS):
            if row["bucket"] == metric.UNKNOWN:
                n_unknown += row["n_events"]
                continue
            known[row["metric_date"]] = row["cumulative_events"]  # of the last bucket in the end
            if row["up_to_s"] is not None and row["cumulative_rate"] is not None:
                buckets.setdefault(row["up_to_s"], []).append(row)
        n_known = sum(known.values())
        arrivals = []
        for up_to_s, rows in sorted(buckets.items()):
            least = min(rows, key=lambda row: (row["cumulative_rate"], row["metric_date"]))
            n = sum(row["cumulative_events"] for row in rows)
            arrivals.append(
                Arrival(up_to_s, n / n_known, least["cumulative_rate"], least["metric_date"])
            )
        return cls(tuple(sorted(known)), tuple(arrivals), n_unknown)

    @property
    def sentence(self) -> str:
        """The curve in words."""
        hour, day = self._after(3_600), self._after(86_400)
        if hour is None or day is None:
            return ""
        n_days = numbers.plural(len(self.days), "day")
        return (
            f"{numbers.percent(hour.rate)} of the events of the {n_days} from {self.days[0]} to "
            f"{self.days[-1]} had arrived {hour.words} after they happened, "
            f"{numbers.percent(day.rate)} after {day.words}. Of the least complete day, "
            f"{day.least_day}, it was {numbers.percent(day.least_rate)} after {day.words}: figures "
            "of new days still grow."
        )

    def _after(self, seconds: int) -> Arrival | None:
        return next((each for each in self.arrivals if each.up_to_s == seconds), None)


def _lateness_figure(late: Lateness) -> Figure:
    title = "How complete a day is, so long after its events happened (% of its events)"
    caption = (
        f"The last {N_DAYS} days whose late events can be counted, which is "
        f"{metric.SETTLED_DAYS} days later: all together, and at each delay the least complete of "
        "them. Late events make the days they happened on anew."
    )
    if late.n_unknown:
        n = numbers.plural(late.n_unknown, "event")
        caption += f" Without a time of receipt, and left out: {n}."
    if not late.arrivals:
        empty = f"{LATENESS} has no settled day with known delays yet."
        return Figure(title=title, caption=caption, empty=empty)
    groups = [
        Group(
            each.words,
            {
                "days": Bar(each.rate, numbers.percent(each.rate)),
                "least": Bar(
                    each.least_rate, f"{numbers.percent(each.least_rate)} ({each.least_day})"
                ),
            },
        )
        for each in late.arrivals
    ]
    grid = Grid(
        head=("After", ">Of all events", ">Of the least complete day", "Which"),
        rows=[
            (
                each.words,
                numbers.percent(each.rate),
                numbers.percent(each.least_rate),
                numbers.day(each.least_day),
            )
            for each in late.arrivals
        ],
    )
    series = {"days": ("c1", "all days"), "least": ("c2", "the least complete day")}
    svg = grouped_bars(title, groups, series, 1)
    return Figure(title=title, caption=caption, svg=svg, grid=grid)
