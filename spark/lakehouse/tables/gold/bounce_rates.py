"""Bounce rate by day, overall and by device and country. One row per day and group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import engagement as metric
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    DOUBLE,
    LONG,
    STRING,
    Column,
    Latest,
    ReplaceSlices,
    Serve,
    SliceOf,
    Table,
    in_range,
    not_empty,
    not_null,
    unique,
)
from lakehouse.tables.silver import sessions
from lakehouse.transforms.dimensions import DIMENSION, by_dimension

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

TABLE = Table(
    name="gold.bounce_rates",
    owner="interactions",
    domain="interactions",
    inputs=(sessions.TABLE,),
    columns=(
        Column("metric_date", DATE, "UTC day on which the sessions started.", nullable=False),
        Column("dimension_name", STRING, metric.DIMENSION_NAME),
        Column("dimension_value", STRING, metric.DIMENSION_VALUE),
        Column("total_sessions", LONG, "Sessions.", nullable=False),
        Column("bounced_sessions", LONG, "Sessions with exactly one action.", nullable=False),
        Column("bounce_rate", DOUBLE, metric.BOUNCE_RATE, nullable=False),
        Column("is_complete", BOOLEAN, metric.IS_COMPLETE, nullable=False),
    ),
    write=ReplaceSlices(
        by=("metric_date",),
        keys=("metric_date", *DIMENSION),
        of=(SliceOf(name="metric_date", column="session_date"),),
    ),
    as_of=Latest(sessions.TABLE, "session_date"),
    unfinished="NOT is_complete",
    requires=(not_empty("silver.sessions"),),
    ensures=(
        not_empty(),
        unique("metric_date", *DIMENSION),
        not_null("metric_date", "bounce_rate"),
        in_range("total_sessions", minimum=1),
        in_range("bounce_rate", minimum=0, maximum=1),
    ),
    final="is_complete",
    cluster_by=("metric_date",),
    day="metric_date",
    is_small=True,
    serve=Serve(
        indexes=(
            ("dimension_name", "metric_date"),
            ("dimension_name", "dimension_value", "metric_date"),
        ),
        by_year_of="metric_date",
    ),
)


def transform(sessions: DataFrame, run: Run) -> DataFrame:
    """Count the sessions and those of one action."""
    return (
        by_dimension(sessions, metric.SESSION_DIMENSIONS)
        .groupBy(F.col("session_date").alias("metric_date"), *DIMENSION)
        .agg(
            F.count(F.lit(1)).alias("total_sessions"),
            F.count_if("is_bounce").alias("bounced_sessions"),
        )
        .withColumns(
            {
                "bounce_rate": F.col("bounced_sessions") / F.col("total_sessions"),
                "is_complete": F.col("metric_date") < F.lit(run.as_of),
            }
        )
    )
