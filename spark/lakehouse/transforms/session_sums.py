"""Sessions of websites and apps → the sums of them that every breakdown has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import web as metric
from lakehouse.spec import DOUBLE, LONG, Check, Column, decimal, in_range, satisfies
from lakehouse.transforms.numbers import total
from lakehouse.transforms.web_views import in_views

if TYPE_CHECKING:
    from datetime import date

    from pyspark.sql import DataFrame

MONEY = decimal(18, 2)
SUMS = (
    Column("n_sessions", LONG, "Sessions.", nullable=False),
    Column("n_visitors", LONG, metric.N_VISITORS, nullable=False),
    Column("n_new_visitors", LONG, metric.NEW_VISITORS, nullable=False),
    Column("n_page_views", LONG, "Page views.", nullable=False),
    Column("n_bounces", LONG, metric.BOUNCES, nullable=False),
    Column("n_engaged", LONG, metric.ENGAGED, nullable=False),
    Column("n_converted", LONG, metric.CONVERTED, nullable=False),
    Column("n_conversions", LONG, metric.N_CONVERSIONS, nullable=False),
    Column("revenue", MONEY, metric.SESSION_REVENUE, nullable=False),
    Column("duration_s", LONG, "Sum of their lengths.", nullable=False),
    Column("avg_duration_s", DOUBLE, metric.AVG_DURATION_S, nullable=False),
)
CHECKS: tuple[Check, ...] = (
    in_range("n_sessions", minimum=1),
    in_range("duration_s", minimum=0),
    satisfies(
        "parts_are_of_the_sessions",
        "n_bounces <= n_sessions AND n_engaged <= n_sessions AND n_converted <= n_sessions",
        "n_bounces, n_engaged and n_converted: at most n_sessions.",
    ),
    satisfies(
        "new_visitors_are_visitors",
        "n_new_visitors <= n_visitors AND n_visitors <= n_sessions",
        "n_new_visitors: at most n_visitors, which are at most n_sessions.",
    ),
)


def sums_of_sessions(sessions: DataFrame, *by: str, as_of: date) -> DataFrame:
    """One row per day, view and group: `metric_date`, the group, `view`, `SUMS`, `is_complete`.

    Args:
        sessions: Rows of silver.web_sessions.
        by: Columns of the group; null is a value like any other.
        as_of: Days before this one are over.
    """
    keys = ("metric_date", *by, "view")
    summed = (
        in_views(sessions.withColumn("metric_date", F.col("session_date")))
        .groupBy(*keys)
        .agg(
            F.count(F.lit(1)).alias("n_sessions"),
            F.count_distinct("visitor_id").alias("n_visitors"),
            F.count_if(F.col("session_number") == 1).alias("n_new_visitors"),
            total("n_page_views").alias("n_page_views"),
            F.count_if("is_bounce").alias("n_bounces"),
            F.count_if("is_engaged").alias("n_engaged"),
            F.count_if(F.col("n_conversions") > 0).alias("n_converted"),
            total("n_conversions").alias("n_conversions"),
            F.sum("revenue").cast(MONEY).alias("revenue"),
            total("duration_s").alias("duration_s"),
        )
    )
    return summed.withColumns(
        {
            "avg_duration_s": F.col("duration_s") / F.col("n_sessions"),
            "is_complete": F.col("metric_date") < F.lit(as_of),
        }
    ).select(*keys, *(column.name for column in SUMS), "is_complete")
