"""Releases of product features as landed. One row per distinct release record."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.spec import (
    BOOLEAN,
    DATE,
    STRING,
    TIMESTAMP,
    Append,
    Column,
    Field,
    Source,
    Table,
    at_most_rejected,
    not_empty,
    not_null,
    unique,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

SOURCE = Source(
    name="feature_releases",
    doc="Release notes export of the product team: one record per release of a feature.",
    fields=(
        Field("feature_id", required=True),
        Field("feature_name"),
        Field("release_date", DATE, required=True),
        Field("version"),
        Field("is_enabled", BOOLEAN, default="true"),
        Field("is_deleted", BOOLEAN, default="false"),
    ),
    since=date(1990, 1, 1),
)

TABLE = Table(
    name="bronze.feature_releases",
    owner="growth",
    domain="growth",
    inputs=(SOURCE,),
    columns=(
        Column("feature_id", STRING, "Natural key of the feature.", nullable=False),
        Column("feature_name", STRING, "Display name at the time of the release."),
        Column("release_date", DATE, "Day the release takes effect.", nullable=False),
        Column("version", STRING, "Dotted version number."),
        Column("is_enabled", BOOLEAN, "False when the release disables the feature."),
        Column("is_deleted", BOOLEAN, "True when the release removes the feature."),
        Column(
            "ingestion_timestamp",
            TIMESTAMP,
            "When the row was first ingested, UTC.",
            compared=False,
        ),
    ),
    happened_on="release_date",
    tells_plans=True,  # a release is known before its day
    write=Append(),
    ensures=(
        not_empty(),
        not_null("feature_id", "release_date"),
        unique("_row_id"),
        at_most_rejected(0.05, severity="warn"),
        at_most_rejected(0.5),
    ),
    current_within=None,  # nobody releases every day
)


def transform(landed: DataFrame, run: Run) -> DataFrame:
    """Name the columns; nothing is derived."""
    return landed.withColumn("ingestion_timestamp", F.lit(run.started_at))
