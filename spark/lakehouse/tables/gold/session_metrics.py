"""Session length by day, overall and by device and country. One row per day and group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import engagement as metric
from lakehouse.metrics.buckets import buckets
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
    satisfies,
    unique,
)
from lakehouse.tables.silver import sessions
from lakehouse.transforms.buckets import counts
from lakehouse.transforms.dimensions import DIMENSION, by_dimension

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Check, Run

BUCKETS = {
    "actions": buckets("n_actions", "n_actions", metric.ACTIONS_BUCKETS),
    "duration": buckets("n_duration", "duration_ms", metric.DURATION_BUCKETS),
}
"""Kind → columns that count the sessions of a range."""
EVERY_BUCKET = tuple(bucket for of_kind in BUCKETS.values() for bucket in of_kind)
WITHOUT_DURATION = "n_duration_unknown"


def _every_session_is_in_a_bucket(kind: str) -> Check:
    names = [bucket.name for bucket in BUCKETS[kind]]
    if kind == "duration":
        names.append(WITHOUT_DURATION)
    return satisfies(
        f"{kind}_buckets_hold_every_session",
        f"{' + '.join(names)} = n_sessions",
        f"{', '.join(names)}: every session is in one of them.",
    )


TABLE = Table(
    name="gold.session_metrics",
    owner="interactions",
    domain="interactions",
    inputs=(sessions.TABLE,),
    columns=(
        Column("metric_date", DATE, "UTC day on which the sessions started.", nullable=False),
        Column("dimension_name", STRING, metric.DIMENSION_NAME),
        Column("dimension_value", STRING, metric.DIMENSION_VALUE),
        Column("n_sessions", LONG, "Sessions.", nullable=False),
        Column("avg_duration_ms", DOUBLE, metric.AVG_SESSION_DURATION_MS),
        Column("avg_actions", DOUBLE, "Mean number of actions.", nullable=False),
        *(
            Column(bucket.name, LONG, bucket.sentence("Sessions"), nullable=False)
            for bucket in EVERY_BUCKET
        ),
        Column(WITHOUT_DURATION, LONG, metric.N_DURATION_UNKNOWN, nullable=False),
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
        not_null("metric_date", "avg_actions"),
        in_range("n_sessions", minimum=1),
        _every_session_is_in_a_bucket("actions"),
        _every_session_is_in_a_bucket("duration"),
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
    """Average the sessions of each day, and sort them by length."""
    n_sessions = F.count(F.lit(1))
    return (
        by_dimension(sessions, metric.SESSION_DIMENSIONS)
        .groupBy(F.col("session_date").alias("metric_date"), *DIMENSION)
        .agg(
            n_sessions.alias("n_sessions"),
            # Sums of whole numbers are exact, whatever the order of the rows.
            F.try_divide(F.sum("duration_ms"), F.count("duration_ms")).alias("avg_duration_ms"),
            (F.sum("n_actions") / n_sessions).alias("avg_actions"),
            *counts(EVERY_BUCKET),
            F.count_if(F.col("duration_ms").isNull()).alias(WITHOUT_DURATION),
        )
        .withColumn("is_complete", F.col("metric_date") < F.lit(run.as_of))
    )
