"""What happens minute by minute: what unusual minutes are found in. One row per minute with events.

Of the events as they landed, see gold.live_page_views.
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

GRAIN = ("metric_date", "minute_start")

TABLE = Table(
    name="gold.live_minutes",
    owner="web",
    domain="web",
    inputs=(live_events.TABLE,),
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
        of=(SliceOf(name="metric_date", column="event_date"),),
    ),
    requires=(not_empty("silver.live_events", severity="warn"),),
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
    retention=live.RETENTION,
)


def transform(live_events: DataFrame, run: Run) -> DataFrame:  # noqa: ARG001  # every transform's
    """Count events of each minute."""
    return live_events.groupBy(F.col("event_date").alias("metric_date"), "minute_start").agg(
        F.count(F.lit(1)).alias("n_events"),
        live.distinct("told_view_id").alias("n_page_views"),
        live.distinct("conversion_id").alias("n_conversions"),
        F.count_if("is_failed_form").alias("n_failed_forms"),
    )
