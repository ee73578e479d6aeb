"""The answer in words: does a feature drive conversion?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakehouse.metrics.conversion import (
    ASSOCIATION,
    AVAILABLE,
    HORIZON_DAYS,
    LANDMARK_DAYS,
    NOT_DISTINGUISHABLE,
    SUPPORTED,
    USED,
)
from lakehouse.reporting import numbers

if TYPE_CHECKING:
    from lakehouse.reporting.lake import PublishedLake

LIFT, IMPACT = "gold.feature_conversion_lift", "gold.feature_conversion_impact"
KEY_FEATURE = "real_time_collab"
MOST_NAMES = 6
BIAS = (
    "users who convert early have less time to use a feature, so the cohorts differ even if the "
    "feature has no effect"
)
OPENINGS = {
    SUPPORTED: "The data supports it",
    ASSOCIATION: "They are associated, but the data does not show that the feature is the cause",
    NOT_DISTINGUISHABLE: "Not distinguishable from no effect",
}
GROUPS = {
    SUPPORTED: "Supported",
    ASSOCIATION: "Association only",
    NOT_DISTINGUISHABLE: "Not distinguishable from no effect",
}


def answer(lake: PublishedLake) -> list[str]:
    """A few lines for the terminal and the report: does each feature drive conversion?"""
    lifts = lifts_by_feature(lake)
    if lifts:
        return _from_lift(lifts)
    impact = lake.rows(IMPACT, "SELECT * FROM t")
    if impact:
        return _from_impact(impact)
    return [
        f"No answer yet: {LIFT} has no rows. Run `lakehouse run +{LIFT}`.",
    ]


def lifts_by_feature(lake: PublishedLake) -> list[dict[str, Any]]:
    """Rows of the lift mart: real-time collaboration first, then the strongest."""
    rows = lake.rows(LIFT, "SELECT * FROM t")
    order = list(OPENINGS)
    return sorted(
        rows,
        key=lambda row: (
            row["feature_id"] != KEY_FEATURE,
            order.index(row["verdict"]) if row["verdict"] in order else len(order),
            row["adjusted_lift"] is None,
            -(row["adjusted_lift"] or 0),
            row["feature_id"],
        ),
    )


def name(row: dict[str, Any]) -> str:
    """The display name of a feature, or its key when it has none."""
    return str(row["feature_name"] or row["feature_id"])


def interval(low: float | None, high: float | None, form: Any) -> str:  # noqa: ANN401  # one of numbers
    """Words for a 95 % interval."""
    if low is None or high is None:
        return "too few users for an interval"
    return f"95{numbers.NBSP}% interval {form(low)} to {form(high)}"


def _from_lift(lifts: list[dict[str, Any]]) -> list[str]:
    first, others = lifts[0], lifts[1:]
    opening = OPENINGS.get(first["verdict"], "Unknown")
    groups = [
        f"{words}: {_names([row for row in others if row['verdict'] == verdict])}."
        for verdict, words in GROUPS.items()
        if any(row["verdict"] == verdict for row in others)
    ]
    return [
        f"Does {name(first)} drive conversion? {opening}{_as_of(first)}.",
        *_evidence(first),
        *([f"Other features (adjusted lift in points). {' '.join(groups)}"] if groups else []),
        "Users were not assigned to features at random; only an experiment could prove an effect.",
    ]


def _as_of(row: dict[str, Any]) -> str:
    return f" (as of {row['as_of_date']})" if row.get("as_of_date") else ""


def _evidence(row: dict[str, Any]) -> list[str]:
    if row["adjusted_lift"] is None and row["rate_ratio"] is None:
        return ["No comparison is possible: nearly all users, or none, had used it."]
    parts = []
    if row["adjusted_lift"] is not None:
        landmark = row.get("landmark_days", LANDMARK_DAYS)
        horizon = row.get("horizon_days", HORIZON_DAYS)
        within = interval(row["adjusted_lift_low"], row["adjusted_lift_high"], numbers.points)
        parts.append(
            f"Among equally active users, conversion in the {horizon} days after day {landmark} "
            f"differs by {numbers.points(row['adjusted_lift'])} percentage points between users "
            f"who had used it by then and users who had not ({within})."
        )
    if row["rate_ratio"] is not None:
        within = interval(row["rate_ratio_low"], row["rate_ratio_high"], numbers.ratio)
        parts.append(
            "On any given day, a user who has used it is "
            f"{numbers.ratio(row['rate_ratio'])} times as likely to convert as one who has not yet "
            f"({within})."
        )
    return parts


def _names(rows: list[dict[str, Any]]) -> str:
    shown = [
        name(row)
        + (f" ({numbers.points(row['adjusted_lift'])})" if row["adjusted_lift"] is not None else "")
        for row in rows[:MOST_NAMES]
    ]
    rest = len(rows) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")


def _from_impact(rows: list[dict[str, Any]]) -> list[str]:
    by_feature: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        by_feature.setdefault(row["feature_id"], {})[row["cohort"]] = row
    features = sorted(by_feature, key=lambda feature: (feature != KEY_FEATURE, feature))
    lines = [f"{LIFT} is not published; only the biased cohorts are available:"]
    for feature in features[:3]:
        used, not_used = by_feature[feature].get(USED), by_feature[feature].get(AVAILABLE)
        if used and not_used:
            lines.append(
                f"{name(used)}: {_rate(used)} of those who used it converted, "
                f"{_rate(not_used)} of those who could have used it but did not."
            )
    lines.append(f"This does not show cause and effect: {BIAS}.")
    return lines


def _rate(row: dict[str, Any]) -> str:
    return (
        f"{numbers.percent(row['conversion_rate'])} "
        f"({numbers.count(row['converted_users'])} of {numbers.count(row['total_users'])})"
    )
