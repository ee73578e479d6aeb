"""The growth domain in a report: headline figures, signups and conversions over time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from lakehouse.metrics.conversion import CONVERTED_SQL, CURRENT_MRR_SQL, FIRST_CONVERSIONS_SQL
from lakehouse.reporting import numbers
from lakehouse.reporting.charts.weeks import MOST_WEEKS, Series, stacked_panels
from lakehouse.reporting.page import Figure, Grid, Headline, Section
from lakehouse.spec.windows import week_start

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lakehouse.reporting.lake import PublishedLake

USERS, CONVERSIONS = "silver.user_dim", "bronze.conversions"
EVENTS, FACTS = "bronze.feature_usage_events", "silver.feature_usage_facts"
MARTS = ("gold.feature_conversion_lift", "gold.feature_conversion_impact", FACTS)
CURRENT_DAYS = 2
"""As the input gate of `silver.feature_usage_facts` has it."""


def as_of(lake: PublishedLake) -> date | None:
    """The date up to which the published marts count."""
    known = [state.as_of for state in map(lake.state, MARTS) if state and state.as_of]
    return date.fromisoformat(max(known)) if known else None


def headline_section(lake: PublishedLake, now: datetime) -> Section:
    """Users, events, conversions, revenue, and how old all that is."""
    users = lake.one(USERS, CONVERTED_SQL)
    events = lake.one(
        EVENTS,
        "SELECT count(DISTINCT event_id) AS n, "
        "arrow_cast(max(event_timestamp), 'Timestamp(Microsecond, None)') AS newest FROM t",
    )
    n_users, n_converted = users.get("n"), users.get("n_converted")
    rate = n_converted / n_users if n_users and n_converted is not None else None
    return Section(
        anchor="headline",
        title="At a glance",
        headlines=[
            Headline(label="Users", value=numbers.count(n_users), note="with a signup record"),
            Headline(
                label="Usage events",
                value=numbers.count(events.get("n")),
                note="distinct, of every type",
            ),
            Headline(
                label="Conversions",
                value=numbers.count(n_converted),
                note="users on a paid plan",
            ),
            Headline(
                label="Conversion rate",
                value=numbers.percent(rate),
                note="converted users ÷ users",
            ),
            Headline(
                label="MRR",
                value=numbers.money(lake.one(CONVERSIONS, CURRENT_MRR_SQL).get("mrr")),
                note="per month, billing currency; latest conversion of each user",
            ),
            Headline(
                label="As of", value=numbers.day(as_of(lake)), note="later events do not count"
            ),
            _newest_event(events.get("newest"), now),
        ],
    )


def _newest_event(newest: datetime | None, now: datetime) -> Headline:
    if newest is None:
        return Headline(label="Newest event", value=numbers.NOTHING, note="no events yet")
    age = now - newest.replace(tzinfo=UTC)
    is_current = age <= timedelta(days=CURRENT_DAYS)
    words = (
        f"{numbers.plural(age.days, 'day')} before this report"
        if age >= timedelta(days=1)
        else f"{max(age.total_seconds(), 0) / 3600:.1f} hours before this report"
    )
    return Headline(
        label="Newest event",
        value=numbers.day(newest),
        note=words if is_current else f"{words}: not current",
        tone="" if is_current else "warn",
    )


def activity_section(lake: PublishedLake, now: datetime) -> Section:  # noqa: ARG001  # one signature for all sections
    """Signups and first conversions by week."""
    signups = _by_day(
        lake, USERS, "SELECT signup_date AS day, count(*) AS n FROM t GROUP BY signup_date"
    )
    conversions = _by_day(lake, CONVERSIONS, FIRST_CONVERSIONS_SQL)
    title = "Signups and first conversions per week (users)"
    caption = (
        "Columns count users by the week of their signup and of their first "
        "conversion. Pale columns are weeks that the data covers only in part."
    )
    if not signups and not conversions:
        figure = Figure(title=title, caption=caption, empty=f"{USERS} has no rows yet.")
        return Section(anchor="activity", title="Growth over time", figures=[figure])
    weeks = Weeks.of([*signups, *conversions], as_of(lake))
    n_signups, n_conversions = weeks.sums(signups), weeks.sums(conversions)
    grid = Grid(
        head=("Week of", ">Signups", ">First conversions"),
        rows=[
            (weeks.label(week), numbers.count(n), numbers.count(m))
            for week, n, m in zip(weeks.shown, n_signups, n_conversions, strict=True)
        ],
    )
    svg = stacked_panels(
        title,
        weeks.shown,
        weeks.partial,
        [
            Series("Signups", n_signups, "c1", "user"),
            Series("First conversions", n_conversions, "c2", "user"),
        ],
    )
    figure = Figure(title=title, caption=caption + weeks.note, svg=svg, grid=grid)
    return Section(anchor="activity", title="Growth over time", figures=[figure])


def _by_day(lake: PublishedLake, table: str, query: str) -> Counter[date]:
    return Counter({row["day"]: row["n"] for row in lake.rows(table, query)})


@dataclass(frozen=True)
class Weeks:
    """The weeks a chart shows.

    Attributes:
        shown: Their first days, without gaps, up to the as-of date: later rows have not happened
            yet.
        partial: Those that the data covers only in part.
        note: A sentence with the first and the last day.
    """

    shown: Sequence[date]
    partial: frozenset[date]
    note: str

    @classmethod
    def of(cls, days: Sequence[date], until: date | None) -> Weeks:
        """The last weeks with data."""
        newest = until or max(days)
        oldest = min([*days, newest])
        last = week_start(newest)
        n_weeks = (last - week_start(oldest)).days // 7 + 1
        shown = [last - timedelta(weeks=k) for k in reversed(range(min(n_weeks, MOST_WEEKS)))]
        partial = {week_start(oldest)} - {oldest}
        if newest < last + timedelta(days=6):
            partial.add(last)
        cut = f" (the last {MOST_WEEKS} weeks)" if n_weeks > MOST_WEEKS else ""
        note = f" From {max(oldest, shown[0])} to {newest}{cut}."
        return cls(shown, frozenset(partial), note)

    def sums(self, by_day: Mapping[date, int]) -> list[int]:
        """One sum a week."""
        sums: Counter[date] = Counter()
        for day, n in by_day.items():
            sums[week_start(day)] += n
        return [sums[week] for week in self.shown]

    def label(self, week: date) -> str:
        """A week in a table."""
        return f"{week} (incomplete)" if week in self.partial else str(week)
