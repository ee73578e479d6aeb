"""What is measured: workloads, and the tables that each must make."""

from __future__ import annotations

from dataclasses import dataclass


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
        "repeats out, profiles joined",
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
