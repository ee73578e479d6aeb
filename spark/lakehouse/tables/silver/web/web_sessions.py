"""Sessions of visitors on websites and in apps. One row per session.

A pause strictly longer than the policy's 1800 s starts a session, midnight never does; by policy an
event with another campaign does, or the client's own session ids count. Where it came from is told
by its first page view, or its first event where it has none. session_id follows from the first
event, session_number counts the visitor's sessions from 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import web as metric
from lakehouse.metrics.web_policies import Visits
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    DOUBLE,
    LONG,
    STRING,
    TIMESTAMP,
    Column,
    LeftOut,
    ReplaceSlices,
    Serve,
    Table,
    in_range,
    not_empty,
    not_null,
    satisfies,
    unique,
)
from lakehouse.tables.bronze.web.web_events import MONEY
from lakehouse.tables.silver.web import page_views, web_conversions, web_events
from lakehouse.transforms.numbers import total
from lakehouse.transforms.visits import IN_TIME, first_view, numbered_visits, session_id

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

SESSION = ("visitor_id", "session_number")
ORIGIN = ("channel", "source", "medium", "utm_campaign", "referrer_site")
DEVICE = ("device_type", "browser", "os", "country", "region", "city")

TABLE = Table(
    name="silver.web_sessions",
    owner="web",
    domain="web",
    inputs=(web_events.TABLE, page_views.TABLE, web_conversions.TABLE),
    columns=(
        Column("session_id", STRING, "MD5 of the visitor and the first event.", nullable=False),
        Column("visitor_id", STRING, metric.VISITOR_ID, nullable=False, pii=True),
        Column("session_number", LONG, "Session of the visitor, from 1.", nullable=False),
        Column("started_at", TIMESTAMP, "First event, UTC.", nullable=False),
        Column("ended_at", TIMESTAMP, "Last event, UTC.", nullable=False),
        Column("session_date", DATE, "UTC day of started_at.", nullable=False),
        Column("n_events", LONG, "Events.", nullable=False),
        Column("n_page_views", LONG, "Page views.", nullable=False),
        Column("n_interactions", LONG, "Events that are neither views nor pings.", nullable=False),
        Column("engaged_s", LONG, metric.ENGAGED_S, nullable=False),
        Column("duration_s", LONG, metric.SESSION_DURATION_S, nullable=False),
        Column("max_depth_pct", DOUBLE, "Deepest scroll of its page views, 0 to 100."),
        Column("entry_page", STRING, "First page; null without a page view."),
        Column("exit_page", STRING, "Last page; null without a page view."),
        Column("channel", STRING, metric.CHANNEL, nullable=False),
        Column("source", STRING, metric.SOURCE, nullable=False),
        Column("medium", STRING, metric.MEDIUM, nullable=False),
        Column("campaign", STRING, "utm_campaign; null when not told."),
        Column("referrer_site", STRING, "Registered domain that referred."),
        Column("device_type", STRING, "Device.", nullable=False),
        Column("browser", STRING, "Browser.", nullable=False),
        Column("os", STRING, "Operating system.", nullable=False),
        Column("country", STRING, "Country.", nullable=False),
        Column("region", STRING, "Region.", nullable=False),
        Column("city", STRING, "City.", nullable=False),
        Column("is_bounce", BOOLEAN, metric.IS_BOUNCE, nullable=False),
        Column("is_engaged", BOOLEAN, metric.IS_ENGAGED, nullable=False),
        Column("n_conversions", LONG, metric.N_CONVERSIONS, nullable=False),
        Column("revenue", MONEY, "Orders of the session; refunds apart.", nullable=False),
        Column(
            "is_over_long", BOOLEAN, "Of mode client: later events do not count.", nullable=False
        ),
        Column("is_bot", BOOLEAN, "An event of it looks like a program's.", nullable=False),
        Column("is_internal", BOOLEAN, metric.IS_INTERNAL, nullable=False),
    ),
    # session_number counts from a visitor's first session: a late one moves all that follow.
    write=ReplaceSlices(by=("visitor_id",), keys=SESSION),
    policies=(Visits,),
    left_out=LeftOut(where="is_late", reason=metric.LATE),
    requires=(not_empty("silver.web_events"),),
    ensures=(
        not_empty(severity="warn"),  # legal: every event is late
        not_null("session_id", "visitor_id", "started_at"),
        unique("session_id"),
        unique(*SESSION),
        in_range("n_events", minimum=1),
        in_range("duration_s", minimum=0),
        satisfies(
            "starts_before_it_ends",
            "started_at <= ended_at AND session_date = to_date(started_at)",
            "started_at is not after ended_at; session_date is the day of started_at.",
        ),
        satisfies(
            "bounces_saw_one_page",
            "NOT is_bounce OR (n_page_views = 1 AND n_interactions = 0)",
            "is_bounce: one page view and nothing else.",
        ),
    ),
    cluster_by=("session_date",),
    day="session_date",
    serve=Serve(indexes=(("session_id",), ("session_date",))),
)


def transform(
    web_events: DataFrame, page_views: DataFrame, web_conversions: DataFrame, run: Run
) -> DataFrame:
    """Sum up events, page views and conversions of each session."""
    policy = run.policies.of(Visits)
    found = (
        _of_events(web_events, policy)
        .join(_of_views(page_views), [*SESSION], how="left")
        .join(_of_conversions(web_conversions), [*SESSION], how="left")
    )
    none = F.lit(0).cast("bigint")
    counted = {name: F.coalesce(name, none) for name in _COUNTS}
    known = found.withColumns(counted)
    span_s = F.floor((F.unix_micros("ended_at") - F.unix_micros("started_at")) / 1_000_000)
    views, acts = F.col("n_page_views"), F.col("n_interactions")
    is_engaged = (
        (views >= 2)  # noqa: PLR2004  # that of Google Analytics 4
        | (F.col("n_conversions") > 0)
        | (F.col("engaged_s") >= policy.engaged_s)
    )
    return known.select(
        session_id("first_event_id").alias("session_id"),
        *SESSION,
        "started_at",
        "ended_at",
        F.to_date("started_at").alias("session_date"),
        *("n_events", "n_page_views", "n_interactions", "engaged_s"),
        (span_s.cast("bigint") + F.col("last_engaged_s")).alias("duration_s"),
        *("max_depth_pct", "entry_page", "exit_page", "channel", "source", "medium"),
        F.col("utm_campaign").alias("campaign"),
        "referrer_site",
        *DEVICE,
        ((views == 1) & (acts == 0)).alias("is_bounce"),
        is_engaged.alias("is_engaged"),
        "n_conversions",
        F.coalesce("revenue", F.lit(0)).cast(MONEY).alias("revenue"),
        *("is_over_long", "is_bot", "is_internal"),
    )


_COUNTS = ("n_page_views", "engaged_s", "last_engaged_s", "n_conversions")


def _of_events(web_events: DataFrame, policy: Visits) -> DataFrame:
    """Sums over the events of each session; where it came from, by its first page view."""
    first = F.min_by(F.struct("event_id", *DEVICE), F.struct(*IN_TIME))
    counted = F.when(F.col("is_counted"), F.col("event_at"))
    acts = F.col("event_type").isin([*metric.INTERACTIONS]) & F.col("is_counted")
    return (
        numbered_visits(web_events, policy)
        .groupBy(*SESSION)
        .agg(
            F.min("event_at").alias("started_at"),
            F.max(counted).alias("ended_at"),
            F.count(counted).alias("n_events"),
            F.count_if(acts).alias("n_interactions"),
            first.alias("first"),
            F.min(first_view(*ORIGIN)).alias("origin"),
            (~F.min("is_counted")).alias("is_over_long"),
            F.max(F.when(F.col("is_counted"), F.col("is_bot"))).alias("is_bot"),
            F.max(F.when(F.col("is_counted"), F.col("is_internal"))).alias("is_internal"),
        )
        .select(
            *SESSION,
            *("started_at", "ended_at", "n_events", "n_interactions"),
            F.col("first.event_id").alias("first_event_id"),
            *(F.col(f"first.{name}").alias(name) for name in DEVICE),
            *(F.col(f"origin.{name}").alias(name) for name in ORIGIN),
            *("is_over_long", "is_bot", "is_internal"),
        )
    )


def _of_views(page_views: DataFrame) -> DataFrame:
    entry = F.min_by("page_id", "position")
    last = F.max_by(F.struct("page_id", "engaged_s"), F.col("position"))
    return (
        page_views.groupBy(*SESSION)
        .agg(
            F.count(F.lit(1)).alias("n_page_views"),
            total("engaged_s").alias("engaged_s"),
            F.max("max_depth_pct").alias("max_depth_pct"),
            entry.alias("entry_page"),
            last.alias("last"),
        )
        .select(
            *(*SESSION, "n_page_views", "engaged_s", "max_depth_pct", "entry_page"),
            F.col("last.page_id").alias("exit_page"),
            F.col("last.engaged_s").alias("last_engaged_s"),
        )
    )


def _of_conversions(web_conversions: DataFrame) -> DataFrame:
    return web_conversions.groupBy(*SESSION).agg(
        F.count(F.lit(1)).alias("n_conversions"), F.sum("value").cast(MONEY).alias("revenue")
    )
