"""The users who spend the most time in the app. One row per power user.

The top 1 % of users by total duration, rounded up to a whole user; ties are broken by user_id.
Users without any known duration are not ranked, so the table is empty if no interaction has a
duration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.metrics import engagement as metric
from lakehouse.spec import (
    DATE,
    LONG,
    STRING,
    Column,
    Overwrite,
    Serve,
    Table,
    in_range,
    not_empty,
    not_null,
    unique,
)
from lakehouse.tables.silver import user_activity

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

TABLE = Table(
    name="gold.power_users",
    owner="interactions",
    domain="interactions",
    inputs=(user_activity.TABLE,),
    columns=(
        Column("user_id", STRING, "User.", nullable=False),
        Column("rank", LONG, metric.POWER_RANK, nullable=False),
        Column("total_duration_ms", LONG, metric.TOTAL_DURATION_MS, nullable=False),
        Column("n_interactions", LONG, "Distinct interactions.", nullable=False),
        Column("n_active_days", LONG, "Days with an interaction.", nullable=False),
        Column("first_active_date", DATE, "First day with an interaction, UTC.", nullable=False),
        Column("last_active_date", DATE, "Last day with an interaction, UTC.", nullable=False),
        Column("country", STRING, "Country on the last active day.", nullable=False),
        Column("device_type", STRING, "Device on the last active day.", nullable=False),
        Column("subscription_type", STRING, "Plan on the last active day.", nullable=False),
    ),
    write=Overwrite(keys=("user_id",)),
    requires=(not_empty("silver.user_activity"),),
    ensures=(
        not_empty(severity="warn", unless=metric.NO_DURATIONS),
        not_null("user_id", "rank"),
        unique("user_id"),
        unique("rank"),
        in_range("rank", minimum=1),
    ),
    final="true",
    is_small=True,
    serve=Serve(
        indexes=(
            ("rank",),
            ("country",),
            ("device_type",),
            ("subscription_type",),
        )
    ),
)


def transform(user_activity: DataFrame, run: Run) -> DataFrame:  # noqa: ARG001  # no clock needed
    """Rank the users and keep the first."""
    place = F.row_number().over(
        Window.orderBy(F.col("total_duration_ms").desc_nulls_last(), "user_id")
    )
    n_users = user_activity.agg(F.count(F.lit(1)).alias("n_users"))
    kept = F.ceil(F.col("n_users") * F.lit(metric.POWER_USERS_RATE))
    ranked = user_activity.withColumn("rank", place.cast("bigint")).crossJoin(F.broadcast(n_users))
    is_first = (F.col("rank") <= kept) & (F.col("total_duration_ms") > 0)
    return ranked.filter(is_first).select(*(c.name for c in TABLE.columns))
