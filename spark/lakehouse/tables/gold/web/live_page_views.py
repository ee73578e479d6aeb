"""What is viewed now. One row per window of five minutes and page; null stands for all pages.

Told within seconds, of the events as they landed: whose a device is and what is a program's is not
known yet. Once gold.web_5min has a window, its view `all` has these figures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import live as metric
from lakehouse.spec import (
    DATE,
    LONG,
    STRING,
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

GRAIN = ("metric_date", "window_start", "page_id")

TABLE = Table(
    name="gold.live_page_views",
    owner="web",
    domain="web",
    inputs=(live_events.TABLE,),
    columns=(
        Column("metric_date", DATE, "UTC day of the window.", nullable=False),
        Column("window_start", TIMESTAMP, "First moment of the window, UTC.", nullable=False),
        Column("page_id", STRING, "Page, or unknown; null = all."),
        Column("n_events", LONG, metric.N_EVENTS, nullable=False),
        Column("n_page_views", LONG, metric.N_PAGE_VIEWS, nullable=False),
        Column("n_devices", LONG, metric.N_DEVICES, nullable=False),
        Column("newest_at", TIMESTAMP, "Moment of the newest event, UTC.", nullable=False),
    ),
    write=ReplaceSlices(
        by=("metric_date", "window_start"),
        keys=GRAIN,
        of=(SliceOf(name="metric_date", column="event_date"),),
    ),
    as_of=Latest(live_events.TABLE, "event_date"),
    unfinished="true",
    requires=(not_empty("silver.live_events", severity="warn"),),
    ensures=(
        not_empty(severity="warn"),
        not_null("metric_date", "window_start"),
        unique(*GRAIN),
        in_range("n_page_views", minimum=0),
        satisfies("devices_have_events", "n_devices <= n_events", "n_devices: at most n_events."),
    ),
    cluster_by=("metric_date",),
    day="metric_date",
    serve=Serve(indexes=(("page_id", "window_start"),)),
    retention=live.RETENTION,
)


def transform(live_events: DataFrame, run: Run) -> DataFrame:
    """Count events and page views, each once for its page and once for all."""
    newest = live.since_yesterday(live_events, "event_date", run)
    pages = F.array(F.col("page_id"), F.lit(None).cast("string"))
    placed = newest.withColumn("_page", F.explode(pages))
    return (
        placed.groupBy(F.col("event_date").alias("metric_date"), "window_start", "_page")
        .agg(
            F.count(F.lit(1)).alias("n_events"),
            live.distinct("told_view_id").alias("n_page_views"),
            live.distinct("actor_id").alias("n_devices"),
            F.max("event_at").alias("newest_at"),
        )
        .withColumnRenamed("_page", "page_id")
    )
