"""What visitors did in each session: pages and conversions in order. One row per session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import web as metric
from lakehouse.metrics import web_paths as paths
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    LONG,
    STRING,
    TIMESTAMP,
    Column,
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
from lakehouse.tables.silver.web import page_views, web_conversions, web_sessions
from lakehouse.transforms.journeys import SESSION, conversions_of, paths_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

GRAIN = ("session_date", *SESSION)

TABLE = Table(
    name="gold.visitor_journeys",
    owner="web",
    domain="web",
    inputs=(web_sessions.TABLE, page_views.TABLE, web_conversions.TABLE),
    columns=(
        Column("visitor_id", STRING, metric.VISITOR_ID, nullable=False, pii=True),
        Column("session_number", LONG, "Session of the visitor, from 1.", nullable=False),
        Column("session_id", STRING, "MD5 of the visitor and the first event.", nullable=False),
        Column("started_at", TIMESTAMP, "First event, UTC.", nullable=False),
        Column("session_date", DATE, "UTC day of started_at.", nullable=False),
        Column("channel", STRING, metric.CHANNEL, nullable=False),
        Column("path", STRING, paths.PATH),
        Column("first_pages", STRING, paths.FIRST_OF_PATH),
        Column("n_page_views", LONG, "Page views.", nullable=False),
        Column("conversions", STRING, paths.CONVERSIONS_OF_JOURNEY),
        Column("n_conversions", LONG, metric.N_CONVERSIONS, nullable=False),
        Column("has_converted", BOOLEAN, "There is a conversion.", nullable=False),
        Column("value", MONEY, paths.JOURNEY_VALUE, nullable=False),
        Column("is_bounce", BOOLEAN, metric.IS_BOUNCE, nullable=False),
        Column("is_bot", BOOLEAN, "An event of it looks like a program's.", nullable=False),
        Column("is_internal", BOOLEAN, metric.IS_INTERNAL, nullable=False),
    ),
    write=ReplaceSlices(by=("visitor_id",), keys=GRAIN),
    requires=(not_empty("silver.web_sessions", severity="warn"),),
    ensures=(
        not_empty(severity="warn", unless="every event is late"),
        not_null(*GRAIN, "session_id"),
        unique(*SESSION),
        in_range("n_page_views", minimum=0),
        satisfies(
            "what_is_counted_is_told",
            "(path IS NOT NULL) = (n_page_views > 0) "
            "AND (conversions IS NOT NULL) = (n_conversions > 0)",
            "path and conversions: told where there are any, and only there.",
        ),
    ),
    cluster_by=("session_date",),
    day="session_date",
    serve=Serve(
        indexes=(
            ("visitor_id", "session_number"),
            ("first_pages", "session_date"),
            ("has_converted", "session_date"),
        ),
        by_year_of="session_date",
    ),
)


def transform(
    web_sessions: DataFrame,
    page_views: DataFrame,
    web_conversions: DataFrame,
    run: Run,  # noqa: ARG001  # no clock needed
) -> DataFrame:
    """Put what happened in each session beside it."""
    return (
        web_sessions.join(paths_of(page_views), [*SESSION], how="left")
        .join(conversions_of(web_conversions), [*SESSION], how="left")
        .select(
            *(*SESSION, "session_id", "started_at", "session_date", "channel"),
            *("path", "first_pages", "n_page_views", "conversions", "n_conversions"),
            (F.col("n_conversions") > 0).alias("has_converted"),
            F.col("revenue").alias("value"),
            *("is_bounce", "is_bot", "is_internal"),
        )
    )
