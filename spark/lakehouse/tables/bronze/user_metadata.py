"""User metadata as landed. One row per distinct metadata record.

A record without `updated_at` does not say when it became valid. The day in the path of its file
(`user_metadata/2026-01-05.csv`) is then part of the record, so that a state that returns in the
file of another day is a record of its own and not a repeat. A record with `updated_at` is the same
record in every file; its `file_date` is that of the earliest dated file that contains it.
"""

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
    unique,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

SOURCE = Source(
    name="user_metadata",
    doc="Account service: one record per user and state of the user's metadata.",
    fields=(
        Field("user_id", required=True),
        Field("join_date", DATE, required=True),
        Field("country"),
        Field("device_type"),
        Field("subscription_type"),
        Field("updated_at", TIMESTAMP),
    ),
    dated_by="updated_at",
    since=date(1990, 1, 1),
    without="country, device_type and subscription_type of every user are unknown",
)

KNOWN_AT = "coalesce(updated_at, CAST(file_date AS timestamp), ingestion_timestamp)"
KNOWN_ON = f"to_date({KNOWN_AT})"

TABLE = Table(
    name="bronze.user_metadata",
    owner="interactions",
    domain="interactions",
    inputs=(SOURCE,),
    columns=(
        Column("user_id", STRING, "Natural key of the user.", nullable=False),
        Column("join_date", DATE, "Day the user joined.", nullable=False),
        Column("country", STRING, "Country of the user."),
        Column("device_type", STRING, "Device the user works with."),
        Column("subscription_type", STRING, "Plan of the user."),
        Column("updated_at", TIMESTAMP, "When the record became valid, UTC; null when not given."),
        Column("file_date", DATE, "Day in the path of the earliest file that contains it."),
        Column(
            "ingestion_timestamp",
            TIMESTAMP,
            "When the row was first ingested, UTC.",
            compared=False,
        ),
    ),
    happened_on=KNOWN_ON,
    write=Append(earliest="file_date"),
    ensures=(
        not_empty(),
        not_null("user_id", "join_date"),
        unique("_row_id"),
        none_ahead(KNOWN_ON),
        at_most_rejected(0.05, severity="warn"),
        at_most_rejected(0.5),
    ),
    cluster_by=("user_id",),
)


def transform(landed: DataFrame, run: Run) -> DataFrame:
    """Add the day of the file."""
    return landed.withColumns(
        {"file_date": F.col("_delivered_on"), "ingestion_timestamp": F.lit(run.started_at)}
    )
