"""Parts of sessions within a day. One row per user, UTC day and run of actions without a long gap.

A fragment may be a whole session or continue in a fragment of the next day; `silver.sessions` joins
them. Actions are ordered by event_at, ties by interaction_id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.metrics import engagement as metric
from lakehouse.spec import (
    DATE,
    LONG,
    STRING,
    TIMESTAMP,
    Column,
    ReplaceSlices,
    Table,
    in_range,
    not_empty,
    not_null,
    satisfies,
    unique,
)
from lakehouse.tables.silver import interactions
from lakehouse.transforms.sessions import numbered

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

TABLE = Table(
    name="silver.session_fragments",
    owner="interactions",
    domain="interactions",
    inputs=(interactions.TABLE,),
    columns=(
        Column("user_id", STRING, "User.", nullable=False),
        Column("event_date", DATE, "UTC day.", nullable=False),
        Column("fragment_number", LONG, "1, 2, ... within the day.", nullable=False),
        Column("first_at", TIMESTAMP, "First action, UTC.", nullable=False),
        Column("last_at", TIMESTAMP, "Last action, UTC.", nullable=False),
        Column("n_actions", LONG, "Actions.", nullable=False),
        Column("last_duration_ms", LONG, "Duration of the last action; null when not given."),
        Column("first_interaction_id", STRING, "Its first action.", nullable=False),
        Column("country", STRING, "Country at the first action.", nullable=False),
        Column("device_type", STRING, "Device at the first action.", nullable=False),
        Column("entry_page", STRING, "Page of the first action."),
        Column("exit_page", STRING, "Page of the last action."),
    ),
    write=ReplaceSlices(
        by=("user_id", "event_date"), keys=("user_id", "event_date", "fragment_number")
    ),
    requires=(not_empty("silver.interactions"),),
    ensures=(
        not_empty(),
        not_null("user_id", "event_date", "first_interaction_id"),
        unique("user_id", "event_date", "fragment_number"),
        in_range("n_actions", minimum=1),
        satisfies(
            "lies_within_its_day",
            "first_at <= last_at AND to_date(first_at) = event_date"
            " AND to_date(last_at) = event_date",
            "first_at is not after last_at, and both are on event_date.",
        ),
    ),
    cluster_by=("event_date",),
    day="event_date",
)


def transform(interactions: DataFrame, run: Run) -> DataFrame:  # noqa: ARG001  # no clock needed
    """Cut each user's days at long gaps."""
    in_time = Window.partitionBy("user_id", "event_date").orderBy("event_at", "interaction_id")
    place = F.struct("event_at", "interaction_id")
    first = F.min_by(F.struct("interaction_id", "country", "device_type", "page_id"), place)
    last = F.max_by(F.struct("page_id", "duration_ms"), place)
    return (
        numbered(
            interactions,
            "fragment_number",
            in_time,
            ("event_at", "event_at"),
            gap_s=metric.SESSION_GAP_S,
        )
        .groupBy("user_id", "event_date", "fragment_number")
        .agg(
            F.min("event_at").alias("first_at"),
            F.max("event_at").alias("last_at"),
            F.count(F.lit(1)).alias("n_actions"),
            first.alias("first"),
            last.alias("last"),
        )
        .select(
            "user_id",
            "event_date",
            "fragment_number",
            "first_at",
            "last_at",
            "n_actions",
            F.col("last.duration_ms").alias("last_duration_ms"),
            F.col("first.interaction_id").alias("first_interaction_id"),
            F.col("first.country").alias("country"),
            F.col("first.device_type").alias("device_type"),
            F.col("first.page_id").alias("entry_page"),
            F.col("last.page_id").alias("exit_page"),
        )
    )
