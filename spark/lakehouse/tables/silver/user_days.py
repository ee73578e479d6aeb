"""Activity of each user by day. One row per user and UTC day with at least one interaction.

Country, device and plan are those of the user's last interaction of the day (ties by
interaction_id).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import engagement as metric
from lakehouse.spec import (
    DATE,
    LONG,
    STRING,
    TIMESTAMP,
    Column,
    ReplaceSlices,
    SliceOf,
    Table,
    fresh_within,
    in_range,
    not_empty,
    not_null,
    satisfies,
    unique,
)
from lakehouse.tables.silver import interactions
from lakehouse.transforms.numbers import total

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

LAST = ("country", "device_type", "subscription_type")

TABLE = Table(
    name="silver.user_days",
    owner="interactions",
    domain="interactions",
    inputs=(interactions.TABLE,),
    columns=(
        Column("user_id", STRING, "User.", nullable=False),
        Column("activity_date", DATE, "UTC day.", nullable=False),
        Column("n_interactions", LONG, "Distinct interactions.", nullable=False),
        Column("total_duration_ms", LONG, metric.TOTAL_DURATION_MS),
        Column("first_at", TIMESTAMP, "First interaction of the day, UTC.", nullable=False),
        Column("last_at", TIMESTAMP, "Last interaction of the day, UTC.", nullable=False),
        Column("country", STRING, "Country at the day's last interaction.", nullable=False),
        Column("device_type", STRING, "Device at the day's last interaction.", nullable=False),
        Column("subscription_type", STRING, "Plan at the day's last interaction.", nullable=False),
    ),
    write=ReplaceSlices(
        by=("user_id", "activity_date"),
        keys=("user_id", "activity_date"),
        of=(SliceOf(name="activity_date", column="event_date"),),
    ),
    requires=(
        not_empty("silver.interactions"),
        fresh_within("silver.interactions", "event_date", days=2),
    ),
    ensures=(
        not_empty(),
        not_null("user_id", "activity_date"),
        unique("user_id", "activity_date"),
        in_range("n_interactions", minimum=1),
        in_range("total_duration_ms", minimum=0),
        satisfies(
            "lies_within_its_day",
            "first_at <= last_at AND to_date(first_at) = activity_date"
            " AND to_date(last_at) = activity_date",
            "first_at is not after last_at, and both are on activity_date.",
        ),
    ),
    cluster_by=("activity_date",),
    day="activity_date",
)


def transform(interactions: DataFrame, run: Run) -> DataFrame:  # noqa: ARG001  # no clock needed
    """Aggregate the interactions of each user and day."""
    last = F.max_by(
        F.struct(*LAST),
        F.struct("event_at", "interaction_id"),
    )
    return (
        interactions.groupBy("user_id", F.col("event_date").alias("activity_date"))
        .agg(
            F.count(F.lit(1)).alias("n_interactions"),
            total("duration_ms").alias("total_duration_ms"),
            F.min("event_at").alias("first_at"),
            F.max("event_at").alias("last_at"),
            last.alias("last"),
        )
        .select(
            "user_id",
            "activity_date",
            "n_interactions",
            "total_duration_ms",
            "first_at",
            "last_at",
            *(F.col(f"last.{name}").alias(name) for name in LAST),
        )
    )
