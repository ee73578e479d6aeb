"""Ways into the site: the first pages of sessions. One row per day, path and view.

Sessions that go on after these pages are of the same path as those that end with them; a session
without a page view has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import web as metric
from lakehouse.metrics import web_paths as paths
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
    not_null,
    one_of,
    satisfies,
    unique,
)
from lakehouse.tables.bronze.web.web_events import MONEY
from lakehouse.tables.gold.web import visitor_journeys
from lakehouse.transforms.numbers import total
from lakehouse.transforms.web_views import in_views

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

GRAIN = ("metric_date", "path", "view")

TABLE = Table(
    name="gold.top_paths",
    owner="web",
    domain="web",
    inputs=(visitor_journeys.TABLE,),
    columns=(
        Column("metric_date", DATE, metric.DAY_OF_SESSIONS, nullable=False),
        Column("path", STRING, f"First {paths.FIRST_PAGES} pages, by >.", nullable=False),
        Column("view", STRING, metric.VIEW, nullable=False),
        Column("n_sessions", LONG, paths.PATH_SESSIONS, nullable=False),
        Column("n_visitors", LONG, metric.N_VISITORS, nullable=False),
        Column("n_bounces", LONG, metric.BOUNCES, nullable=False),
        Column("bounce_rate", DOUBLE, paths.PATH_BOUNCE_RATE, nullable=False),
        Column("n_converted", LONG, metric.CONVERTED, nullable=False),
        Column("conversion_rate", DOUBLE, paths.PATH_CONVERSION_RATE, nullable=False),
        Column("n_conversions", LONG, metric.N_CONVERSIONS, nullable=False),
        Column("value", MONEY, metric.SESSION_REVENUE, nullable=False),
        Column("is_complete", BOOLEAN, metric.IS_COMPLETE, nullable=False),
    ),
    write=ReplaceSlices(
        by=("metric_date",),
        keys=GRAIN,
        of=(SliceOf(name="metric_date", column="session_date"),),
    ),
    as_of=Latest(visitor_journeys.TABLE, "session_date"),
    unfinished="NOT is_complete",
    left_out=LeftOut(where="first_pages IS NULL", reason="sessions without a page view"),
    may_be_empty="no event is of a page",
    ensures=(
        not_null(*GRAIN),
        unique(*GRAIN),
        one_of("view", metric.VIEWS),
        in_range("n_sessions", minimum=1),
        in_range("bounce_rate", minimum=0, maximum=1),
        satisfies(
            "parts_are_of_the_sessions",
            "n_visitors <= n_sessions AND n_bounces <= n_sessions AND n_converted <= n_sessions "
            "AND n_converted <= n_conversions",
            "n_visitors, n_bounces and n_converted: at most n_sessions.",
        ),
    ),
    final="is_complete",
    cluster_by=("metric_date",),
    day="metric_date",
    is_small=True,
    serve=Serve(
        indexes=(("view", "metric_date"), ("path", "metric_date")), by_year_of="metric_date"
    ),
)


def transform(visitor_journeys: DataFrame, run: Run) -> DataFrame:
    """Count the sessions of each path."""
    told = visitor_journeys.withColumns(
        {"metric_date": F.col("session_date"), "path": F.col("first_pages")}
    )
    summed = (
        in_views(told)
        .groupBy(*GRAIN)
        .agg(
            F.count(F.lit(1)).alias("n_sessions"),
            F.count_distinct("visitor_id").alias("n_visitors"),
            F.count_if("is_bounce").alias("n_bounces"),
            F.count_if("has_converted").alias("n_converted"),
            total("n_conversions").alias("n_conversions"),
            F.sum("value").cast(MONEY).alias("value"),
        )
    )
    sessions = F.col("n_sessions")
    return summed.select(
        *(*GRAIN, "n_sessions", "n_visitors", "n_bounces"),
        (F.col("n_bounces") / sessions).alias("bounce_rate"),
        "n_converted",
        (F.col("n_converted") / sessions).alias("conversion_rate"),
        *("n_conversions", "value"),
        (F.col("metric_date") < F.lit(run.as_of)).alias("is_complete"),
    )
