"""Active users by week and every mix of country, device and plan. One row per week and mix.

Null stands for all countries, devices or plans. A user counts in every mix of which they were on a
day of the week, so the users of mixes do not add up. Weeks start on Monday, or as
`LAKEHOUSE_WEEK_STARTS_ON` says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import engagement as metric
from lakehouse.spec import (
    BOOLEAN,
    DATE,
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
from lakehouse.transforms.dimensions import by_mix
from lakehouse.transforms.periods import week_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

GRAIN = ("week_start", *metric.DIMENSIONS)

TABLE = Table(
    name="gold.weekly_active_groups",
    owner="interactions",
    domain="interactions",
    inputs=(user_days.TABLE,),
    columns=(
        Column("week_start", DATE, "First day of the week, UTC.", nullable=False),
        Column("country", STRING, "Country of the day, unknown where not known; null = all."),
        Column("device_type", STRING, "Device of the day, unknown where not known; null = all."),
        Column(
            "subscription_type", STRING, "Plan of the day, unknown where not known; null = all."
        ),
        Column("wau", LONG, metric.WAU, nullable=False),
        Column("is_complete", BOOLEAN, metric.IS_COMPLETE, nullable=False),
    ),
    write=ReplaceSlices(
        by=("week_start",),
        keys=GRAIN,
        of=(SliceOf(name="week_start", column="activity_date", window=Period("week")),),
    ),
    settings=("week_starts_on",),
    as_of=Latest(user_days.TABLE, "activity_date"),
    unfinished="NOT is_complete",
    requires=(not_empty("silver.user_days"),),
    ensures=(
        not_empty(),
        not_null("week_start", "wau"),
        unique(*GRAIN),
        in_range("wau", minimum=1),
    ),
    final="is_complete",
    cluster_by=("week_start",),
    day="week_start",
    is_small=True,
    serve=Serve(indexes=(("country", "week_start"), ("device_type", "week_start"))),
)


def transform(user_days: DataFrame, run: Run) -> DataFrame:
    """Count the distinct users of each week and mix."""
    week = F.expr(week_of("activity_date")).alias("week_start")
    # Most users are of one mix all week: their days become one row before it is repeated.
    users = user_days.select(week, "user_id", *metric.DIMENSIONS).distinct()
    return (
        by_mix(users, metric.DIMENSIONS, "week_start", "user_id")
        .groupBy(*GRAIN)
        .agg(F.count_distinct("user_id").alias("wau"))
        .withColumn("is_complete", F.expr("date_add(week_start, 6)") < F.lit(run.as_of))
    )
