"""User actions in the app as landed. One row per distinct interaction record.

`interaction_id` is optional for the source as a whole. A record whose file has the field but which
leaves it empty goes to quarantine.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.spec import (
    DATE,
    LONG,
    STRING,
    TIMESTAMP,
    Append,
    Column,
    Field,
    RowRule,
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

LONGEST_ACTION_MS = 366 * 24 * 60 * 60 * 1000

SOURCE = Source(
    name="user_interactions",
    doc="App telemetry: one record per action of a user.",
    fields=(
        Field("interaction_id", optional=True),
        Field("user_id", required=True),
        Field("timestamp", TIMESTAMP, required=True),
        Field("action_type"),
        Field("page_id"),
        Field("duration_ms", LONG, rounded=True),
        Field("app_version"),
    ),
    rules=(
        RowRule("negative_duration", "duration_ms >= 0", "A duration is never negative."),
        RowRule(
            "implausible_duration",
            f"duration_ms <= {LONGEST_ACTION_MS}",
            "An action takes at most a year, so that sums of durations fit their columns.",
        ),
    ),
    since=date(2000, 1, 1),
)

TABLE = Table(
    name="bronze.user_interactions",
    owner="interactions",
    domain="interactions",
    inputs=(SOURCE,),
    columns=(
        Column("interaction_id", STRING, "Id of the interaction; null if it has none."),
        Column("user_id", STRING, "User who acted.", nullable=False),
        Column("timestamp", TIMESTAMP, "When it happened, UTC.", nullable=False),
        Column("event_date", DATE, "UTC day of timestamp.", nullable=False),
        Column("action_type", STRING, "Kind of action: VIEW, EDIT, SHARE, page_view, ..."),
        Column("page_id", STRING, "Page it happened on."),
        Column("duration_ms", LONG, "How long it took, in milliseconds."),
        Column("app_version", STRING, "Version of the app in use."),
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
        not_null("user_id", "timestamp"),
        unique("_row_id"),
        unique("interaction_id", where="interaction_id IS NOT NULL", severity="warn"),
        satisfies(
            "event_date_is_the_day_of_the_interaction",
            "event_date = to_date(timestamp)",
            "event_date: UTC day of timestamp.",
        ),
        satisfies(
            "duration_not_negative",
            "duration_ms IS NULL OR duration_ms >= 0",
            "duration_ms: never negative.",
        ),
        none_ahead("event_date"),
        at_most_rejected(0.05, severity="warn"),
        at_most_rejected(0.5),
    ),
    cluster_by=("event_date",),
    day="event_date",
)


def transform(landed: DataFrame, run: Run) -> DataFrame:
    """Add the interaction's UTC day."""
    return landed.withColumns(
        {"event_date": F.to_date("timestamp"), "ingestion_timestamp": F.lit(run.started_at)}
    )
