"""Who used which feature, since when and how much. One row per user and feature.

Counts distinct event ids of every event type up to the as-of date, by default the newest event
date. `lakehouse run --as-of` makes a point-in-time snapshot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.spec import (
    DATE,
    DOUBLE,
    LONG,
    STRING,
    Column,
    Dedupe,
    Latest,
    Table,
    Upsert,
    fresh_within,
    in_range,
    not_empty,
    not_null,
    satisfies,
    unique,
)
from lakehouse.tables.bronze import feature_usage_events

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

TABLE = Table(
    name="silver.feature_usage_facts",
    owner="growth",
    domain="growth",
    inputs=(feature_usage_events.TABLE,),
    columns=(
        Column("user_id", STRING, "User.", nullable=False),
        Column("feature_id", STRING, "Feature.", nullable=False),
        Column("first_used_date", DATE, "UTC day of the first use.", nullable=False),
        Column("last_used_date", DATE, "UTC day of the last use.", nullable=False),
        Column("total_usage_count", LONG, "Distinct events.", nullable=False),
        Column(
            "avg_daily_usage",
            DOUBLE,
            "total_usage_count ÷ days from first to last use, both included.",
            nullable=False,
        ),
        Column("as_of_date", DATE, "As-of date: later events do not count.", nullable=False),
    ),
    write=Upsert(keys=("user_id", "feature_id")),
    dedupe=Dedupe(
        keys=("user_id", "feature_id", "event_id"), order_by=("event_timestamp asc", "_row_id asc")
    ),
    as_of=Latest(feature_usage_events.TABLE, "event_date"),
    requires=(
        not_empty("bronze.feature_usage_events"),
        fresh_within("bronze.feature_usage_events", "event_date", days=2),
    ),
    ensures=(
        not_empty(severity="warn"),
        not_null("user_id", "feature_id", "first_used_date", "last_used_date", "as_of_date"),
        unique("user_id", "feature_id"),
        in_range("total_usage_count", minimum=1),
        satisfies(
            "used_in_order",
            "first_used_date <= last_used_date AND last_used_date <= as_of_date",
            "first use, last use and as-of date are in chronological order.",
        ),
    ),
    cluster_by=("user_id",),
)


def transform(feature_usage_events: DataFrame, run: Run) -> DataFrame:
    """Aggregate the events of each user and feature."""
    days_used = F.datediff("last_used_date", "first_used_date") + 1
    return (
        feature_usage_events.groupBy("user_id", "feature_id")
        .agg(
            F.min("event_date").alias("first_used_date"),
            F.max("event_date").alias("last_used_date"),
            F.count(F.lit(1)).alias("total_usage_count"),
        )
        .select(
            "user_id",
            "feature_id",
            "first_used_date",
            "last_used_date",
            "total_usage_count",
            (F.col("total_usage_count") / days_used).alias("avg_daily_usage"),
            F.lit(run.as_of).alias("as_of_date"),
        )
    )
