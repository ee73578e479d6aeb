"""Stickiness: DAU ÷ MAU. One row per day with at least one active user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import engagement as metric
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    DOUBLE,
    LONG,
    Column,
    LeftOut,
    Overwrite,
    Serve,
    Table,
    in_range,
    not_empty,
    not_null,
    unique,
)
from lakehouse.tables.gold import daily_active_users, monthly_active_users, rolling_active_users
from lakehouse.transforms.periods import month_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

TABLE = Table(
    name="gold.stickiness",
    owner="interactions",
    domain="interactions",
    inputs=(daily_active_users.TABLE, monthly_active_users.TABLE, rolling_active_users.TABLE),
    columns=(
        Column("activity_date", DATE, "UTC day.", nullable=False),
        Column("dau", LONG, metric.DAU, nullable=False),
        Column("mau", LONG, metric.MAU, nullable=False),
        Column("stickiness_rate", DOUBLE, metric.STICKINESS_RATE, nullable=False),
        Column("mau_28d", LONG, metric.MAU_28D, nullable=False),
        Column("stickiness_28d_rate", DOUBLE, metric.STICKINESS_28D_RATE, nullable=False),
        Column("is_complete", BOOLEAN, "Both the day and its month are over.", nullable=False),
    ),
    write=Overwrite(keys=("activity_date",)),
    left_out=LeftOut(
        where="dimension_name IS NOT NULL",
        reason="rows of one country, device or plan: stickiness is computed over all users",
    ),
    requires=(not_empty("gold.daily_active_users"),),
    ensures=(
        not_empty(),
        not_null("activity_date", "stickiness_rate"),
        unique("activity_date"),
        in_range("stickiness_rate", minimum=0, maximum=1),
        in_range("stickiness_28d_rate", minimum=0, maximum=1),
    ),
    final="is_complete",
    is_small=True,
    serve=Serve(),
)


def transform(
    daily_active_users: DataFrame,
    monthly_active_users: DataFrame,
    rolling_active_users: DataFrame,
    run: Run,  # noqa: ARG001  # no clock needed
) -> DataFrame:
    """Put the day beside its month and its four weeks."""
    everybody = F.col("dimension_name").isNull()
    days = daily_active_users.select(
        "activity_date", "dau", F.expr(month_of("activity_date")).alias("month_start")
    )
    months = monthly_active_users.filter(everybody).select("month_start", "mau", "is_complete")
    rolling = rolling_active_users.select("activity_date", "mau_28d")
    return (
        days.join(months, "month_start")
        .join(rolling, "activity_date")
        .select(
            "activity_date",
            "dau",
            "mau",
            (F.col("dau") / F.col("mau")).alias("stickiness_rate"),
            "mau_28d",
            (F.col("dau") / F.col("mau_28d")).alias("stickiness_28d_rate"),
            "is_complete",
        )
    )
