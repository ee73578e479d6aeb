"""How long actions take. One row per day and combination of page, version and device.

Null stands for all pages, versions or devices. Percentiles are exact.
"""

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
    LeftOut,
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
from lakehouse.tables.silver import interactions
from lakehouse.transforms.quantiles import quantiles_of_mixes

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

PARTS = ("page_id", "app_version", "device_type")
RANKS = (50, 95, 99)

TABLE = Table(
    name="gold.performance_metrics",
    owner="interactions",
    domain="interactions",
    inputs=(interactions.TABLE,),
    columns=(
        Column("metric_date", DATE, "UTC day.", nullable=False),
        Column("page_id", STRING, "Page, or unknown; null = all."),
        Column("app_version", STRING, "App version, or unknown; null = all."),
        Column("device_type", STRING, "Device, or unknown; null = all."),
        Column("n", LONG, metric.N_MEASURED, nullable=False),
        *(Column(f"p{rank}_ms", DOUBLE, metric.percentile(rank), nullable=False) for rank in RANKS),
        Column("p99_p50_gap_ms", DOUBLE, metric.GAP_MS, nullable=False),
        Column("is_complete", BOOLEAN, metric.IS_COMPLETE, nullable=False),
    ),
    write=ReplaceSlices(
        by=("metric_date",),
        keys=("metric_date", *PARTS),
        of=(SliceOf(name="metric_date", column="event_date"),),
    ),
    as_of=Latest(interactions.TABLE, "event_date"),
    unfinished="NOT is_complete",
    left_out=LeftOut(where=metric.IS_NOT_MEASURED, reason=metric.NOT_MEASURED),
    requires=(not_empty("silver.interactions"),),
    ensures=(
        not_empty(severity="warn", unless=metric.NO_DURATIONS),
        not_null("metric_date", "p50_ms", "p95_ms", "p99_ms"),
        unique("metric_date", *PARTS),
        in_range("n", minimum=1),
        satisfies(
            "percentiles_ascend",
            "p50_ms <= p95_ms AND p95_ms <= p99_ms",
            "p50_ms, p95_ms and p99_ms are in ascending order.",
        ),
    ),
    final="is_complete",
    cluster_by=("metric_date",),
    day="metric_date",
    is_small=True,
    serve=Serve(
        indexes=(
            ("app_version", "metric_date"),
            ("device_type", "metric_date"),
            ("page_id", "metric_date"),
        ),
        by_year_of="metric_date",
    ),
)


def transform(interactions: DataFrame, run: Run) -> DataFrame:
    """Percentiles of every mix."""
    known = interactions.select(
        F.col("event_date").alias("metric_date"),
        *(F.coalesce(name, F.lit(metric.UNKNOWN)).alias(name) for name in PARTS),
        "duration_ms",
    )
    shares = [rank / 100 for rank in RANKS]
    ranked = F.col("quantiles")
    return quantiles_of_mixes(known, ("metric_date",), PARTS, "duration_ms", shares).select(
        "metric_date",
        *PARTS,
        "n",
        *(ranked[i].alias(f"p{rank}_ms") for i, rank in enumerate(RANKS)),
        (ranked[2] - ranked[0]).alias("p99_p50_gap_ms"),
        (F.col("metric_date") < F.lit(run.as_of)).alias("is_complete"),
    )
