"""Feature usage events as landed. One row per distinct event record."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.spec import (
    DATE,
    STRING,
    TIMESTAMP,
    Append,
    Column,
    Field,
    Source,
    Table,
    at_most_rejected,
    none_ahead,
    not_empty,
    not_null,
    satisfies,
    unique,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

SOURCE = Source(
    name="feature_usage_events",
    doc="Product telemetry: one record per use of a feature.",
    fields=(
        Field("event_id", required=True),
        Field("user_id", required=True),
        Field("feature_id", required=True),
        Field("feature_name"),
        Field("event_type"),
        Field("event_timestamp", TIMESTAMP, required=True),
    ),
    since=date(2000, 1, 1),
)

TABLE = Table(
    name="bronze.feature_usage_events",
    owner="growth",
    domain="growth",
    inputs=(SOURCE,),
    columns=(
        Column("event_id", STRING, "Id of the event.", nullable=False),
        Column("user_id", STRING, "User who used the feature.", nullable=False),
        Column("feature_id", STRING, "Feature that was used.", nullable=False),
        Column("feature_name", STRING, "Display name according to the client."),
        Column("event_type", STRING, "Kind of use: view, use, share, ..."),
        Column("event_timestamp", TIMESTAMP, "When it happened, UTC.", nullable=False),
        Column("event_date", DATE, "UTC day of event_timestamp.", nullable=False),
        Column(
            "ingestion_timestamp",
            TIMESTAMP,
            "When the row was first ingested, UTC.",
            compared=False,
        ),
    ),
    happened_on="event_date",
    write=Append(),
    ensures=(
        not_empty(),
        not_null("event_id", "user_id", "feature_id", "event_timestamp"),
        unique("_row_id"),
        unique("event_id", severity="warn"),
        satisfies(
            "event_date_is_the_day_of_the_event",
            "event_date = to_date(event_timestamp)",
            "event_date: UTC day of event_timestamp.",
        ),
        none_ahead("event_date"),
        at_most_rejected(0.05, severity="warn"),
        at_most_rejected(0.5),
    ),
    cluster_by=("event_date",),
    day="event_date",
)


def transform(landed: DataFrame, run: Run) -> DataFrame:
    """Add the event's UTC day."""
    return landed.withColumns(
        {
            "event_date": F.to_date("event_timestamp"),
            "ingestion_timestamp": F.lit(run.started_at),
        }
    )
