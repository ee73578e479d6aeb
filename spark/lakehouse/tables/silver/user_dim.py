"""Known users with their current plan. One row per user.

A user is known from the signup; if there are several signup records, the earliest counts.
`current_plan` is the plan of the latest conversion (by date, ties by higher mrr and then by the
name of the plan, as for the first conversion), or `free` without one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import conversion as metric
from lakehouse.spec import (
    DATE,
    STRING,
    Column,
    Dedupe,
    Table,
    Upsert,
    not_empty,
    not_null,
    references,
    unique,
)
from lakehouse.tables.bronze import conversions, user_signups
from lakehouse.transforms.conversions import by_worth

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run


TABLE = Table(
    name="silver.user_dim",
    owner="growth",
    domain="growth",
    inputs=(user_signups.TABLE, conversions.TABLE),
    columns=(
        Column("user_id", STRING, "Natural key of the user.", nullable=False),
        Column("signup_date", DATE, "Day of the signup.", nullable=False),
        Column("company_size", STRING, "Size band of the user's company."),
        Column("industry", STRING, "Industry of the user's company."),
        Column("current_plan", STRING, "Plan of the latest conversion, or free.", nullable=False),
    ),
    write=Upsert(keys=("user_id",)),
    dedupe=Dedupe(keys=("user_id",), order_by=("signup_date asc", "_row_id asc")),
    requires=(
        not_empty("bronze.user_signups"),
        references("user_id", "bronze.user_signups", "user_id", on="bronze.conversions"),
    ),
    ensures=(
        not_empty(),
        not_null("user_id", "signup_date", "current_plan"),
        unique("user_id"),
    ),
    cluster_by=("user_id",),
)


def transform(user_signups: DataFrame, conversions: DataFrame, run: Run) -> DataFrame:  # noqa: ARG001  # no clock needed
    """Signups with the plan of the latest conversion."""
    place = F.struct("conversion_date", *by_worth())
    plans = conversions.groupBy("user_id").agg(F.max_by("plan", place).alias("plan"))
    return user_signups.join(plans, "user_id", "left").select(
        "user_id",
        "signup_date",
        "company_size",
        "industry",
        F.coalesce("plan", F.lit(metric.FREE)).alias("current_plan"),
    )
