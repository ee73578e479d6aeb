"""The web domain in a report: who came in the last weeks, from where, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import sqrt
from typing import TYPE_CHECKING, Any

from lakehouse.metrics import web as metric
from lakehouse.metrics.web_kpis import BOUNCE_RATE, CONVERSION_RATE, UNIQUE_VISITORS
from lakehouse.reporting import numbers
from lakehouse.reporting.charts.bars import Bar, Group, grouped_bars
from lakehouse.reporting.charts.weeks import Series, stacked_panels
from lakehouse.reporting.growth import Weeks
from lakehouse.reporting.page import Cell, Figure, Grid, Headline, Section
from lakehouse.reporting.web_weeks import KPIS, WholeWeeks, last_weeks, reaches

if TYPE_CHECKING:
    from datetime import datetime

    from lakehouse.reporting.lake import PublishedLake

REVENUE, SOURCES = "gold.revenue", "gold.traffic_sources"
PEOPLE = "view = 'human'"
MOST_CHANNELS = 12
NO_WEEK = f"{KPIS} has no complete week yet: one that the data tell from its first day on."
OF_95_PERCENT = 1.96


@dataclass(frozen=True)
class Rate:
    """A share of sessions.

    Attributes:
        n: Sessions that count.
        of_n: All sessions.
    """

    n: float = 0
    of_n: float = 0

    @property
    def value(self) -> float | None:
        """From 0 to 1; None without a session."""
        return self.n / self.of_n if self.of_n else None

    @property
    def variance(self) -> float:
        """Of the share, if sessions were independent."""
        return self.n * (self.of_n - self.n) / self.of_n**3 if self.of_n else 0


@dataclass(frozen=True)
class Traffic:
    """What happened in some weeks.

    Attributes:
        visitors_a_day: Mean of the days' distinct visitors.
        bounces: Sessions that bounced.
        conversions: Sessions with a conversion.
        revenue: Orders less refunds; None where the weeks are not told to their end.
        n_not_summed: Orders and refunds in a currency without a rate.
    """

    visitors_a_day: float
    bounces: Rate
    conversions: Rate
    revenue: Decimal | None
    n_not_summed: int


def traffic(lake: PublishedLake, weeks: WholeWeeks) -> Traffic:
    """The figures of people in some weeks."""
    rows = lake.rows(
        KPIS,
        "SELECT kpi, sum(numerator) AS n, coalesce(sum(denominator), 0) AS of_n FROM t "
        f"WHERE dimension_name IS NULL AND {PEOPLE} AND {weeks.sql} GROUP BY kpi",
    )
    sums = {row["kpi"]: Rate(row["n"], row["of_n"]) for row in rows if row["n"] is not None}
    visitors, bounces, conversions = (
        sums.get(kpi.name, Rate()) for kpi in (UNIQUE_VISITORS, BOUNCE_RATE, CONVERSION_RATE)
    )
    money = lake.one(
        REVENUE,
        "SELECT coalesce(sum(net), 0) AS net, coalesce(sum(n_not_summed), 0) AS n FROM t "
        f"WHERE {PEOPLE} AND {weeks.sql}",
    )
    is_told = reaches(lake, REVENUE, weeks)
    return Traffic(
        visitors_a_day=visitors.n / weeks.n_days,
        bounces=bounces,
        conversions=conversions,
        revenue=Decimal(money["net"]) if is_told else None,
        n_not_summed=money["n"] if is_told else 0,
    )


@dataclass(frozen=True)
class Changes:
    """How figures differ from those of the weeks before, in words; empty where nothing is known."""

    visitors: str = ""
    sessions: str = ""
    bounces: str = ""
    conversions: str = ""
    revenue: str = ""

    @classmethod
    def of(cls, now: Traffic, before: Traffic) -> Changes:
        """Growth of counts, differences of rates."""
        return cls(
            visitors=_growth(now.visitors_a_day, before.visitors_a_day),
            sessions=_growth(now.bounces.of_n, before.bounces.of_n),
            bounces=_difference(now.bounces, before.bounces),
            conversions=_difference(now.conversions, before.conversions),
            revenue=_growth(now.revenue, before.revenue),
        )

    @property
    def sentence(self) -> str:
        """All that are known."""
        told = {
            "visitors a day": self.visitors,
            "sessions": self.sessions,
            "conversion rate": self.conversions,
            "bounce rate": self.bounces,
            "revenue": self.revenue,
        }
        return ", ".join(f"{name} {words}" for name, words in told.items() if words)


def _growth(now: float | Decimal | None, before: float | Decimal | None) -> str:
    if now is None or before is None or before <= 0:
        return ""
    return numbers.change(float(now) / float(before) - 1)


def _difference(now: Rate, before: Rate) -> str:
    """Percentage points, and whether chance alone makes as much.

    As if sessions were independent: those of one visitor are not, so that chance makes even more.
    """
    if now.value is None or before.value is None:
        return ""
    difference = now.value - before.value
    by_chance = OF_95_PERCENT * sqrt(now.variance + before.variance)
    note = " (within chance)" if abs(difference) <= by_chance else ""
    return f"{numbers.points(difference)} points{note}"


def web_section(lake: PublishedLake, now: datetime) -> Section:  # noqa: ARG001  # one signature for all sections
    """Visitors, sessions, what came of them, and their channels."""
    weeks, before = last_weeks(lake)
    if weeks is None:
        return Section(anchor="web", title="Web traffic", answers=[Cell(NO_WEEK, "soft")])
    found = traffic(lake, weeks)
    changes = Changes.of(found, traffic(lake, before)) if before else Changes()
    compared = (
        f"compared with the {before.words}"
        if before
        else f"the data do not reach back to as many before {weeks.first}"
    )
    return Section(
        anchor="web",
        title="Web traffic",
        lead=(
            f"People, programs apart, in the {weeks.words}; {compared}. Days are those of the "
            "reporting time zone; of revenue and channels, UTC."
        ),
        headlines=_figures(found, changes),
        answers=[Cell(line) for line in _sentences(weeks, before, found, changes)],
        figures=[_weekly(lake), _channels(lake, weeks, before)],
    )


def headlines(lake: PublishedLake) -> list[str]:
    """A few lines on the last complete weeks, or that there is none."""
    weeks, before = last_weeks(lake)
    if weeks is None:
        return [NO_WEEK]
    found = traffic(lake, weeks)
    changes = Changes.of(found, traffic(lake, before)) if before else Changes()
    return _sentences(weeks, before, found, changes)


def _figures(found: Traffic, changes: Changes) -> list[Headline]:
    told = [
        ("Visitors a day", numbers.decimal(found.visitors_a_day), changes.visitors, "on average"),
        ("Sessions", numbers.count(found.bounces.of_n), changes.sessions, ""),
        ("Bounce rate", numbers.percent(found.bounces.value), changes.bounces, ""),
        ("Conversion rate", numbers.percent(found.conversions.value), changes.conversions, ""),
        ("Revenue", numbers.money(found.revenue), changes.revenue, "reporting currency"),
    ]
    shown = [
        Headline(label=label, value=value, note="; ".join(filter(None, (change, note))))
        for label, value, change, note in told
    ]
    if found.revenue is None:
        note = f"{REVENUE} does not tell these weeks"
        shown[-1] = Headline(label="Revenue", value=numbers.NOTHING, note=note, tone="warn")
    return shown


def _sentences(
    weeks: WholeWeeks, before: WholeWeeks | None, found: Traffic, changes: Changes
) -> list[str]:
    n_sessions = numbers.plural(int(found.bounces.of_n), "session")
    first = (
        f"In the {weeks.words}, {numbers.decimal(found.visitors_a_day)} people a day came on "
        f"average, in {n_sessions}: {numbers.percent(found.conversions.value)} converted, "
        f"{numbers.percent(found.bounces.value)} bounced."
    )
    if found.revenue is not None:
        first += f" Orders less refunds: {numbers.money(found.revenue)} in the reporting currency."
    lines = [first]
    if before and changes.sentence:
        lines.append(f"Against the {before.words}: {changes.sentence}.")
    if found.n_not_summed:
        lines.append(
            "Orders and refunds in a currency without a rate, which are in no sum: "
            f"{numbers.count(found.n_not_summed)}."
        )
    return lines


def _weekly(lake: PublishedLake) -> Figure:
    """Sessions and those with a conversion, by week."""
    title = "Sessions and sessions with a conversion per week"
    rows = lake.rows(
        KPIS,
        "SELECT metric_date AS day, numerator, denominator, is_complete FROM t "
        f"WHERE kpi = '{CONVERSION_RATE.name}' AND dimension_name IS NULL AND {PEOPLE}",
    )
    over = max((row["day"] for row in rows if row["is_complete"]), default=None)
    caption = "Sessions of people. Pale columns are weeks that the data cover only in part."
    if not rows:
        return Figure(title=title, caption=caption, empty=f"{KPIS} has no session of people yet.")
    weeks = Weeks.of([row["day"] for row in rows], over)
    n_sessions = weeks.sums({row["day"]: int(row["denominator"]) for row in rows})
    n_converted = weeks.sums({row["day"]: int(row["numerator"]) for row in rows})
    grid = Grid(
        head=("Week of", ">Sessions", ">With a conversion", ">Conversion rate"),
        rows=[
            (
                weeks.label(week),
                numbers.count(n),
                numbers.count(m),
                numbers.percent(Rate(m, n).value),
            )
            for week, n, m in zip(weeks.shown, n_sessions, n_converted, strict=True)
        ],
    )
    svg = stacked_panels(
        title,
        weeks.shown,
        weeks.partial,
        [
            Series("Sessions", n_sessions, "c1", "session"),
            Series("Sessions with a conversion", n_converted, "c2", "session"),
        ],
    )
    return Figure(title=title, caption=caption + weeks.note, svg=svg, grid=grid)


def _channels(lake: PublishedLake, weeks: WholeWeeks, before: WholeWeeks | None) -> Figure:
    """Sessions, conversions and revenue by channel."""
    title = "Sessions and conversions by channel (% of all)"
    caption = (
        f"Sessions of people in the {weeks.words}. {metric.CHANNEL} Where the lower bar is the "
        "longer one, the channel's sessions converted more often than the others'; of few "
        "conversions, chance decides."
    )
    rows = _by_channel(lake, weeks)
    if not rows or not reaches(lake, SOURCES, weeks):
        return Figure(title=title, caption=caption, empty=f"{SOURCES} does not tell these weeks.")
    if len(rows) > MOST_CHANNELS:
        caption += f" Shows the {MOST_CHANNELS} largest of {len(rows)} channels; the table all."
    n_sessions = sum(row["n_sessions"] for row in rows)
    n_converted = sum(row["n_converted"] for row in rows)
    groups = []
    for row in rows[:MOST_CHANNELS]:
        bars = {"sessions": _bar(row["n_sessions"], n_sessions)}
        if n_converted:
            bars["converted"] = _bar(row["n_converted"], n_converted)
        groups.append(Group(row["channel"], bars))
    series = {"sessions": ("c1", "of the sessions"), "converted": ("c2", "of the converted ones")}
    top = max(bar.value for group in groups for bar in group.bars.values())
    earlier = _by_channel(lake, before) if before else []
    grid = _channel_grid(rows, {row["channel"]: row["n_sessions"] for row in earlier})
    svg = grouped_bars(title, groups, series, top)
    return Figure(title=title, caption=caption, svg=svg, grid=grid)


def _by_channel(lake: PublishedLake, weeks: WholeWeeks) -> list[dict[str, Any]]:
    return lake.rows(
        SOURCES,
        "SELECT channel, sum(n_sessions) AS n_sessions, sum(n_converted) AS n_converted, "
        "sum(n_bounces) AS n_bounces, sum(revenue) AS revenue FROM t "
        f"WHERE {PEOPLE} AND {weeks.sql} GROUP BY channel ORDER BY n_sessions DESC, channel",
    )


def _bar(n: int, of_n: int) -> Bar:
    return Bar(n / of_n, f"{numbers.percent(n / of_n)} ({numbers.count(n)})")


def _channel_grid(rows: list[dict[str, Any]], earlier: dict[str, int]) -> Grid:
    n_sessions = sum(row["n_sessions"] for row in rows)
    return Grid(
        head=(
            "Channel",
            ">Sessions",
            ">Share",
            ">Against the weeks before",
            ">Converted",
            ">Conversion rate",
            ">Bounce rate",
            ">Revenue of orders",
        ),
        rows=[
            (
                row["channel"],
                numbers.count(row["n_sessions"]),
                numbers.percent(row["n_sessions"] / n_sessions),
                _growth(row["n_sessions"], earlier.get(row["channel"])) or numbers.NOTHING,
                numbers.count(row["n_converted"]),
                numbers.percent(row["n_converted"] / row["n_sessions"]),
                numbers.percent(row["n_bounces"] / row["n_sessions"]),
                numbers.money(row["revenue"]),
            )
            for row in rows
        ],
    )
