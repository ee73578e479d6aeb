"""Activity of each user so far, and active weeks. One row per user with at least one interaction.

Country, device and plan are those of the user's last active day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import engagement as metric
from lakehouse.spec import (
    DATE,
    LONG,
    STRING,
    Column,
    Table,
    Upsert,
    in_range,
    not_empty,
    not_null,
    satisfies,
    unique,
)
from lakehouse.tables.silver import user_days
from lakehouse.transforms.numbers import total, two_to_the
from lakehouse.transforms.periods import week_of

if TYPE_CHECKING:
    from pyspark.sql import Column as Expression
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

LAST = ("country", "device_type", "subscription_type")

TABLE = Table(
    name="silver.user_activity",
    owner="interactions",
    domain="interactions",
    inputs=(user_days.TABLE,),
    columns=(
        Column("user_id", STRING, "User.", nullable=False),
        Column("first_active_date", DATE, "First day with an interaction, UTC.", nullable=False),
        Column("last_active_date", DATE, "Last day with an interaction, UTC.", nullable=False),
        Column(
            "cohort_week", DATE, "First day of the week of the first interaction.", nullable=False
        ),
        Column(
            "active_weeks",
            LONG,
            "Bits of the weeks with an interaction: bit 0 the cohort's, bit n the n-th after it, "
            f"up to {metric.RETENTION_WEEKS}.",
            nullable=False,
        ),
        Column("n_active_days", LONG, "Days with an interaction.", nullable=False),
        Column("n_interactions", LONG, "Distinct interactions.", nullable=False),
        Column("total_duration_ms", LONG, metric.TOTAL_DURATION_MS),
        Column("country", STRING, "Country on the last active day.", nullable=False),
        Column("device_type", STRING, "Device on the last active day.", nullable=False),
        Column("subscription_type", STRING, "Plan on the last active day.", nullable=False),
    ),
    settings=("week_starts_on",),
    write=Upsert(keys=("user_id",)),
    requires=(not_empty("silver.user_days"),),
    ensures=(
        not_empty(),
        not_null("user_id", "cohort_week"),
        unique("user_id"),
        in_range("n_active_days", minimum=1),
        satisfies("week_0_is_active", "active_weeks & 1 = 1", "active_weeks: bit 0 is set."),
    ),
    cluster_by=("user_id",),
)


def transform(user_days: DataFrame, run: Run) -> DataFrame:  # noqa: ARG001  # no clock needed
    """Sum up the days of each user."""
    week = F.expr(week_of("activity_date"))
    last = F.max_by(F.struct(*LAST), "activity_date")
    # Weeks as days since 1970-01-01 (a Thursday): their distance counts, not their place.
    weeks = F.collect_set(F.unix_date(week))
    first_week = F.min(week)
    return (
        user_days.groupBy("user_id")
        .agg(
            F.min("activity_date").alias("first_active_date"),
            F.max("activity_date").alias("last_active_date"),
            first_week.alias("cohort_week"),
            weeks.alias("weeks"),
            F.count(F.lit(1)).alias("n_active_days"),
            total("n_interactions").alias("n_interactions"),
            total("total_duration_ms").alias("total_duration_ms"),
            last.alias("last"),
        )
        .select(
            "user_id",
            "first_active_date",
            "last_active_date",
            "cohort_week",
            _bits(F.col("weeks"), F.unix_date("cohort_week")).alias("active_weeks"),
            "n_active_days",
            "n_interactions",
            "total_duration_ms",
            *(F.col(f"last.{name}").alias(name) for name in LAST),
        )
    )


def _bits(weeks: Expression, first: Expression) -> Expression:
    """One bit a week that is at most 26 weeks after the first."""
    numbers = F.transform(weeks, lambda week: ((week - first) / 7).cast("int"))
    watched = F.filter(numbers, lambda number: number <= metric.RETENTION_WEEKS)
    # Each number is there once: the sum has the bits of all.
    bits = F.transform(watched, two_to_the)
    return F.aggregate(bits, F.lit(0).cast("bigint"), lambda so_far, bit: so_far + bit)
