"""Active users of the last 7 and 28 days. One row per day with at least one active user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.metrics import engagement as metric
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    LONG,
    Column,
    Latest,
    ReplaceSlices,
    Serve,
    SliceOf,
    Table,
    Trailing,
    in_range,
    not_empty,
    not_null,
    satisfies,
    unique,
)
from lakehouse.tables.silver import user_days
from lakehouse.transforms.numbers import total

if TYPE_CHECKING:
    from pyspark.sql import Column as Expression
    from pyspark.sql import DataFrame, WindowSpec

    from lakehouse.spec import Run

BEFORE = metric.ROLLING_DAYS - 1

TABLE = Table(
    name="gold.rolling_active_users",
    owner="interactions",
    domain="interactions",
    inputs=(user_days.TABLE,),
    columns=(
        Column("activity_date", DATE, "Last UTC day of the window.", nullable=False),
        Column("wau_7d", LONG, metric.WAU_7D, nullable=False),
        Column("mau_28d", LONG, metric.MAU_28D, nullable=False),
        Column("is_complete", BOOLEAN, metric.IS_COMPLETE, nullable=False),
    ),
    write=ReplaceSlices(
        by=("activity_date",),
        keys=("activity_date",),
        of=(
            SliceOf(
                name="activity_date",
                column="activity_date",
                window=Trailing(BEFORE),
            ),
        ),
    ),
    as_of=Latest(user_days.TABLE, "activity_date"),
    unfinished="NOT is_complete",
    requires=(not_empty("silver.user_days"),),
    ensures=(
        not_empty(),
        not_null("activity_date", "wau_7d", "mau_28d"),
        unique("activity_date"),
        in_range("wau_7d", minimum=1),
        satisfies("windows_nest", "wau_7d <= mau_28d", "wau_7d: at most mau_28d."),
    ),
    final="is_complete",
    cluster_by=("activity_date",),
    day="activity_date",
    is_small=True,
    serve=Serve(),
)


def transform(user_days: DataFrame, run: Run) -> DataFrame:
    """Count by arrivals and departures: no row is repeated for the days it counts on."""
    in_time = Window.partitionBy("user_id").orderBy("activity_date")
    points = F.array(
        _point(F.col("activity_date"), came=1, wau_7d=1, mau_28d=1),
        _point(_departure(metric.ROLLING_WEEK_DAYS), came=0, wau_7d=-1, mau_28d=0),
        _point(_departure(metric.ROLLING_DAYS), came=0, wau_7d=0, mau_28d=-1),
    )
    moves = (
        user_days.withColumn("following", F.lead("activity_date").over(in_time))
        .select(F.explode(points).alias("point"))
        .groupBy(F.col("point.activity_date").alias("activity_date"))
        .agg(*(total(f"point.{name}").alias(name) for name in ("came", "wau_7d", "mau_28d")))
    )
    so_far = Window.orderBy("activity_date").rowsBetween(
        Window.unboundedPreceding, Window.currentRow
    )
    return (
        moves.select(
            "activity_date",
            "came",
            *(
                F.sum(name).over(so_far).cast("bigint").alias(name)
                for name in ("wau_7d", "mau_28d")
            ),
        )
        .filter("came > 0")
        .drop("came")
        .withColumn("is_complete", F.col("activity_date") < F.lit(run.as_of))
    )


def _sum_of(name: str, window: WindowSpec) -> Expression:
    return F.sum(name).over(window).cast("bigint")


def _departure(days: int) -> Expression:
    """The day from which a row counts no more: the window has passed, or a later row counts."""
    return F.least(F.date_add("activity_date", days), F.col("following"))  # least ignores null


def _point(day: Expression, **moves: int) -> Expression:
    counted = (F.lit(n).cast("bigint").alias(name) for name, n in moves.items())
    return F.struct(day.alias("activity_date"), *counted)
