"""The interactions domain in a report: headline figures in words, weeks in charts."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Any

from lakehouse.metrics import engagement as metric
from lakehouse.reporting import numbers
from lakehouse.reporting.charts.weeks import MOST_WEEKS, Series, stacked_panels
from lakehouse.reporting.page import Cell, Figure, Grid, Section
from lakehouse.spec.windows import week_start

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date, datetime

    from lakehouse.reporting.lake import PublishedLake


def engagement_section(lake: PublishedLake, now: datetime) -> Section:  # noqa: ARG001  # one signature for all sections
    """Users and sessions by week."""
    title = "Users and sessions per week"
    weeks = lake.rows(
        "gold.weekly_active_users",
        "SELECT week_start, wau, is_complete FROM t WHERE dimension_name IS NULL "
        f"ORDER BY week_start DESC LIMIT {MOST_WEEKS}",
    )[::-1]
    sessions = {
        week: sum(figures)
        for week, figures in _by_week(
            lake.rows(
                "gold.session_metrics",
                "SELECT metric_date, n_sessions AS figure FROM t WHERE dimension_name IS NULL",
            )
        ).items()
    }
    caption = (
        f"Upper columns: {metric.WAU} Lower columns: sessions that started in the week. "
        "Pale columns are incomplete weeks."
    )
    if not weeks:
        figure = Figure(title=title, caption=caption, empty="No interactions yet.")
        return Section(anchor="engagement", title="Engagement over time", figures=[figure])
    shown = [row["week_start"] for row in weeks]
    users = [row["wau"] for row in weeks]
    n_sessions = [sessions.get(week, 0) for week in shown]
    svg = stacked_panels(
        title,
        shown,
        {row["week_start"] for row in weeks if not row["is_complete"]},
        [Series("Users", users, "c1", "user"), Series("Sessions", n_sessions, "c2", "session")],
    )
    grid = Grid(
        head=("Week of", ">Users", ">Sessions"),
        rows=[
            (numbers.day(week), numbers.count(n), numbers.count(m))
            for week, n, m in zip(shown, users, n_sessions, strict=True)
        ],
    )
    figure = Figure(title=title, caption=caption, svg=svg, grid=grid)
    answers = [Cell(line) for line in headlines(lake)]
    partial = {row["week_start"] for row in weeks if not row["is_complete"]}
    figures = [figure, _retention_and_speed(lake, shown, partial)]
    return Section(
        anchor="engagement", title="Engagement over time", answers=answers, figures=figures
    )


def _by_week(days: Sequence[dict[str, Any]]) -> dict[date, list[float]]:
    """The figures of days, by the first day of their week."""
    figures: dict[date, list[float]] = {}
    for row in days:
        figures.setdefault(week_start(row["metric_date"]), []).append(row["figure"])
    return figures


def _retention_and_speed(
    lake: PublishedLake, weeks: Sequence[date], partial: Collection[date]
) -> Figure:
    """Returning users and load times, by week."""
    title = "Retention and load times per week"
    cohorts = {
        row["cohort_week"]: row
        for row in lake.rows(
            "gold.cohort_retention",
            "SELECT cohort_week, cohort_size, active_users, retention_rate FROM t "
            "WHERE week_number = 1 AND is_complete",
        )
    }
    p95_ms = {
        week: fmean(figures)
        for week, figures in _by_week(
            lake.rows(
                "gold.performance_metrics",
                "SELECT metric_date, p95_ms AS figure FROM t WHERE page_id IS NULL "
                "AND app_version IS NULL AND device_type IS NULL AND is_complete",
            )
        ).items()
    }
    caption = (
        "Upper columns: users first active in the week who were active again the week after, drawn "
        "once that week is complete. Lower columns: the 95th percentile of load times, averaged "
        "over the days of the week."
    )
    returned = [cohorts[week]["active_users"] if week in cohorts else 0 for week in weeks]
    svg = stacked_panels(
        title,
        weeks,
        partial,
        [
            Series("Active again the week after", returned, "c1", "user"),
            Series(
                "95th percentile of load times (ms)",
                [p95_ms.get(week, 0) for week in weeks],
                "c2",
                "millisecond",
            ),
        ],
    )
    rows = []
    for week in weeks:
        cohort = cohorts.get(week)
        rows.append(
            (
                numbers.day(week),
                numbers.count(cohort["cohort_size"]) if cohort else "",
                numbers.percent(cohort["retention_rate"]) if cohort else "",
                numbers.count(round(p95_ms[week])) if week in p95_ms else "",
            )
        )
    head = ("Week of", ">First active", ">Active again the week after", ">95th percentile (ms)")
    return Figure(title=title, caption=caption, svg=svg, grid=Grid(head=head, rows=rows))


def headlines(lake: PublishedLake) -> list[str]:
    """A few lines on the newest complete day, week and cohort; none without their marts."""
    lines = (_habit(lake), _return(lake), _sessions(lake), _performance(lake))
    return [line for line in lines if line]


def _habit(lake: PublishedLake) -> str:
    # The day must be over; its month, which the share is of, may go on.
    day = _newest(lake, "gold.rolling_active_users", "activity_date", "is_complete")
    if not day:
        return ""
    rate = lake.one(
        "gold.stickiness", f"SELECT * FROM t WHERE activity_date = DATE '{day['activity_date']}'"
    )
    if not rate:
        return ""
    return (
        f"On {day['activity_date']}, {numbers.count(rate['dau'])} users were active: "
        f"{numbers.percent(rate['stickiness_28d_rate'])} of the {numbers.count(rate['mau_28d'])} "
        f"of the last 28 days (target {numbers.percent(metric.STICKINESS_TARGET_RATE, 0)})."
    )


def _return(lake: PublishedLake) -> str:
    row = _newest(lake, "gold.cohort_retention", "cohort_week", "week_number = 1 AND is_complete")
    if not row:
        return ""
    return (
        f"Of the {numbers.count(row['cohort_size'])} users first active in the week of "
        f"{row['cohort_week']}, {numbers.percent(row['retention_rate'])} were active again the "
        "week after."
    )


def _sessions(lake: PublishedLake) -> str:
    row = lake.one(
        "gold.session_metrics",
        metric.SESSIONS_SQL,
    )
    if not row or not row["n"]:
        return ""
    minutes = (
        "of unknown length"
        if row["ms"] is None
        else f"{numbers.decimal(row['ms'] / 60_000)} minutes on average"
    )
    return (
        f"{numbers.count(row['n'])} sessions from {row['first']} to {row['last']}: {minutes}, "
        f"bounce rate {numbers.percent(row['bounced'] / row['n'])}."
    )


def _performance(lake: PublishedLake) -> str:
    row = _newest(
        lake,
        "gold.performance_metrics",
        "metric_date",
        "page_id IS NULL AND app_version IS NULL AND device_type IS NULL AND is_complete",
    )
    if not row:
        return ""
    found = lake.one(
        "gold.performance_anomalies",
        "SELECT count(DISTINCT metric_date) AS n FROM t WHERE z_score > 0",
    )
    newest = _newest(lake, "gold.performance_anomalies", "metric_date", "z_score > 0")
    latest = (
        f" Most recently on {newest['metric_date']}: {newest['description']}." if newest else ""
    )
    return (
        f"95{numbers.NBSP}% of the actions of {row['metric_date']} took at most "
        f"{numbers.count(row['p95_ms'])} ms. A page, a version, a device or the whole app was "
        f"unusually slow on {numbers.plural(int(found.get('n') or 0), 'day')}.{latest}{_use(lake)}"
    )


def _use(lake: PublishedLake) -> str:
    newest = _newest(lake, "gold.usage_anomalies", "metric_date", "severity <> 'medium'")
    return (
        f" Usage was last unusual on {newest['metric_date']}: {newest['description']}."
        if newest
        else ""
    )


def _newest(lake: PublishedLake, table: str, day: str, condition: str) -> dict[str, Any]:
    return lake.one(table, f"SELECT * FROM t WHERE {condition} ORDER BY {day} DESC LIMIT 1")
