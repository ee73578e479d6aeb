"""What happens minute by minute: what unusual minutes are found in. One row per minute with events.

Read from the events as they landed, see gold.live_page_views.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import live as metric
from lakehouse.spec import (
    DATE,
    LONG,
    TIMESTAMP,
    Column,
    Dedupe,
    Minutes,
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
from lakehouse.tables.bronze.web import web_events
from lakehouse.tables.silver.web.web_identities import EARLIEST_RECEIVED
from lakehouse.transforms import live

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

GRAIN = ("metric_date", "minute_start")

TABLE = Table(
    name="gold.live_minutes",
    owner="web",
    domain="web",
    inputs=(web_events.TABLE,),
    columns=(
        Column("metric_date", DATE, "UTC day of the minute.", nullable=False),
        Column("minute_start", TIMESTAMP, "First moment of the minute, UTC.", nullable=False),
        Column("n_events", LONG, metric.N_EVENTS, nullable=False),
        Column("n_page_views", LONG, metric.N_PAGE_VIEWS, nullable=False),
        Column("n_conversions", LONG, metric.N_CONVERSIONS, nullable=False),
        Column("n_failed_forms", LONG, metric.N_FAILED_FORMS, nullable=False),
    ),
    write=ReplaceSlices(
        by=GRAIN,
        keys=GRAIN,
        of=(
            SliceOf(name="metric_date", column="event_date"),
            SliceOf(name="minute_start", column="event_at", window=Minutes(1)),
        ),
    ),
    policies=live.POLICIES,
    dedupe=Dedupe(keys=("event_id",), order_by=EARLIEST_RECEIVED),
    requires=(not_empty("bronze.web_events"),),
    ensures=(
        not_empty(severity="warn", unless="every event is late"),
        not_null(*GRAIN),
        unique(*GRAIN),
        in_range("n_events", minimum=1),
        satisfies("a_view_is_an_event", "n_page_views <= n_events", "n_page_views: events."),
    ),
    cluster_by=("metric_date",),
    day="metric_date",
    serve=Serve(by_year_of="metric_date"),
)


def transform(web_events: DataFrame, run: Run) -> DataFrame:
    """Count events of each minute."""
    events = live.in_windows(live.live_events(web_events, run), 1)
    return (
        events.withColumnRenamed("window_start", "minute_start")
        .groupBy(*GRAIN)
        .agg(
            F.count(F.lit(1)).alias("n_events"),
            live.distinct("viewed").alias("n_page_views"),
            live.distinct("converted").alias("n_conversions"),
            F.count_if("is_failed").alias("n_failed_forms"),
        )
    )
