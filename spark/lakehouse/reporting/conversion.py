"""Do features drive conversion? The estimates and the naive cohorts, in a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakehouse.metrics import conversion as metric
from lakehouse.metrics.conversion import ASSOCIATION, NOT_DISTINGUISHABLE, SUPPORTED
from lakehouse.reporting import numbers, summary
from lakehouse.reporting.charts.bars import Bar, Group, grouped_bars
from lakehouse.reporting.charts.forest import Estimate, Panel, Row, forest
from lakehouse.reporting.page import Cell, Figure, Grid, Section, Tone

if TYPE_CHECKING:
    from datetime import datetime

    from lakehouse.reporting.lake import PublishedLake

COHORTS = {
    metric.USED: ("c1", "Used it before converting"),
    metric.AVAILABLE: ("c2", "Could use it, did not"),
    metric.NOT_AVAILABLE: ("c3", "Not released yet"),
}
VERDICTS: dict[str, tuple[str, Tone]] = {
    SUPPORTED: ("● supported", "good"),
    ASSOCIATION: ("◆ association only", "warn"),
    NOT_DISTINGUISHABLE: ("■ not distinguishable", "soft"),
}
MOST_FEATURES = 24


def conversion_section(lake: PublishedLake, now: datetime) -> Section:  # noqa: ARG001  # one signature for all sections
    """Does a feature drive conversion? The answer, the estimates and the naive cohorts."""
    lifts = summary.lifts_by_feature(lake)
    tone: Tone = VERDICTS.get(lifts[0]["verdict"], ("", ""))[1] if lifts else "soft"
    first, *others = summary.answer(lake)
    return Section(
        anchor="conversion",
        title="Does a feature drive conversion?",
        answers=[Cell(first, tone), *(Cell(line) for line in others)],
        figures=[_lift_figure(lifts), _cohort_figure(lake, has_lift=bool(lifts))],
    )


def _lift_figure(lifts: list[dict[str, Any]]) -> Figure:
    title = "Effect of a feature on conversion, with 95 % intervals"
    caption = (
        "An interval that includes the line of no effect is compatible with no effect. Landmark "
        "lift: conversion of users who had used the feature some days after signup, minus that of "
        "users who had not. Adjusted lift: the same among about equally active users. Rate ratio: "
        "conversions per person-day after the first use ÷ before it."
    )
    if not lifts:
        return Figure(title=title, caption=caption, empty=f"{summary.LIFT} has no rows yet.")
    panels = [
        Panel("Landmark lift", "percentage points", 0, numbers.points_tick),
        Panel("Adjusted lift", "percentage points", 0, numbers.points_tick),
        Panel("Rate ratio", "times, log scale", 1, lambda v: f"{v:g}", log=True),
    ]
    rows = [
        Row(
            summary.name(row),
            [
                _estimate(row, "landmark_lift", numbers.points),
                _estimate(row, "adjusted_lift", numbers.points),
                _estimate(row, "rate_ratio", numbers.ratio),
            ],
            VERDICTS.get(row["verdict"], (row["verdict"], ""))[0],
            row["verdict"],
        )
        for row in lifts[:MOST_FEATURES]
    ]
    return Figure(
        title=title, caption=caption, svg=forest(title, panels, rows), grid=_lift_grid(lifts)
    )


def _estimate(row: dict[str, Any], of: str, form: Any) -> Estimate:  # noqa: ANN401  # one of numbers
    value, low, high = row[of], row[f"{of}_low"], row[f"{of}_high"]
    words = f"{form(value)} ({summary.interval(low, high, form)})"
    return Estimate(value, low, high, words)


def _lift_grid(lifts: list[dict[str, Any]]) -> Grid:
    return Grid(
        head=(
            "Feature",
            ">Users who had used it",
            ">of whom converted",
            ">Users who had not",
            ">of whom converted",
            ">Landmark lift (points)",
            ">Adjusted lift (points)",
            ">Rate ratio",
            "Verdict",
        ),
        rows=[
            (
                summary.name(row),
                numbers.count(row["n_used"]),
                numbers.percent(row["used_rate"]),
                numbers.count(row["n_not_used"]),
                numbers.percent(row["not_used_rate"]),
                _with_interval(row, "landmark_lift", numbers.points),
                _with_interval(row, "adjusted_lift", numbers.points),
                _with_interval(row, "rate_ratio", numbers.ratio),
                Cell(*VERDICTS.get(row["verdict"], (row["verdict"], ""))),
            )
            for row in lifts
        ],
    )


def _with_interval(row: dict[str, Any], of: str, form: Any) -> str:  # noqa: ANN401  # one of numbers
    if row[of] is None:
        return numbers.NOTHING
    if row[f"{of}_low"] is None or row[f"{of}_high"] is None:
        return str(form(row[of]))
    return f"{form(row[of])} ({form(row[f'{of}_low'])} to {form(row[f'{of}_high'])})"


def _cohort_figure(lake: PublishedLake, *, has_lift: bool) -> Figure:
    title = "Conversion rate by feature and cohort (% of the cohort's users)"
    caption = (
        "For each current feature, every known user is in one cohort, depending on what they had "
        "done by their first conversion or, without one, by the as-of date. Cohorts without users "
        "are not drawn. The cohort before the feature's release is in the table only: almost all "
        "of its users are there because they converted early, so its rate is close to 100% "
        "whatever the feature does."
    )
    impact = lake.rows(summary.IMPACT, "SELECT * FROM t")
    if not impact:
        return Figure(title=title, caption=caption, empty=f"{summary.IMPACT} has no rows yet.")
    compared = {each: look for each, look in COHORTS.items() if each != metric.NOT_AVAILABLE}
    by_feature: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(impact, key=_order):
        by_feature.setdefault(row["feature_id"], []).append(row)
    groups = [
        Group(
            summary.name(rows[0]),
            {
                row["cohort"]: Bar(
                    row["conversion_rate"],
                    f"{numbers.percent(row['conversion_rate'])} "
                    f"({numbers.count(row['converted_users'])} of "
                    f"{numbers.count(row['total_users'])})",
                )
                for row in rows
                if row["cohort"] in compared
            },
        )
        for rows in list(by_feature.values())[:MOST_FEATURES]
    ]
    rates = [row["conversion_rate"] for row in impact if row["cohort"] in compared]
    svg = grouped_bars(title, groups, compared, max([*rates, 0.01]))
    return Figure(
        title=title,
        caption=caption,
        svg=svg,
        grid=_cohort_grid(by_feature),
        warning=f"These bars do not show an effect: {summary.BIAS}."
        + (" Use the intervals above instead." if has_lift else ""),
    )


def _order(row: dict[str, Any]) -> tuple[bool, str, int]:
    cohort = list(COHORTS).index(row["cohort"])
    return row["feature_id"] != summary.KEY_FEATURE, row["feature_id"], cohort


def _cohort_grid(by_feature: dict[str, list[dict[str, Any]]]) -> Grid:
    return Grid(
        head=(
            "Feature",
            "Cohort",
            ">Users",
            ">Converted",
            ">Conversion rate",
            ">Mean days to convert",
            ">Mean MRR",
        ),
        rows=[
            (
                summary.name(row),
                COHORTS[row["cohort"]][1],
                numbers.count(row["total_users"]),
                numbers.count(row["converted_users"]),
                numbers.percent(row["conversion_rate"]),
                numbers.decimal(row["avg_days_to_convert"]),
                numbers.money(row["avg_mrr"]),
            )
            for rows in by_feature.values()
            for row in rows
        ],
    )
