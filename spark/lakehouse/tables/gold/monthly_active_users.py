"""Active users by month, overall and by country, device and plan. One row per month and group.

A user counts in every group to which they belonged on some day of the month. Months are calendar
months.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import engagement as metric
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    DOUBLE,
    LONG,
    STRING,
    Column,
    Latest,
    Period,
    ReplaceSlices,
    Serve,
    SliceOf,
    Table,
    in_range,
    not_empty,
    not_null,
    unique,
)
from lakehouse.tables.silver import user_days
from lakehouse.transforms.dimensions import DIMENSION, by_dimension
from lakehouse.transforms.periods import active_users, growth_rate, month_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

MONTH = month_of("activity_date")

TABLE = Table(
    name="gold.monthly_active_users",
    owner="interactions",
    domain="interactions",
    inputs=(user_days.TABLE,),
    columns=(
        Column("month_start", DATE, "First day of the month, UTC.", nullable=False),
        Column("dimension_name", STRING, metric.DIMENSION_NAME),
        Column("dimension_value", STRING, metric.DIMENSION_VALUE),
        Column("mau", LONG, metric.MAU, nullable=False),
        Column("mau_growth_rate", DOUBLE, metric.GROWTH_RATE),
        Column("n_interactions", LONG, "Interactions of these users in the month.", nullable=False),
        Column("total_duration_ms", LONG, metric.TOTAL_DURATION_MS),
        Column("is_complete", BOOLEAN, metric.IS_COMPLETE, nullable=False),
    ),
    # A month counts again in the growth of the next one.
    write=ReplaceSlices(
        by=("month_start",),
        keys=("month_start", *DIMENSION),
        of=(
            SliceOf(
                name="month_start",
                column="activity_date",
                window=Period("month", before=1),
            ),
        ),
    ),
    as_of=Latest(user_days.TABLE, "activity_date"),
    unfinished="NOT is_complete",
    requires=(not_empty("silver.user_days"),),
    ensures=(
        not_empty(),
        not_null("month_start", "mau"),
        unique("month_start", *DIMENSION),
        in_range("mau", minimum=1),
    ),
    final="is_complete",
    cluster_by=("month_start",),
    day="month_start",
    is_small=True,
    serve=Serve(
        indexes=(
            ("dimension_name", "month_start"),
            ("dimension_name", "dimension_value", "month_start"),
        )
    ),
)


def transform(user_days: DataFrame, run: Run) -> DataFrame:
    """Count the distinct users of each month."""
    days = by_dimension(user_days, metric.DIMENSIONS)
    growth = growth_rate("mau", "month_start", before="add_months(month_start, -1)")
    return active_users(days, F.expr(MONTH).alias("month_start"), "mau").withColumns(
        {
            "mau_growth_rate": growth,
            "is_complete": F.expr("last_day(month_start)") < F.lit(run.as_of),
        }
    )
