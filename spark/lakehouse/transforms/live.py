"""Events as they arrive → what live figures are counted from."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import web as metric
from lakehouse.metrics.web_policies import Attribution, Clock
from lakehouse.transforms.moments import is_sent_late, start_of_window
from lakehouse.transforms.sites import page_of

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from lakehouse.spec import Run

POLICIES = (Attribution, Clock)
"""That live figures follow from."""


def live_events(web_events: DataFrame, run: Run) -> DataFrame:
    """Events that are not late, each with what it counts for.

    Returns:
        event_id, event_type, event_at, actor_id; page_id and page_url as they landed; viewed, the
        page view that an event of the type page_view tells; converted, the conversion that an
        event is; is_failed, whether it is a form that was refused.
    """
    types = run.policies.of(Attribution).conversions
    is_order = F.col("event_type") == "purchase"
    conversion = F.when(is_order, F.concat(F.lit("order "), "order_id")).otherwise(
        F.col("event_id")
    )
    view = F.coalesce("page_view_id", "event_id")
    is_failed = (F.col("event_type") == "form_submit") & (F.col("form_step") == "failed")
    return web_events.filter(~is_sent_late(run.policies.of(Clock).max_late_days)).select(
        *("event_id", "event_type", "event_at", "actor_id", "page_id", "page_url"),
        F.when(F.col("event_type") == "page_view", view).alias("viewed"),
        F.when(F.col("event_type").isin([*types]), conversion).alias("converted"),
        F.coalesce(is_failed, F.lit(False)).alias("is_failed"),
    )


def with_page(events: DataFrame) -> DataFrame:
    """Replace page_id by the page as silver.web_events has it; unknown where none is told."""
    return (
        events.withColumn("page", page_of("page_url"))
        .withColumn("page_id", F.coalesce("page_id", "page.path", F.lit(metric.UNKNOWN)))
        .drop("page", "page_url")
    )


def since_yesterday(rows: DataFrame, day: str, run: Run) -> DataFrame:
    """Rows of the as-of date and of the day before: all that live figures tell."""
    return rows.filter(F.col(day) >= F.lit(run.as_of - timedelta(days=1)))


def in_windows(events: DataFrame, minutes: int) -> DataFrame:
    """Add metric_date and window_start: the window of so many minutes that an event lies in."""
    return events.withColumns(
        {
            "metric_date": F.to_date("event_at"),
            "window_start": start_of_window("event_at", 60 * minutes),
        }
    )


def distinct(name: str) -> Column:
    """How many different values a column has; nulls do not count."""
    return F.count_distinct(F.col(name))
