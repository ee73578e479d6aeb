"""How engaged users are, overall and by country, device and plan. One row per group.

Totals and quartiles are over users, each with all their interactions so far, in the group of their
last active day. Figures of the last 28 days are over interactions, each in the group of its day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import engagement as metric
from lakehouse.spec import (
    DATE,
    DOUBLE,
    LONG,
    STRING,
    Column,
    Latest,
    Overwrite,
    Serve,
    Table,
    in_range,
    not_empty,
    not_null,
    satisfies,
    unique,
)
from lakehouse.tables.gold import daily_active_users
from lakehouse.tables.silver import user_activity
from lakehouse.transforms.dimensions import DIMENSION, by_dimension
from lakehouse.transforms.numbers import total

if TYPE_CHECKING:
    from pyspark.sql import Column as Expression
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

RECENT = f"last {metric.ROLLING_DAYS} days up to as_of_date"

TABLE = Table(
    name="gold.engagement_summary",
    owner="interactions",
    domain="interactions",
    inputs=(user_activity.TABLE, daily_active_users.TABLE),
    columns=(
        Column("dimension_name", STRING, metric.DIMENSION_NAME),
        Column("dimension_value", STRING, metric.DIMENSION_VALUE),
        Column("as_of_date", DATE, "As-of date: the newest day that counts.", nullable=False),
        Column("n_users", LONG, "Users with at least one interaction.", nullable=False),
        Column("n_interactions", LONG, "Distinct interactions of these users.", nullable=False),
        Column("total_duration_ms", LONG, metric.TOTAL_DURATION_MS),
        Column("avg_interactions", DOUBLE, "Mean interactions of a user.", nullable=False),
        Column("avg_duration_ms", DOUBLE, metric.AVG_DURATION_MS),
        Column("avg_active_days", DOUBLE, "Mean active days of a user.", nullable=False),
        *(Column(name, DOUBLE, metric.quantile(share)) for name, share in metric.QUARTILES.items()),
        Column("interactions_28d", LONG, f"Interactions of the {RECENT}.", nullable=False),
        Column(
            "interactions_28d_growth_rate",
            DOUBLE,
            f"Relative change of interactions_28d from the {metric.ROLLING_DAYS} days before; null "
            "when there were none.",
        ),
    ),
    write=Overwrite(keys=DIMENSION),
    as_of=Latest(daily_active_users.TABLE, "activity_date"),
    requires=(not_empty("silver.user_activity"), not_empty("gold.daily_active_users")),
    ensures=(
        not_empty(),
        not_null("as_of_date", "n_users"),
        unique(*DIMENSION),
        in_range("n_users", minimum=1),
        satisfies(
            "quartiles_ascend",
            "q1_interactions <= median_interactions AND median_interactions <= q3_interactions",
            "q1, median and q3 are in ascending order.",
        ),
    ),
    final="true",
    is_small=True,
    serve=Serve(),
)


def transform(user_activity: DataFrame, daily_active_users: DataFrame, run: Run) -> DataFrame:
    """Sum up users, and compare the last four weeks with the four before."""
    n_users = F.count(F.lit(1))
    shares = F.array(*(F.lit(share) for share in metric.QUARTILES.values()))
    users = (
        by_dimension(user_activity, metric.DIMENSIONS)
        .groupBy(*DIMENSION)
        .agg(
            n_users.alias("n_users"),
            total("n_interactions").alias("n_interactions"),
            total("total_duration_ms").alias("total_duration_ms"),
            (F.sum("n_interactions") / n_users).alias("avg_interactions"),
            F.try_divide(F.sum("total_duration_ms"), F.count("total_duration_ms")).alias(
                "avg_duration_ms"
            ),
            (F.sum("n_active_days") / n_users).alias("avg_active_days"),
            F.percentile("n_interactions", shares).alias("quartiles"),
        )
    )
    recent, before = _sum_of_days(run, 0), _sum_of_days(run, metric.ROLLING_DAYS)
    days = daily_active_users.groupBy(*(F.col(name).alias(f"_{name}") for name in DIMENSION)).agg(
        recent.alias("interactions_28d"),
        F.try_divide(recent - before, before).alias("interactions_28d_growth_rate"),
    )
    same = [F.col(name).eqNullSafe(F.col(f"_{name}")) for name in DIMENSION]
    found = users.join(days, same, "left").select(
        "*",
        F.lit(run.as_of).alias("as_of_date"),
        *(F.col("quartiles")[i].alias(name) for i, name in enumerate(metric.QUARTILES)),
    )
    return found.withColumn(
        "interactions_28d", F.coalesce("interactions_28d", F.lit(0).cast("bigint"))
    ).select(*(column.name for column in TABLE.columns))


def _sum_of_days(run: Run, skipped: int) -> Expression:
    """Interactions of the 28 days that end so many days before the as-of date."""
    age = F.datediff(F.lit(run.as_of), F.col("activity_date")) - skipped
    is_in = (age >= 0) & (age < metric.ROLLING_DAYS)
    return total(F.when(is_in, F.col("n_interactions")).otherwise(0))
