"""Why other tools show another figure than ours: the difference, rule by rule.

From our rules to those of a tool one rule is changed at a time, in the order of
`metrics.web_tools.RULES`. Each step's change is what that rule makes after those before it, so that
the changes add up to the difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from lakehouse.catalog.policies import policies
from lakehouse.errors import ConfigError, UpstreamMissingError, close_to
from lakehouse.io import ops
from lakehouse.io.damage import assert_intact
from lakehouse.metrics.web import VIEWS
from lakehouse.metrics.web_kpis import KPIS, Kpi
from lakehouse.metrics.web_policies import Clock, Engagement, Visits
from lakehouse.metrics.web_tools import COMPARABLE, RULES, TOOLS, Tool, ours
from lakehouse.reporting import numbers
from lakehouse.reporting.lake import PublishedLake
from lakehouse.reporting.page import Grid
from lakehouse.reporting.tool_counts import COLUMNS, Count, DayOfEvents

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction

    import pyarrow as pa

    from lakehouse.io.state import State
    from lakehouse.metrics.web_tools import Rule
    from lakehouse.settings import Settings

EVENTS, CONVERSIONS, PUBLISHED = "silver.web_events", "silver.web_conversions", "gold.web_kpis"
NEIGHBOURS = 3
"""Days read before and after: so long the longest session of a tool lasts."""
SAME = 1e-9
"""Figures of doubles that differ by less are the same."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A rule that was changed from ours to the tool's.

    Attributes:
        rule: Its name.
        here: Our rule.
        there: The tool's.
        change: By how much the KPI changes; None where a figure on the way is undefined.
    """

    rule: str
    here: Rule
    there: Rule
    change: Fraction | None


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What a tool shows, and why it is not what we show.

    Attributes:
        tool: The tool's name.
        count: Its figure.
        difference: Its figure less ours; None where one of them is undefined.
        steps: The rules that make it, in the order in which they were changed.
    """

    tool: str
    count: Count
    difference: Fraction | None
    steps: tuple[Step, ...]


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A KPI of a day here and under the rules of each tool.

    Attributes:
        kpi: The KPI.
        day: Day of the reporting time zone.
        view: Whose events count here.
        ours: Our figure.
        published: That of gold.web_kpis; None where it tells none.
        tools: The others'.
    """

    kpi: Kpi
    day: date
    view: str
    ours: Count
    published: float | None
    tools: tuple[Difference, ...]

    @property
    def is_as_published(self) -> bool:
        """Our figure is that of gold.web_kpis, as far as that tells one."""
        if self.published is None or self.ours.value is None:
            return True
        return abs(float(self.ours.value) - self.published) <= SAME * max(1, abs(self.published))


def kpi_of(name: str) -> Kpi:
    """The KPI of a name, if the tools tell it.

    Raises:
        ConfigError: There is none, or the tools' rules for it are not known here.
    """
    known = {kpi.name: kpi for kpi in KPIS}
    possible = [kpi.name for kpi in COMPARABLE]
    if name not in known:
        hint = close_to(name, possible) or close_to(name, known)
        message = f"there is no KPI {name}.{hint} Possible: {', '.join(possible)}"
        raise ConfigError(message, kpi=name)
    if name not in possible:
        message = (
            f"{name} is no KPI that other tools have a rule of their own for; "
            f"possible: {', '.join(possible)}"
        )
        raise ConfigError(message, kpi=name)
    return known[name]


def explain(settings: Settings, kpi: Kpi, day: date | None, view: str) -> Explanation:
    """A KPI of a day here and under the rules of each tool, with the difference by rules.

    Args:
        settings: The lake.
        kpi: The KPI.
        day: Day of the reporting time zone; None = the newest that is over.
        view: Whose events count here.

    Raises:
        ConfigError: There is no such view, or nothing happened on the day.
        UpstreamMissingError: The events were never published, or not yet for the day.
        DamagedTableError: Some of a table is not there any more.
    """
    if view not in VIEWS:
        raise ConfigError(f"there is no view {view}; possible: {', '.join(VIEWS)}", view=view)
    chosen = policies((Clock, Engagement, Visits), settings)
    visits, zone = chosen.of(Visits), chosen.of(Clock).reporting_time_zone
    lake = PublishedLake(settings)
    day = day or _newest(lake, zone)
    start, end = (_midnight(each, zone) for each in (day, day + timedelta(days=1)))
    events = _day_of_events(lake, start, end, visits, chosen.of(Engagement))
    if events.is_empty:
        raise _without_data(lake, day)
    mine = ours(visits, view)
    count = events.count(kpi, mine)
    return Explanation(
        kpi=kpi,
        day=day,
        view=view,
        ours=count,
        published=_published(lake, kpi, day, view),
        tools=tuple(_difference(events, kpi, mine, tool) for tool in TOOLS),
    )


def _difference(events: DayOfEvents, kpi: Kpi, mine: Tool, tool: Tool) -> Difference:
    rules, steps = mine, []
    for name in COMPARABLE[kpi]:
        changed = rules.following(tool, name)
        change = _less(events.count(kpi, changed), events.count(kpi, rules))
        steps.append(
            Step(rule=RULES[name], here=mine.rules[name], there=tool.rules[name], change=change)
        )
        rules = changed
    count = events.count(kpi, rules)
    return Difference(
        tool=tool.name,
        count=count,
        difference=_less(count, events.count(kpi, mine)),
        steps=tuple(steps),
    )


def _less(count: Count, other: Count) -> Fraction | None:
    if count.value is None or other.value is None:
        return None
    return count.value - other.value


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def _newest(lake: PublishedLake, zone: str) -> date:
    """The newest day of the time zone that was over when the newest day with events began."""
    last = _days(lake)[1]
    return datetime.combine(last, time(), UTC).astimezone(ZoneInfo(zone)).date() - timedelta(days=1)


def _days(lake: PublishedLake) -> tuple[date, date]:
    """First and last day (UTC) with events.

    Raises:
        UpstreamMissingError: There are none yet.
    """
    _state(lake, EVENTS)
    known = lake.one(EVENTS, "SELECT min(event_date) AS first, max(event_date) AS last FROM t")
    if known["last"] is None:
        raise UpstreamMissingError(f"{EVENTS} has no events yet", table=EVENTS)
    return known["first"], known["last"]


def _day_of_events(
    lake: PublishedLake, start: datetime, end: datetime, visits: Visits, engagement: Engagement
) -> DayOfEvents:
    """The events from the published versions."""
    around = timedelta(days=max(NEIGHBOURS, visits.max_session_days))
    days = f"BETWEEN DATE '{(start - around).date()}' AND DATE '{(end + around).date()}'"
    events = _rows(
        lake,
        EVENTS,
        f"SELECT {', '.join(COLUMNS)} FROM t WHERE event_date {days} AND NOT is_late",
    )
    conversions = _rows(lake, CONVERSIONS, f"SELECT event_id FROM t WHERE conversion_date {days}")
    first, last = (int(each.timestamp()) * 1_000_000 for each in (start, end))
    return DayOfEvents(events, conversions, first, last, engagement)


def _rows(lake: PublishedLake, table: str, query: str) -> pa.Table:
    state = _state(lake, table)
    uri = lake.settings.table_uri(table)
    try:
        return ops.query_versions(uri, {"t": state.version}, query)
    except Exception:
        assert_intact(table, uri, state)
        raise


def _state(lake: PublishedLake, table: str) -> State:
    state = lake.state(table)
    if state is None:
        message = f"{table} was never published; run `lakehouse run +{table}`"
        raise UpstreamMissingError(message, table=table)
    return state


def _without_data(lake: PublishedLake, day: date) -> UpstreamMissingError | ConfigError:
    """What to say of a day on which nothing happened: it may still come, or it is over."""
    first, last = _days(lake)
    message = f"{EVENTS} has no events of {day}; it has them from {first} to {last} (UTC)"
    kind = UpstreamMissingError if day > last else ConfigError
    return kind(message, table=EVENTS, day=str(day))


def _published(lake: PublishedLake, kpi: Kpi, day: date, view: str) -> float | None:
    query = (
        f"SELECT value FROM t WHERE metric_date = DATE '{day}' AND kpi = '{kpi.name}' "
        f"AND view = '{view}' AND dimension_name IS NULL"
    )
    value = lake.one(PUBLISHED, query).get("value")
    return None if value is None else float(value)


def grid_of(found: Explanation) -> Grid:
    """The figures and what each rule makes of the difference."""
    told, changed = _WORDS[found.kpi.unit]
    rules = [RULES[name] for name in COMPARABLE[found.kpi]]
    mine = ("ours", told(found.ours.value), *("" for _ in ("difference", *rules)))
    return Grid(
        head=("tool", ">figure", ">against ours", *(f">{rule}" for rule in rules)),
        rows=[
            mine,
            *(
                (
                    each.tool,
                    told(each.count.value),
                    changed(each.difference),
                    *(changed(step.change) for step in each.steps),
                )
                for each in found.tools
            ),
        ],
    )


def title_of(found: Explanation) -> str:
    """What the grid shows, and in which unit."""
    unit = ", differences in percentage points" if found.kpi.unit == "rate" else ""
    return f"{found.kpi.title} on {found.day}, view {found.view}{unit}"


def reason_of(found: Explanation) -> str:
    """The largest single reason, in a sentence."""
    steps = [
        (step.change, each.tool, step)
        for each in found.tools
        for step in each.steps
        if step.change is not None
    ]
    if not any(change for change, _, _ in steps):
        return "No rule of another tool changes the figure on this day."
    change, tool, step = max(steps, key=lambda found: abs(found[0]))
    unit = " points" if found.kpi.unit == "rate" else ""
    return (
        f"The largest reason: {tool}'s {step.rule} ({_WORDS[found.kpi.unit][1](change)}{unit}). "
        f"There: {step.there.words}. Here: {step.here.words}."
    )


def row_of(found: Explanation) -> dict[str, Any]:
    """All of it for programs."""
    return {
        "kpi": found.kpi.name,
        "unit": found.kpi.unit,
        "day": found.day.isoformat(),
        "view": found.view,
        "ours": _count_row(found.ours),
        "published": found.published,
        "tools": [
            {
                "tool": each.tool,
                **_count_row(each.count),
                "difference": _float(each.difference),
                "steps": [
                    {
                        "rule": step.rule,
                        "change": _float(step.change),
                        "here": step.here.words,
                        "there": step.there.words,
                        "source": step.there.source,
                    }
                    for step in each.steps
                ],
            }
            for each in found.tools
        ],
        "reason": reason_of(found),
    }


def _count_row(count: Count) -> dict[str, Any]:
    return {
        "value": _float(count.value),
        "numerator": count.numerator,
        "denominator": count.denominator,
    }


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def _signed(text: Callable[[float | None], str]) -> Callable[[Fraction | None], str]:
    """A change with its sign; none where there is none."""

    def told(value: Fraction | None) -> str:
        plus = "+" if value is not None and value > 0 else ""
        return f"{plus}{text(_float(value))}"

    return told


def _of(text: Callable[[float | None], str]) -> Callable[[Fraction | None], str]:
    return lambda value: text(_float(value))


_WORDS: dict[str, tuple[Callable[[Fraction | None], str], Callable[[Fraction | None], str]]] = {
    "rate": (_of(numbers.percent), _of(numbers.points)),
    "s": (_of(numbers.decimal), _signed(numbers.decimal)),
    "ratio": (_of(numbers.ratio), _signed(numbers.ratio)),
    "count": (_of(numbers.count), _signed(numbers.count)),
}
"""How a figure and a change are told, by unit."""
