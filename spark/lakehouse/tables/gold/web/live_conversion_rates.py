"""Who converts now. One row per window of five minutes.

Of the events as they landed, see gold.live_page_views.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import live as metric
from lakehouse.spec import (
    DATE,
    DOUBLE,
    LONG,
    TIMESTAMP,
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
from lakehouse.tables.silver.web import live_events
from lakehouse.transforms import live

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

GRAIN = ("metric_date", "window_start")

TABLE = Table(
    name="gold.live_conversion_rates",
    owner="web",
    domain="web",
    inputs=(live_events.TABLE,),
    columns=(
        Column("metric_date", DATE, "UTC day of the window.", nullable=False),
        Column("window_start", TIMESTAMP, "First moment of the window, UTC.", nullable=False),
        Column("n_devices", LONG, metric.N_DEVICES, nullable=False),
        Column("n_converted_devices", LONG, metric.CONVERTED_DEVICES, nullable=False),
        Column("n_conversions", LONG, metric.N_CONVERSIONS, nullable=False),
        Column("conversion_rate", DOUBLE, metric.CONVERSION_RATE, nullable=False),
    ),
    write=ReplaceSlices(
        by=GRAIN,
        keys=GRAIN,
        of=(SliceOf(name="metric_date", column="event_date"),),
    ),
    as_of=Latest(live_events.TABLE, "event_date"),
    unfinished="true",
    requires=(not_empty("silver.live_events", severity="warn"),),
    ensures=(
        not_empty(severity="warn"),
        not_null(*GRAIN),
        unique(*GRAIN),
        in_range("conversion_rate", minimum=0, maximum=1),
        satisfies(
            "who_converts_has_a_conversion",
            "n_converted_devices <= n_devices AND (n_conversions = 0) = (n_converted_devices = 0)",
            "n_converted_devices: at most n_devices; some with a conversion, and only then.",
        ),
    ),
    cluster_by=("metric_date",),
    day="metric_date",
    serve=Serve(),
    retention=live.RETENTION,
)


def transform(live_events: DataFrame, run: Run) -> DataFrame:
    """Count devices and those that converted."""
    converted = F.when(F.col("conversion_id").isNotNull(), F.col("actor_id"))
    counted = (
        live.since_yesterday(live_events, "event_date", run)
        .withColumn("_converted", converted)
        .groupBy(F.col("event_date").alias("metric_date"), "window_start")
        .agg(
            live.distinct("actor_id").alias("n_devices"),
            live.distinct("_converted").alias("n_converted_devices"),
            live.distinct("conversion_id").alias("n_conversions"),
        )
    )
    return counted.withColumn("conversion_rate", F.col("n_converted_devices") / F.col("n_devices"))
