"""What pages got: views, attention, clicks. One row per day, page and view.

Page views, and exits among them, count on the day they began. Entries and bounces are sessions, and
count on the day the session began.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import web as metric
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    DOUBLE,
    LONG,
    STRING,
    Column,
    Latest,
    ReplaceSlices,
    Serve,
    SliceOf,
    Table,
    in_range,
    not_null,
    one_of,
    satisfies,
    unique,
)
from lakehouse.tables.silver.web import page_views, web_sessions
from lakehouse.transforms.numbers import thousandths, total
from lakehouse.transforms.web_views import in_views

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

GRAIN = ("metric_date", "page_id", "view")
OF_VIEWS = (
    *("n_views", "n_visitors", "n_exits", "engaged_s", "n_scrolled", "depth"),
    *("n_clicks", "n_clicked_views"),
)
OF_SESSIONS = ("n_entries", "n_bounces")

TABLE = Table(
    name="gold.page_metrics",
    owner="web",
    domain="web",
    inputs=(page_views.TABLE, web_sessions.TABLE),
    columns=(
        Column("metric_date", DATE, "UTC day.", nullable=False),
        Column("page_id", STRING, metric.PAGE, nullable=False),
        Column("view", STRING, metric.VIEW, nullable=False),
        Column("n_views", LONG, "Page views.", nullable=False),
        Column("n_visitors", LONG, metric.N_VISITORS, nullable=False),
        Column("n_entries", LONG, metric.PAGE_ENTRIES, nullable=False),
        Column("n_exits", LONG, metric.PAGE_EXITS, nullable=False),
        Column("n_bounces", LONG, metric.PAGE_BOUNCES, nullable=False),
        Column("bounce_rate", DOUBLE, metric.PAGE_BOUNCE_RATE),
        Column("exit_rate", DOUBLE, metric.EXIT_RATE),
        Column("engaged_s", LONG, metric.ENGAGED_S, nullable=False),
        Column("avg_engaged_s", DOUBLE, metric.AVG_ENGAGED_S),
        Column("n_scrolled", LONG, "Page views that were scrolled.", nullable=False),
        Column("avg_max_depth_pct", DOUBLE, metric.AVG_DEPTH_PCT),
        Column("n_clicks", LONG, "Clicks.", nullable=False),
        Column("n_clicked_views", LONG, "Page views with a click.", nullable=False),
        Column("click_through_rate", DOUBLE, metric.CLICK_THROUGH_RATE),
        Column("is_complete", BOOLEAN, metric.IS_COMPLETE, nullable=False),
    ),
    write=ReplaceSlices(
        by=("metric_date",),
        keys=GRAIN,
        of=(
            SliceOf(name="metric_date", column="view_date"),
            SliceOf(name="metric_date", column="session_date"),
        ),
    ),
    as_of=Latest(web_sessions.TABLE, "session_date"),
    unfinished="NOT is_complete",
    may_be_empty="no event is of a page",
    ensures=(
        not_null(*GRAIN),
        unique(*GRAIN),
        one_of("view", metric.VIEWS),
        in_range("n_views", minimum=0),
        in_range("bounce_rate", minimum=0, maximum=1),
        in_range("avg_max_depth_pct", minimum=0, maximum=100),
        satisfies(
            "parts_are_of_the_views",
            "n_visitors <= n_views AND n_exits <= n_views AND n_scrolled <= n_views "
            "AND n_clicked_views <= n_views AND n_clicked_views <= n_clicks",
            "n_visitors, n_exits, n_scrolled and n_clicked_views: at most n_views.",
        ),
    ),
    final="is_complete",
    cluster_by=("metric_date",),
    day="metric_date",
    is_small=True,
    serve=Serve(
        indexes=(("page_id", "metric_date"), ("view", "metric_date")), by_year_of="metric_date"
    ),
)


def transform(page_views: DataFrame, web_sessions: DataFrame, run: Run) -> DataFrame:
    """Add up page views, and the sessions that began with the page."""
    summed = (
        _with(_of_views(page_views), OF_SESSIONS)
        .unionByName(_with(_of_sessions(web_sessions), OF_VIEWS))
        .groupBy(*GRAIN)
        .agg(*(total(name).alias(name) for name in (*OF_VIEWS, *OF_SESSIONS)))
    )
    views = F.col("n_views")
    depth_pct = F.try_divide(F.col("depth"), F.col("n_scrolled") * 1000)
    return summed.select(
        *GRAIN,
        *("n_views", "n_visitors", "n_entries", "n_exits", "n_bounces"),
        F.try_divide(F.col("n_bounces"), F.col("n_entries")).alias("bounce_rate"),
        F.try_divide(F.col("n_exits"), views).alias("exit_rate"),
        "engaged_s",
        F.try_divide(F.col("engaged_s"), views).alias("avg_engaged_s"),
        "n_scrolled",
        depth_pct.alias("avg_max_depth_pct"),
        "n_clicks",
        "n_clicked_views",
        F.try_divide(F.col("n_clicked_views"), views).alias("click_through_rate"),
        (F.col("metric_date") < F.lit(run.as_of)).alias("is_complete"),
    )


def _of_views(page_views: DataFrame) -> DataFrame:
    seen = in_views(page_views.withColumn("metric_date", F.col("view_date")))
    return seen.groupBy(*GRAIN).agg(
        F.count(F.lit(1)).alias("n_views"),
        F.count_distinct("visitor_id").alias("n_visitors"),
        F.count_if("is_exit").alias("n_exits"),
        total("engaged_s").alias("engaged_s"),
        F.count("max_depth_pct").alias("n_scrolled"),
        F.coalesce(total(thousandths(F.col("max_depth_pct"))), F.lit(0)).alias("depth"),
        total("n_clicks").alias("n_clicks"),
        F.count_if(F.col("n_clicks") > 0).alias("n_clicked_views"),
    )


def _of_sessions(web_sessions: DataFrame) -> DataFrame:
    begun = web_sessions.filter(F.col("entry_page").isNotNull()).withColumns(
        {"metric_date": F.col("session_date"), "page_id": F.col("entry_page")}
    )
    return (
        in_views(begun)
        .groupBy(*GRAIN)
        .agg(F.count(F.lit(1)).alias("n_entries"), F.count_if("is_bounce").alias("n_bounces"))
    )


def _with(sums: DataFrame, others: tuple[str, ...]) -> DataFrame:
    """Sums with the others, which are 0 here."""
    return sums.withColumns({name: F.lit(0).cast("bigint") for name in others})
