"""Active users by day, overall and by country, device and plan. One row per day and group.

A user counts in the group of their last interaction of the day. Days without users have no row.
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
    Column,
    Latest,
    ReplaceSlices,
    Serve,
    Table,
    in_range,
    not_empty,
    not_null,
    unique,
)
from lakehouse.tables.silver import user_days
from lakehouse.transforms.dimensions import DIMENSION, by_dimension
from lakehouse.transforms.numbers import total

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

TABLE = Table(
    name="gold.daily_active_users",
    owner="interactions",
    domain="interactions",
    inputs=(user_days.TABLE,),
    columns=(
        Column("activity_date", DATE, "UTC day.", nullable=False),
        Column("dimension_name", STRING, metric.DIMENSION_NAME),
        Column("dimension_value", STRING, metric.DIMENSION_VALUE),
        Column("dau", LONG, metric.DAU, nullable=False),
        Column("n_interactions", LONG, "Interactions of these users on the day.", nullable=False),
        Column("total_duration_ms", LONG, metric.TOTAL_DURATION_MS),
        Column("is_complete", BOOLEAN, metric.IS_COMPLETE, nullable=False),
    ),
    write=ReplaceSlices(by=("activity_date",), keys=("activity_date", *DIMENSION)),
    as_of=Latest(user_days.TABLE, "activity_date"),
    unfinished="NOT is_complete",
    requires=(not_empty("silver.user_days"),),
    ensures=(
        not_empty(),
        not_null("activity_date", "dau"),
        unique("activity_date", *DIMENSION),
        in_range("dau", minimum=1),
    ),
    final="is_complete",
    cluster_by=("activity_date",),
    day="activity_date",
    is_small=True,
    serve=Serve(
        indexes=(
            ("dimension_name", "activity_date"),
            ("dimension_name", "dimension_value", "activity_date"),
        ),
        by_year_of="activity_date",
    ),
)


def transform(user_days: DataFrame, run: Run) -> DataFrame:
    """Count the users of each day."""
    return (
        by_dimension(user_days, metric.DIMENSIONS)
        .groupBy("activity_date", *DIMENSION)
        .agg(
            F.count(F.lit(1)).alias("dau"),  # a user has one row a day
            total("n_interactions").alias("n_interactions"),
            total("total_duration_ms").alias("total_duration_ms"),
        )
        .withColumn("is_complete", F.col("activity_date") < F.lit(run.as_of))
    )
