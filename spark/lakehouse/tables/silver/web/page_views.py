"""Page views with the attention they got. One row per visitor and page view.

A page view is what shares a client's page_view_id; an event page_view without one is a page view
of its own. Pings, scrolls and clicks without one belong to the page view before them in the
session, and pings that have none before them make one. It stands where its first event is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.metrics import web as metric
from lakehouse.metrics.web_policies import Engagement, Visits
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
    Table,
    in_range,
    not_null,
    satisfies,
    unique,
)
from lakehouse.tables.silver.web import web_events
from lakehouse.transforms.views import with_page_views
from lakehouse.transforms.visits import first_view, numbered_visits

if TYPE_CHECKING:
    from pyspark.sql import Column as Expression
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

VITALS = ("load_ms", "ttfb_ms", "lcp_ms", "cls", "inp_ms", "fid_ms")
TOLD_FIRST = ("page_id", "page_host", "page_title")
OF_THE_FIRST = ("channel", "device_type", "browser", "os", "country", "region", "city")

TABLE = Table(
    name="silver.page_views",
    owner="web",
    domain="web",
    inputs=(web_events.TABLE,),
    columns=(
        Column("visitor_id", STRING, metric.VISITOR_ID, nullable=False, pii=True),
        Column("page_view_id", STRING, "The client's, or made from its event.", nullable=False),
        Column("session_number", LONG, "Session of the visitor, from 1.", nullable=False),
        Column("position", LONG, "Place among the page views of the session.", nullable=False),
        Column("viewed_at", TIMESTAMP, "First event of the page view, UTC.", nullable=False),
        Column("view_date", DATE, "UTC day of viewed_at.", nullable=False),
        Column("page_id", STRING, "Page; unknown where no event tells one.", nullable=False),
        Column("page_host", STRING, "Host of the page; the first that was told."),
        Column("page_title", STRING, "Title of the page; the first that was told."),
        Column("next_page_id", STRING, "Page viewed next in the session; null for the last."),
        Column("is_entry", BOOLEAN, "First page view of its session.", nullable=False),
        Column("is_exit", BOOLEAN, "Last page view of its session.", nullable=False),
        Column("engaged_s", LONG, metric.ENGAGED_S, nullable=False),
        Column("max_depth_pct", DOUBLE, "Deepest scroll, 0 to 100; null without one."),
        Column("n_clicks", LONG, "Clicks.", nullable=False),
        Column("n_events", LONG, "Events.", nullable=False),
        *(Column(name, DOUBLE, f"{name}: the last that was told.") for name in VITALS),
        Column("channel", STRING, metric.CHANNEL, nullable=False),
        Column("device_type", STRING, "Device.", nullable=False),
        Column("browser", STRING, "Browser.", nullable=False),
        Column("os", STRING, "Operating system.", nullable=False),
        Column("country", STRING, "Country.", nullable=False),
        Column("region", STRING, "Region.", nullable=False),
        Column("city", STRING, "City.", nullable=False),
        Column("is_bot", BOOLEAN, "An event of it looks like a program's.", nullable=False),
        Column("is_internal", BOOLEAN, metric.IS_INTERNAL, nullable=False),
    ),
    write=ReplaceSlices(by=("visitor_id",), keys=("visitor_id", "page_view_id")),
    policies=(Engagement, Visits),
    left_out=LeftOut(where="is_late", reason=metric.LATE),
    may_be_empty="no event is of a page",
    ensures=(
        not_null("visitor_id", "page_view_id", "viewed_at"),
        unique("visitor_id", "page_view_id"),
        unique("visitor_id", "session_number", "position"),
        in_range("engaged_s", minimum=0),
        in_range("max_depth_pct", minimum=0, maximum=100),
        satisfies(
            "entries_stand_first",
            "is_entry = (position = 1) AND is_exit = (next_page_id IS NULL)",
            "is_entry: position is 1; is_exit: no page follows.",
        ),
    ),
    cluster_by=("view_date",),
    day="view_date",
)


def transform(web_events: DataFrame, run: Run) -> DataFrame:
    """Put the events of each page view together, and place it in its session."""
    policy = run.policies.of(Engagement)
    visit = Window.partitionBy("visitor_id", "session_number")
    visits = (
        numbered_visits(web_events, run.policies.of(Visits))
        .withColumn("_first", F.min(first_view("channel")).over(visit))
        .withColumn("channel", F.col("_first.channel"))
        .filter("is_counted")
    )
    seen = with_page_views(visits).filter(F.col("view_key").isNotNull())
    first = F.min_by(F.struct("session_number", *OF_THE_FIRST), F.struct(*_IN_TIME))
    of_views = seen.groupBy("visitor_id", "view_key").agg(
        first.alias("first"),
        *(F.min(_told(name)).alias(f"_{name}") for name in TOLD_FIRST),
        F.min(F.struct(*_IN_TIME)).alias("began"),
        _engaged_s(policy).alias("engaged_s"),
        F.max("depth_pct").alias("max_depth_pct"),
        F.count_if(F.col("event_type") == "click").alias("n_clicks"),
        F.count(F.lit(1)).alias("n_events"),
        *(F.max(_told(name)).alias(f"_{name}") for name in VITALS),
        F.max("is_bot").alias("is_bot"),
        F.max("is_internal").alias("is_internal"),
    )
    session = Window.partitionBy("visitor_id", "session_number").orderBy(
        "viewed_at", "_first_event"
    )
    known = of_views.select(
        "visitor_id",
        F.col("view_key").alias("page_view_id"),
        F.col("first.session_number").alias("session_number"),
        F.col("began.event_at").alias("viewed_at"),
        F.col("began.event_id").alias("_first_event"),
        F.coalesce("_page_id.page_id", F.lit(metric.UNKNOWN)).alias("page_id"),
        F.col("_page_host.page_host").alias("page_host"),
        F.col("_page_title.page_title").alias("page_title"),
        *(F.col(f"first.{name}").alias(name) for name in OF_THE_FIRST),
        *("engaged_s", "max_depth_pct", "n_clicks", "n_events"),
        *(F.col(f"_{name}.{name}").alias(name) for name in VITALS),
        *("is_bot", "is_internal"),
    )
    return known.withColumns(
        {
            "position": F.row_number().over(session).cast("bigint"),
            "next_page_id": F.lead("page_id").over(session),
            "view_date": F.to_date("viewed_at"),
        }
    ).select(
        *("visitor_id", "page_view_id", "session_number", "position", "viewed_at", "view_date"),
        *("page_id", "page_host", "page_title", "next_page_id"),
        (F.col("position") == 1).alias("is_entry"),
        F.col("next_page_id").isNull().alias("is_exit"),
        *("engaged_s", "max_depth_pct", "n_clicks", "n_events", *VITALS),
        *("channel", "device_type", "browser", "os", "country", "region", "city"),
        *("is_bot", "is_internal"),
    )


_IN_TIME = ("event_at", "event_id")


def _told(name: str) -> Expression:
    return F.when(F.col(name).isNotNull(), F.struct(*_IN_TIME, name))


def _engaged_s(policy: Engagement) -> Expression:
    slot = F.floor(F.unix_micros("event_at") / (policy.heartbeat_s * 1_000_000))
    slots = F.count_distinct(F.when(F.col("event_type") == "page_ping", slot))
    attention = policy.heartbeat_s * (slots - 1) + policy.minimum_visit_s
    return F.when(slots > 0, attention).otherwise(F.lit(0)).cast("bigint")
