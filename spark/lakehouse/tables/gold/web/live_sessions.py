"""Who is there now: sessions of devices. One row per device and start.

Of the events as they landed, see gold.live_page_views: of one device, not of the visitor it belongs
to, and not cut where a campaign changes. silver.web_sessions knows both, later. One that lasts for
days begins here at the midnight a day before that of its last event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.metrics import live as metric
from lakehouse.metrics.web import UNKNOWN
from lakehouse.metrics.web_policies import Visits
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    LONG,
    STRING,
    TIMESTAMP,
    Around,
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
from lakehouse.transforms.sessions import numbered
from lakehouse.transforms.visits import IN_TIME

if TYPE_CHECKING:
    from pyspark.sql import Column as Expression
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

TABLE = Table(
    name="gold.live_sessions",
    owner="web",
    domain="web",
    inputs=(live_events.TABLE,),
    columns=(
        Column("actor_id", STRING, "Device, or user where none is told.", nullable=False, pii=True),
        Column("started_at", TIMESTAMP, "First event, UTC.", nullable=False),
        Column(
            "last_event_at", TIMESTAMP, f"Last event so far, UTC. {metric.SESSION}", nullable=False
        ),
        Column("last_date", DATE, "UTC day of last_event_at.", nullable=False),
        Column("n_events", LONG, metric.N_EVENTS, nullable=False),
        Column("n_page_views", LONG, metric.N_PAGE_VIEWS, nullable=False),
        Column("entry_page_id", STRING, "Page of the first event of a page.", nullable=False),
        Column("page_id", STRING, "Page of the last one: where the visitor is.", nullable=False),
        Column("has_converted", BOOLEAN, "There is a conversion.", nullable=False),
    ),
    # Of the days around: what was long ago need not be read.
    write=ReplaceSlices(
        by=("last_date", "actor_id"),
        keys=("last_date", "actor_id", "started_at"),
        of=(SliceOf(name="last_date", column="event_date", window=Around(1)),),
    ),
    policies=(Visits,),
    as_of=Latest(live_events.TABLE, "event_date"),
    unfinished="true",
    requires=(not_empty("silver.live_events", severity="warn"),),
    ensures=(
        not_empty(severity="warn"),
        not_null("actor_id", "started_at", "last_event_at"),
        unique("actor_id", "started_at"),
        in_range("n_events", minimum=1),
        satisfies(
            "sessions_end_after_they_start",
            "started_at <= last_event_at AND last_date = to_date(last_event_at)",
            "last_event_at: not before started_at; last_date: its UTC day.",
        ),
    ),
    cluster_by=("last_date",),
    day="last_date",
    serve=Serve(indexes=(("last_event_at",),)),
    retention=live.RETENTION,
)


def transform(live_events: DataFrame, run: Run) -> DataFrame:
    """Cut the events of each device into sessions, and keep the newest."""
    in_time = Window.partitionBy("actor_id").orderBy(*IN_TIME)
    gap_s = run.policies.of(Visits).gap_s
    cut = numbered(live_events, "session_number", in_time, ("event_at", "event_at"), gap_s=gap_s)
    last_date = F.max("event_date").over(Window.partitionBy("actor_id", "session_number"))
    newest = cut.withColumn("_last", last_date).filter(F.datediff("_last", "event_date") <= 1)
    sessions = newest.groupBy("actor_id", "session_number").agg(
        F.min("event_at").alias("started_at"),
        F.max("event_at").alias("last_event_at"),
        F.to_date(F.max("event_at")).alias("last_date"),
        F.count(F.lit(1)).alias("n_events"),
        live.distinct("told_view_id").alias("n_page_views"),
        F.min(_page()).alias("_entry"),
        F.max(_page()).alias("_now"),
        F.max(F.col("conversion_id").isNotNull()).alias("has_converted"),
    )
    return live.since_yesterday(sessions, "last_date", run).select(
        *("actor_id", "started_at", "last_event_at", "last_date", "n_events", "n_page_views"),
        F.coalesce("_entry.page_id", F.lit(UNKNOWN)).alias("entry_page_id"),
        F.coalesce("_now.page_id", F.lit(UNKNOWN)).alias("page_id"),
        "has_converted",
    )


def _page() -> Expression:
    """An event's page with its place in time; null for an event of no page."""
    return F.when(F.col("page_id") != UNKNOWN, F.struct(*IN_TIME, "page_id"))
