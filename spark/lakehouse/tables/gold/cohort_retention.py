"""Weekly retention of cohorts. One row per cohort and week that has begun, weeks 0 to 26.

A cohort is the users whose first interaction was in a given week (UTC). Weeks start on Monday
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
    INT,
    LONG,
    Column,
    Latest,
    ReplaceSlices,
    Serve,
    Table,
    in_range,
    not_empty,
    not_null,
    satisfies,
    unique,
)
from lakehouse.tables.silver import user_activity

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

TABLE = Table(
    name="gold.cohort_retention",
    owner="interactions",
    domain="interactions",
    inputs=(user_activity.TABLE,),
    columns=(
        Column("cohort_week", DATE, "First day of the cohort's week.", nullable=False),
        Column("week_number", INT, "Weeks since the cohort's week, from 0.", nullable=False),
        Column("cohort_size", LONG, metric.COHORT_SIZE, nullable=False),
        Column("active_users", LONG, metric.ACTIVE_USERS, nullable=False),
        Column("retention_rate", DOUBLE, metric.RETENTION_RATE, nullable=False),
        Column("is_complete", BOOLEAN, metric.IS_COMPLETE, nullable=False),
    ),
    write=ReplaceSlices(by=("cohort_week",), keys=("cohort_week", "week_number")),
    as_of=Latest(user_activity.TABLE, "last_active_date"),
    # The week that goes on is never complete, so a cohort stays here until its last week is over.
    unfinished="NOT is_complete",
    requires=(not_empty("silver.user_activity"),),
    ensures=(
        not_empty(),
        not_null("cohort_week", "week_number", "retention_rate"),
        unique("cohort_week", "week_number"),
        in_range("week_number", minimum=0, maximum=metric.RETENTION_WEEKS),
        in_range("retention_rate", minimum=0, maximum=1),
        satisfies(
            "week_0_is_whole",
            "week_number > 0 OR active_users = cohort_size",
            "retention_rate: 1 in week 0.",
        ),
    ),
    final="is_complete",
    cluster_by=("cohort_week",),
    day="cohort_week",
    is_small=True,
    serve=Serve(indexes=(("is_complete", "week_number"),)),
)


def transform(user_activity: DataFrame, run: Run) -> DataFrame:
    """Count the bits of each week."""
    weeks = range(metric.RETENTION_WEEKS + 1)
    counted = user_activity.groupBy("cohort_week").agg(
        F.count(F.lit(1)).alias("cohort_size"),
        F.array(*(F.count_if(F.expr(f"(active_weeks & {2**week}) <> 0")) for week in weeks)).alias(
            "by_week"
        ),
    )
    begins = F.expr("date_add(cohort_week, 7 * week_number)")
    return (
        counted.select(
            "cohort_week",
            "cohort_size",
            F.posexplode("by_week").alias("week_number", "active_users"),
        )
        .filter(begins <= F.lit(run.as_of))
        .select(
            "cohort_week",
            F.col("week_number").cast("int").alias("week_number"),
            "cohort_size",
            "active_users",
            (F.col("active_users") / F.col("cohort_size")).alias("retention_rate"),
            (F.date_add(begins, 6) < F.lit(run.as_of)).alias("is_complete"),
        )
    )
