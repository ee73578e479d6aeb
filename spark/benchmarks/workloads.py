"""What is measured: workloads, and the tables that each must make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


@dataclass(frozen=True)
class Workload:
    """A piece of work that every peer does.

    Attributes:
        key: Its name in the tables of results.
        name: Its name on the command line of a peer.
        title: What it is, in words.
        tables: What our engine runs for it.
    """

    key: str
    name: str
    title: str
    tables: tuple[str, ...]


WORKLOADS = (
    Workload(
        "W1",
        "ingest",
        "landing files to bronze",
        ("bronze.user_interactions", "bronze.user_metadata"),
    ),
    Workload(
        "W2",
        "enrich",
        "deduplicate, join profiles",
        ("silver.user_profiles", "silver.interactions"),
    ),
    Workload(
        "W3",
        "engagement",
        "engagement marts",
        (
            "silver.user_days",
            "silver.user_activity",
            "gold.daily_active_users",
            "gold.weekly_active_users",
            "gold.monthly_active_users",
            "gold.rolling_active_users",
            "gold.stickiness",
            "gold.cohort_retention",
            "gold.power_users",
            "gold.engagement_distribution",
            "gold.engagement_summary",
        ),
    ),
    Workload(
        "W4",
        "performance",
        "performance marts",
        ("gold.performance_metrics", "gold.performance_by_hour", "gold.device_performance"),
    ),
    Workload(
        "W5",
        "sessions",
        "sessions and bounce",
        (
            "silver.session_fragments",
            "silver.sessions",
            "gold.session_metrics",
            "gold.bounce_rates",
        ),
    ),
)
EVERYTHING = tuple(table for each in WORKLOADS for table in each.tables)

TITLES = {each.key: each.title for each in WORKLOADS} | {
    "W6": "full load, end to end",
    "W7": "the next day's file",
    "W8": "history of profiles (SCD2)",
    "W9": "a file of a past day",
}
"""What can be named, in words."""
ABOUT_ALL = ("W6", "W7", "W9")
MARTS = ("W3", "W4", "W5")


def needed(named: Collection[str]) -> tuple[Workload, ...]:
    """What has to run for the named ones: all up to the last of them, as each reads the earlier."""
    last = max((n for n, each in enumerate(WORKLOADS) if each.key in named), default=-1)
    return WORKLOADS if set(named) & set(ABOUT_ALL) else WORKLOADS[: last + 1]
