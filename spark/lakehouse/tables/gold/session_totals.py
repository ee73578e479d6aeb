"""Sums over the sessions of a day, by country and device. One row per day, country and device.

Every figure is a sum: the rows of any countries, devices and days add up, and their means and
shares follow. `gold.session_metrics` and `gold.bounce_rates` hold those of one group at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import engagement as metric
from lakehouse.metrics.buckets import buckets
from lakehouse.spec import (
    BOOLEAN,
    DATE,
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
from lakehouse.transforms.numbers import total

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

GRAIN = ("metric_date", *metric.SESSION_DIMENSIONS)
OF_ACTIONS = buckets("n_actions", "n_actions", metric.ACTIONS_STEPS)
OF_DURATION = buckets("n_duration", "duration_ms", metric.DURATION_BUCKETS)
WITHOUT_DURATION = "n_duration_unknown"

TABLE = Table(
    name="gold.session_totals",
    owner="interactions",
    domain="interactions",
    inputs=(sessions.TABLE,),
    columns=(
        Column("metric_date", DATE, "UTC day on which the sessions started.", nullable=False),
        Column("country", STRING, "Country at the first action.", nullable=False),
        Column("device_type", STRING, "Device at the first action.", nullable=False),
        Column("n_sessions", LONG, "Sessions.", nullable=False),
        Column("bounced_sessions", LONG, f"Of them: {metric.IS_BOUNCE}", nullable=False),
        Column(
            "total_duration_ms",
            LONG,
            f"Sum over the sessions with a known duration. {metric.SESSION_DURATION_MS}",
        ),
        Column("total_actions", LONG, "Actions of these sessions.", nullable=False),
        *(
            Column(bucket.name, LONG, bucket.sentence("Sessions"), nullable=False)
            for bucket in (*OF_ACTIONS, *OF_DURATION)
        ),
        Column(WITHOUT_DURATION, LONG, metric.N_DURATION_UNKNOWN, nullable=False),
        Column("is_complete", BOOLEAN, metric.IS_COMPLETE, nullable=False),
    ),
    write=ReplaceSlices(
        by=("metric_date",),
        keys=GRAIN,
        of=(SliceOf(name="metric_date", column="session_date"),),
    ),
    as_of=Latest(sessions.TABLE, "session_date"),
    unfinished="NOT is_complete",
    requires=(not_empty("silver.sessions"),),
    ensures=(
        not_empty(),
        not_null("metric_date", "country", "device_type"),
        unique(*GRAIN),
        in_range("n_sessions", minimum=1),
        *(
            satisfies(
                f"{kind}_buckets_hold_every_session",
                f"{' + '.join(names)} = n_sessions",
                f"{names[0]} to {names[-1]}: every session is in one of them.",
            )
            for kind, names in (
                ("actions", [bucket.name for bucket in OF_ACTIONS]),
                ("duration", [*(bucket.name for bucket in OF_DURATION), WITHOUT_DURATION]),
            )
        ),
    ),
    final="is_complete",
    cluster_by=("metric_date",),
    day="metric_date",
    is_small=True,
    serve=Serve(
        indexes=(("country", "metric_date"), ("device_type", "metric_date")),
        by_year_of="metric_date",
    ),
)


def transform(sessions: DataFrame, run: Run) -> DataFrame:
    """Add up the sessions of each day, country and device."""
    return (
        sessions.groupBy(F.col("session_date").alias("metric_date"), *metric.SESSION_DIMENSIONS)
        .agg(
            F.count(F.lit(1)).alias("n_sessions"),
            F.count_if("is_bounce").alias("bounced_sessions"),
            total("duration_ms").alias("total_duration_ms"),
            total("n_actions").alias("total_actions"),
            *counts((*OF_ACTIONS, *OF_DURATION)),
            F.count_if(F.col("duration_ms").isNull()).alias(WITHOUT_DURATION),
        )
        .withColumn("is_complete", F.col("metric_date") < F.lit(run.as_of))
    )
