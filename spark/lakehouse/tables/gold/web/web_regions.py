"""Where sessions were made. One row per day, country, region, city and view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse.metrics import web as metric
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    STRING,
    Column,
    Latest,
    ReplaceSlices,
    Serve,
    SliceOf,
    Table,
    not_empty,
    not_null,
    one_of,
    unique,
)
from lakehouse.tables.silver.web import web_sessions
from lakehouse.transforms.session_sums import CHECKS, SUMS, sums_of_sessions

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

PARTS = ("country", "region", "city")

TABLE = Table(
    name="gold.web_regions",
    owner="web",
    domain="web",
    inputs=(web_sessions.TABLE,),
    columns=(
        Column("metric_date", DATE, metric.DAY_OF_SESSIONS, nullable=False),
        Column("country", STRING, "Country at the first event.", nullable=False),
        Column("region", STRING, "Region at the first event.", nullable=False),
        Column("city", STRING, "City at the first event.", nullable=False),
        Column("view", STRING, metric.VIEW, nullable=False),
        *SUMS,
        Column("is_complete", BOOLEAN, metric.IS_COMPLETE, nullable=False),
    ),
    write=ReplaceSlices(
        by=("metric_date",),
        keys=("metric_date", *PARTS, "view"),
        of=(SliceOf(name="metric_date", column="session_date"),),
    ),
    as_of=Latest(web_sessions.TABLE, "session_date"),
    unfinished="NOT is_complete",
    requires=(not_empty("silver.web_sessions", severity="warn"),),
    ensures=(
        not_empty(severity="warn", unless="every event is late"),
        not_null("metric_date", "country", "region", "city", "view"),
        unique("metric_date", *PARTS, "view"),
        one_of("view", metric.VIEWS),
        *CHECKS,
    ),
    final="is_complete",
    cluster_by=("metric_date",),
    day="metric_date",
    is_small=True,
    serve=Serve(
        indexes=(("view", "metric_date"), ("country", "metric_date"), ("region", "metric_date")),
        by_year_of="metric_date",
    ),
)


def transform(web_sessions: DataFrame, run: Run) -> DataFrame:
    """Add up the sessions of each day and group."""
    return sums_of_sessions(web_sessions, *PARTS, as_of=run.as_of)
