"""User interactions with the profile valid at that time. One row per distinct interaction.

An interaction is identified by its user, timestamp and interaction_id, because devices that number
their interactions 1, 2, 3 send the same ids. An interaction without an id is identified by a hash
of its content, so that an exact repeat is recognised. Of several records of one interaction, that
with the lowest row id counts. Country, device and plan are those of the profile valid at event_at;
`unknown` if there was none or it does not give them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import engagement as metric
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    LONG,
    STRING,
    TIMESTAMP,
    Column,
    Dedupe,
    ReplaceSlices,
    Table,
    ValidAt,
    fresh_within,
    in_range,
    not_empty,
    not_null,
    satisfies,
    unique,
)
from lakehouse.tables.bronze import user_interactions
from lakehouse.tables.silver import user_profiles
from lakehouse.transforms.history import with_state_at

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

INTERACTION_ID = "coalesce(interaction_id, _row_id)"
ATTRIBUTES = ("country", "device_type", "subscription_type")

TABLE = Table(
    name="silver.interactions",
    owner="interactions",
    domain="interactions",
    inputs=(user_interactions.TABLE, user_profiles.TABLE),
    columns=(
        Column("interaction_id", STRING, "From the source, or a hash of content.", nullable=False),
        Column("user_id", STRING, "User who acted.", nullable=False),
        Column("event_at", TIMESTAMP, "When it happened, UTC.", nullable=False),
        Column("event_date", DATE, "UTC day of event_at.", nullable=False),
        Column("action_type", STRING, "Kind of action: VIEW, EDIT, SHARE, page_view, ..."),
        Column("page_id", STRING, "Page it happened on."),
        Column("duration_ms", LONG, "How long it took, in milliseconds; null when not given."),
        Column("app_version", STRING, "Version of the app in use."),
        Column("country", STRING, "Country at event_at, or unknown.", nullable=False),
        Column("device_type", STRING, "Device at event_at, or unknown.", nullable=False),
        Column("subscription_type", STRING, "Plan at event_at, or unknown.", nullable=False),
        Column("has_profile", BOOLEAN, "A profile was valid at event_at.", nullable=False),
        Column("is_duration_outlier", BOOLEAN, metric.IS_DURATION_OUTLIER, nullable=False),
    ),
    # A day of a user: a late event or a changed profile costs the days it is about, whatever the
    # length of history.
    write=ReplaceSlices(
        by=("user_id", "event_date"),
        keys=("user_id", "event_date", "interaction_id", "event_at"),
    ),
    dedupe=Dedupe(
        keys=("user_id", "event_date", "timestamp", INTERACTION_ID), order_by=("_row_id asc",)
    ),
    valid_at=(ValidAt(table=user_profiles.TABLE, on=("user_id",), at="timestamp"),),
    requires=(
        not_empty("bronze.user_interactions"),
        fresh_within("bronze.user_interactions", "event_date", days=2),
    ),
    ensures=(
        not_empty(),
        not_null("interaction_id", "user_id", "event_at", "event_date"),
        unique("user_id", "event_at", "interaction_id"),
        satisfies(
            "event_date_is_the_day_of_the_interaction",
            "event_date = to_date(event_at)",
            "event_date: UTC day of event_at.",
        ),
        in_range("duration_ms", minimum=0),
        satisfies(
            "has_a_profile",
            "has_profile",
            "has_profile: the user's profile at that time is known.",
            severity="warn",
            given="silver.user_profiles",
        ),
    ),
    cluster_by=("event_date",),
    day="event_date",
)


def transform(user_interactions: DataFrame, user_profiles: DataFrame, run: Run) -> DataFrame:  # noqa: ARG001  # no clock needed
    """Interactions with the profile valid at their moment."""
    known = with_state_at(
        user_interactions, user_profiles, key="user_id", at="timestamp", state=ATTRIBUTES
    )
    is_outlier = F.col("duration_ms") > metric.DURATION_OUTLIER_MS
    return known.select(
        F.expr(INTERACTION_ID).alias("interaction_id"),
        "user_id",
        F.col("timestamp").alias("event_at"),
        "event_date",
        "action_type",
        "page_id",
        "duration_ms",
        "app_version",
        *(F.coalesce(f"_state.{name}", F.lit(metric.UNKNOWN)).alias(name) for name in ATTRIBUTES),
        F.col("_state").isNotNull().alias("has_profile"),
        F.coalesce(is_outlier, F.lit(False)).alias("is_duration_outlier"),
    )
