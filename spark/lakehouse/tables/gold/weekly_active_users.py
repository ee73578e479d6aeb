"""Active users by week, overall and by country, device and plan. One row per week and group.

A user counts in every group to which they belonged on some day of the week. Weeks start on Monday
unless `LAKEHOUSE_WEEK_STARTS_ON` says otherwise.
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
from lakehouse.transforms.periods import active_users, growth_rate, week_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run


TABLE = Table(
    name="gold.weekly_active_users",
    owner="interactions",
    domain="interactions",
    inputs=(user_days.TABLE,),
    columns=(
        Column("week_start", DATE, "First day of the week, UTC.", nullable=False),
        Column("dimension_name", STRING, metric.DIMENSION_NAME),
        Column("dimension_value", STRING, metric.DIMENSION_VALUE),
        Column("wau", LONG, metric.WAU, nullable=False),
        Column("wau_growth_rate", DOUBLE, metric.GROWTH_RATE),
        Column("n_interactions", LONG, "Interactions of these users in the week.", nullable=False),
        Column("total_duration_ms", LONG, metric.TOTAL_DURATION_MS),
        Column("is_complete", BOOLEAN, metric.IS_COMPLETE, nullable=False),
    ),
    # A week counts again in the growth of the next one.
    write=ReplaceSlices(
        by=("week_start",),
        keys=("week_start", *DIMENSION),
        of=(
            SliceOf(
                name="week_start",
                column="activity_date",
                window=Period("week", before=1),
            ),
        ),
    ),
    settings=("week_starts_on",),
    as_of=Latest(user_days.TABLE, "activity_date"),
    unfinished="NOT is_complete",
    requires=(not_empty("silver.user_days"),),
    ensures=(
        not_empty(),
        not_null("week_start", "wau"),
        unique("week_start", *DIMENSION),
        in_range("wau", minimum=1),
    ),
    final="is_complete",
    cluster_by=("week_start",),
    day="week_start",
    is_small=True,
    serve=Serve(
        indexes=(
            ("dimension_name", "week_start"),
            ("dimension_name", "dimension_value", "week_start"),
        )
    ),
)


def transform(user_days: DataFrame, run: Run) -> DataFrame:
    """Count the distinct users of each week."""
    days = by_dimension(user_days, metric.DIMENSIONS)
    growth = growth_rate("wau", "week_start", before="date_sub(week_start, 7)")
    return active_users(
        days, F.expr(week_of("activity_date")).alias("week_start"), "wau"
    ).withColumns(
        {
            "wau_growth_rate": growth,
            "is_complete": F.expr("date_add(week_start, 6)") < F.lit(run.as_of),
        }
    )
