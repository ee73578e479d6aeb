"""Who is there now: sessions of devices. One row per device and start.

Read from the events as they landed, see gold.live_page_views: of one device, not of the visitor it
belongs to, and not cut where a campaign changes. silver.web_sessions knows both, later.
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
    Column,
    Dedupe,
    Latest,
    ReplaceSlices,
    Serve,
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
    inputs=(web_events.TABLE,),
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
    write=ReplaceSlices(by=("actor_id",), keys=("actor_id", "started_at")),
    policies=(*live.POLICIES, Visits),
    dedupe=Dedupe(keys=("event_id",), order_by=EARLIEST_RECEIVED),
    as_of=Latest(web_events.TABLE, "event_date"),
    unfinished="true",
    requires=(not_empty("bronze.web_events"),),
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
)


def transform(web_events: DataFrame, run: Run) -> DataFrame:
    """Cut the events of each device into sessions, and keep the newest."""
    in_time = Window.partitionBy("actor_id").orderBy(*IN_TIME)
    events = live.with_page(live.live_events(web_events, run))
    gap_s = run.policies.of(Visits).gap_s
    cut = numbered(events, "session_number", in_time, ("event_at", "event_at"), gap_s=gap_s)
    sessions = cut.groupBy("actor_id", "session_number").agg(
        F.min("event_at").alias("started_at"),
        F.max("event_at").alias("last_event_at"),
        F.to_date(F.max("event_at")).alias("last_date"),
        F.count(F.lit(1)).alias("n_events"),
        live.distinct("viewed").alias("n_page_views"),
        F.min(_page()).alias("_entry"),
        F.max(_page()).alias("_now"),
        F.max(F.col("converted").isNotNull()).alias("has_converted"),
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
