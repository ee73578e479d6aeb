"""Features in a report: their usage and their versions."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from lakehouse.reporting import numbers, summary
from lakehouse.reporting.charts.timeline import Interval, Lane, timeline
from lakehouse.reporting.charts.weeks import Series, small_multiples
from lakehouse.reporting.growth import EVENTS, Weeks, as_of
from lakehouse.reporting.page import Cell, Figure, Grid, Section

if TYPE_CHECKING:
    from lakehouse.reporting.lake import PublishedLake

STATES = "silver.feature_states"
OPEN_END = date(9999, 12, 31)
MOST_FEATURES = 24


def features_section(lake: PublishedLake, now: datetime) -> Section:  # noqa: ARG001  # one signature for all sections
    """Usage by feature and week, and the versions of each feature."""
    states = lake.rows(STATES, "SELECT * FROM t ORDER BY feature_id, effective_from")
    names = {row["feature_id"]: summary.name(row) for row in states}
    return Section(
        anchor="features",
        title="Features",
        figures=[_usage_figure(lake, names), _timeline_figure(lake, states)],
    )


def _usage_figure(lake: PublishedLake, names: dict[str, str]) -> Figure:
    title = "Usage per week by feature (distinct events)"
    caption = (
        "One chart per feature, most used first, each with its own scale. Pale columns are weeks "
        "that the data covers only in part."
    )
    days = lake.rows(
        EVENTS,
        "SELECT feature_id, event_date AS day, count(DISTINCT event_id) AS n FROM t "
        "GROUP BY feature_id, event_date",
    )
    if not days:
        return Figure(title=title, caption=caption, empty=f"{EVENTS} has no rows yet.")
    weeks = Weeks.of([row["day"] for row in days], as_of(lake))
    by_feature: dict[str, dict[date, int]] = {}
    for row in days:
        by_feature.setdefault(row["feature_id"], {})[row["day"]] = row["n"]
    sums = {feature: weeks.sums(by_day) for feature, by_day in by_feature.items()}
    ranked = sorted(sums, key=lambda feature: (-sum(sums[feature]), feature))
    series = [
        Series(names.get(feature, feature), sums[feature], "c1", "event")
        for feature in ranked[:MOST_FEATURES]
    ]
    if len(ranked) > MOST_FEATURES:
        caption += f" Shows the {MOST_FEATURES} most used of {len(ranked)} features."
    grid = Grid(
        head=("Week of", *(f">{each.title}" for each in series)),
        rows=[
            (weeks.label(week), *(numbers.count(each.values[k]) for each in series))
            for k, week in enumerate(weeks.shown)
        ],
    )
    svg = small_multiples(title, weeks.shown, weeks.partial, series)
    return Figure(title=title, caption=caption + weeks.note, svg=svg, grid=grid)


def _timeline_figure(lake: PublishedLake, states: list[dict[str, Any]]) -> Figure:
    title = "Versions of each feature over time"
    caption = (
        "A bar is an interval with the same name, version and state; in a gap the feature was "
        "deleted. Bars are labelled with the version; hover over one for details."
    )
    if not states:
        return Figure(title=title, caption=caption, empty=f"{STATES} has no rows yet.")
    until = as_of(lake) or max(row["effective_from"] for row in states)
    lanes: dict[str, list[Interval]] = {}
    for row in states:
        lanes.setdefault(row["feature_id"], []).append(_interval(row))
    latest = {row["feature_id"]: summary.name(row) for row in states}
    kinds = (("c1", "enabled"), ("outline", "disabled"))
    shown = [Lane(latest[feature], intervals) for feature, intervals in lanes.items()]
    grid = Grid(
        head=("Feature", "Name", "Version", "State", "From", "To (first day after)"),
        rows=[
            (
                row["feature_id"],
                summary.name(row),
                row["version"] or numbers.NOTHING,
                "enabled" if row["is_enabled"] else Cell("disabled", "warn"),
                numbers.day(row["effective_from"]),
                "now" if row["is_current"] else numbers.day(row["effective_to"]),
            )
            for row in states
        ],
    )
    svg = timeline(title, shown[:MOST_FEATURES], until, kinds)
    return Figure(title=title, caption=caption, svg=svg, grid=grid)


def _interval(row: dict[str, Any]) -> Interval:
    end = None if row["effective_to"] == OPEN_END else row["effective_to"]
    state = "enabled" if row["is_enabled"] else "disabled"
    tip = f"{summary.name(row)} {row['version'] or ''}, {state}, from {row['effective_from']} "
    return Interval(
        row["effective_from"],
        end,
        str(row["version"] or ""),
        tip + (f"to {end}" if end else "on"),
        "c1" if row["is_enabled"] else "outline",
    )
