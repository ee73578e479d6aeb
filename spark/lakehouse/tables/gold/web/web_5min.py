"""What happens now. One row per window of five minutes, page and view.

Null stands for all pages. Page views count when they began; an event of no page is of `unknown`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import web as metric
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    LONG,
    STRING,
    TIMESTAMP,
    Column,
    Latest,
    LeftOut,
    ReplaceSlices,
    Serve,
    SliceOf,
    Table,
    in_range,
    not_empty,
    not_null,
    one_of,
    satisfies,
    unique,
)
from lakehouse.tables.silver.web import page_views, web_conversions, web_events
from lakehouse.transforms.moments import start_of_window
from lakehouse.transforms.numbers import total
from lakehouse.transforms.web_views import in_views

if TYPE_CHECKING:
    from pyspark.sql import Column as Expression
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

WINDOW_S = 300
GRAIN = ("metric_date", "window_start", "page_id", "view")
COUNTS = ("n_events", "n_page_views", "n_failed_forms", "n_conversions")

TABLE = Table(
    name="gold.web_5min",
    owner="web",
    domain="web",
    inputs=(web_events.TABLE, page_views.TABLE, web_conversions.TABLE),
    columns=(
        Column("metric_date", DATE, "UTC day of the window.", nullable=False),
        Column("window_start", TIMESTAMP, "First moment of the window, UTC.", nullable=False),
        Column("page_id", STRING, "Page, or unknown; null = all."),
        Column("view", STRING, metric.VIEW, nullable=False),
        Column("n_events", LONG, "Events.", nullable=False),
        Column("n_page_views", LONG, "Page views that began.", nullable=False),
        Column("n_visitors", LONG, metric.N_VISITORS, nullable=False),
        Column("n_failed_forms", LONG, "Forms that were refused: errors.", nullable=False),
        Column("n_conversions", LONG, metric.N_CONVERSIONS, nullable=False),
        Column("is_complete", BOOLEAN, metric.IS_COMPLETE, nullable=False),
    ),
    write=ReplaceSlices(
        by=("metric_date",),
        keys=GRAIN,
        of=(
            SliceOf(name="metric_date", column="event_date"),
            SliceOf(name="metric_date", column="view_date"),
            SliceOf(name="metric_date", column="conversion_date"),
        ),
    ),
    as_of=Latest(web_events.TABLE, "event_date"),
    unfinished="NOT is_complete",
    left_out=LeftOut(where="is_late", reason=metric.LATE),
    requires=(not_empty("silver.web_events"),),
    ensures=(
        not_empty(severity="warn", unless="every event is late"),
        not_null("metric_date", "window_start", "view"),
        unique(*GRAIN),
        one_of("view", metric.VIEWS),
        in_range("n_events", minimum=0),
        satisfies(
            "windows_start_every_five_minutes",
            "minute(window_start) % 5 = 0 AND second(window_start) = 0 "
            "AND metric_date = to_date(window_start)",
            "window_start: a whole five minutes of metric_date.",
        ),
        satisfies(
            "visitors_have_events", "n_visitors <= n_events", "n_visitors: at most n_events."
        ),
    ),
    final="is_complete",
    cluster_by=("metric_date",),
    day="metric_date",
    serve=Serve(
        indexes=(("page_id", "window_start"), ("view", "window_start")), by_year_of="metric_date"
    ),
)


def transform(
    web_events: DataFrame, page_views: DataFrame, web_conversions: DataFrame, run: Run
) -> DataFrame:
    """Count events, page views and conversions, each once for its page and once for all."""
    events = web_events.withColumn("page_id", F.coalesce("page_id", F.lit(metric.UNKNOWN)))
    of_conversions = web_conversions.join(events.select("event_id", "page_id"), "event_id")
    failed = (F.col("event_type") == "form_submit") & (F.col("form_step") == "failed")
    nobody = F.lit(None).cast("string")
    counted = (
        _counted(
            events,
            "event_at",
            visitor=F.col("visitor_id"),
            n_events=F.lit(1),
            n_failed_forms=F.when(failed, F.lit(1)).otherwise(F.lit(0)),
        )
        .unionByName(_counted(page_views, "viewed_at", visitor=nobody, n_page_views=F.lit(1)))
        .unionByName(
            _counted(of_conversions, "converted_at", visitor=nobody, n_conversions=F.lit(1))
        )
    )
    pages = F.array(F.col("page_id"), nobody)
    placed = in_views(counted.withColumn("_page", F.explode(pages)))
    summed = placed.groupBy("window_start", F.col("_page").alias("page_id"), "view").agg(
        F.count_distinct("_visitor").alias("n_visitors"),
        *(total(name).alias(name) for name in COUNTS),
    )
    return summed.select(
        F.to_date("window_start").alias("metric_date"),
        *("window_start", "page_id", "view", "n_events", "n_page_views", "n_visitors"),
        *("n_failed_forms", "n_conversions"),
        (F.to_date("window_start") < F.lit(run.as_of)).alias("is_complete"),
    )


def _counted(
    rows: DataFrame, moment: str, *, visitor: Expression, **counts: Expression
) -> DataFrame:
    """Rows in their windows, with what each counts for."""
    return rows.select(
        start_of_window(moment, WINDOW_S).alias("window_start"),
        *("page_id", "is_bot", "is_internal"),
        visitor.alias("_visitor"),
        *(counts.get(name, F.lit(0)).cast("bigint").alias(name) for name in COUNTS),
    )
