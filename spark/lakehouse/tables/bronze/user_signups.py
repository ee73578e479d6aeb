"""Signups as landed. One row per distinct signup record."""

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
    name="user_signups",
    doc="Account service: one record per signup.",
    fields=(
        Field("user_id", required=True),
        Field("email"),
        Field("signup_date", DATE, required=True),
        Field("company_size"),
        Field("industry"),
    ),
    since=date(1990, 1, 1),
)

TABLE = Table(
    name="bronze.user_signups",
    owner="growth",
    domain="growth",
    inputs=(SOURCE,),
    columns=(
        Column("user_id", STRING, "Natural key of the user.", nullable=False),
        Column("email", STRING, "E-mail address at signup.", pii=True),
        Column("signup_date", DATE, "Day of the signup.", nullable=False),
        Column("company_size", STRING, "Size band of the user's company."),
        Column("industry", STRING, "Industry of the user's company."),
        Column(
            "ingestion_timestamp",
            TIMESTAMP,
            "When the row was first ingested, UTC.",
            compared=False,
        ),
    ),
    happened_on="signup_date",
    write=Append(),
    ensures=(
        not_empty(),
        not_null("user_id", "signup_date"),
        unique("_row_id"),
        none_ahead("signup_date"),
        at_most_rejected(0.05, severity="warn"),
        at_most_rejected(0.5),
        satisfies(
            "email_has_an_at",
            "email IS NULL OR email LIKE '%_@_%'",
            "email: looks like an address.",
            severity="warn",
        ),
    ),
    cluster_by=("signup_date",),
    day="signup_date",
)


def transform(landed: DataFrame, run: Run) -> DataFrame:
    """Name the columns; nothing is derived."""
    return landed.withColumn("ingestion_timestamp", F.lit(run.started_at))
