"""Conversions to a paid plan as landed. One row per distinct conversion record."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.spec import (
    BOOLEAN,
    DATE,
    INT,
    STRING,
    TIMESTAMP,
    Append,
    Column,
    Field,
    RowRule,
    Source,
    Table,
    at_most_rejected,
    decimal,
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
    name="conversions",
    doc="Billing: one record per conversion of a user to a paid plan.",
    fields=(
        Field("user_id", required=True),
        Field("conversion_date", DATE, required=True),
        Field("plan", required=True),
        Field("mrr", decimal(18, 2)),
        Field("signup_date", DATE),
        Field("days_to_convert", INT),
        Field("used_real_time_collab", BOOLEAN),
    ),
    rules=(
        RowRule("negative_mrr", "mrr >= 0", "Monthly recurring revenue is never negative."),
        RowRule(
            "conversion_before_signup",
            "conversion_date >= signup_date AND coalesce(days_to_convert, 0) >= 0",
            "A user cannot convert before signing up.",
        ),
        RowRule(
            "implausible_days_to_convert",
            "days_to_convert <= 36525",
            "A conversion takes at most a century.",
        ),
    ),
    since=date(1990, 1, 1),
    without="every user is on plan free and counts as not converted",
)

TABLE = Table(
    name="bronze.conversions",
    owner="growth",
    domain="growth",
    inputs=(SOURCE,),
    columns=(
        Column("user_id", STRING, "User who converted.", nullable=False),
        Column("conversion_date", DATE, "Day of the conversion.", nullable=False),
        Column("plan", STRING, "Plan the user moved to.", nullable=False),
        Column("mrr", decimal(18, 2), "Monthly recurring revenue, in the billing currency."),
        Column("signup_date", DATE, "Day of the signup, as billing knows it."),
        Column("days_to_convert", INT, "Days from signup to conversion, as billing knows it."),
        Column(
            "used_real_time_collab", BOOLEAN, "Whether the user had used real-time collaboration."
        ),
        Column(
            "ingestion_timestamp",
            TIMESTAMP,
            "When the row was first ingested, UTC.",
            compared=False,
        ),
    ),
    happened_on="conversion_date",
    write=Append(),
    ensures=(
        not_empty(severity="warn"),
        not_null("user_id", "conversion_date", "plan"),
        unique("_row_id"),
        satisfies("mrr_not_negative", "mrr IS NULL OR mrr >= 0", "mrr: never negative."),
        none_ahead("conversion_date"),
        at_most_rejected(0.05, severity="warn"),
        at_most_rejected(0.5),
    ),
)


def transform(landed: DataFrame, run: Run) -> DataFrame:
    """Name the columns; nothing is derived."""
    return landed.withColumn("ingestion_timestamp", F.lit(run.started_at))
