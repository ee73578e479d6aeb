"""Conversion records → the conversion that matters, and the cohort of each user and feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics.conversion import AVAILABLE, NOT_AVAILABLE, USED

if TYPE_CHECKING:
    from datetime import date

    from pyspark.sql import Column, DataFrame


FIRST = ("conversion_date", "days_to_convert", "mrr")
"""What is told of a user's first conversion."""


def by_worth() -> list[Column]:
    """Of several conversions on one day the last of these counts: the higher mrr, then the plan."""
    return [
        F.coalesce("mrr", F.lit(-1)).alias("mrr"),
        F.coalesce("plan", F.lit("")).alias("plan"),
        F.coalesce("_row_id", F.lit("")).alias("row_id"),
    ]


def first_conversions(conversions: DataFrame) -> DataFrame:
    """The first conversion of each user (by date, ties `by_worth`). One row per user.

    Returns:
        user_id, conversion_date, days_to_convert (as billing knows it, else from its signup date),
        mrr.
    """
    days = F.coalesce("days_to_convert", F.datediff("conversion_date", "signup_date"))
    earliest = (-F.unix_date("conversion_date")).alias("earliest")
    first = F.max_by(
        F.struct(FIRST[0], days.alias(FIRST[1]), FIRST[2]), F.struct(earliest, *by_worth())
    )
    return (
        conversions.groupBy("user_id")
        .agg(first.alias("first"))
        .select(
            "user_id",
            *(F.col(f"first.{name}").alias(name) for name in FIRST),
        )
    )


def users_by_feature(
    user_dim: DataFrame,
    feature_states: DataFrame,
    feature_usage_facts: DataFrame,
    conversions: DataFrame,
    *,
    as_of: date,
) -> DataFrame:
    """Every known user beside every feature with a current row. One row per user and feature.

    Returns:
        The columns of `user_dim`; feature_id, feature_name (the current one), released_on (first
        release); first_used_date; conversion_date, days_to_convert and mrr of the first conversion;
        cohort, judged on the reference date: the first conversion or, without one, `as_of`.
    """
    features = (
        feature_states.groupBy("feature_id")
        .agg(
            F.min("effective_from").alias("released_on"),
            F.max(F.when(F.col("is_current"), F.struct("feature_name"))).alias("current"),
        )
        .filter("current IS NOT NULL")
        .select("feature_id", F.col("current.feature_name").alias("feature_name"), "released_on")
    )
    first_use = feature_usage_facts.select("user_id", "feature_id", "first_used_date")
    reference_date = F.coalesce("conversion_date", F.lit(as_of))
    has_used = F.coalesce(F.col("first_used_date") <= reference_date, F.lit(False))
    was_available = F.col("released_on") <= reference_date
    return (
        user_dim.join(first_conversions(conversions), "user_id", how="left")
        .crossJoin(F.broadcast(features))
        .join(first_use, ["user_id", "feature_id"], how="left")
        .withColumn(
            "cohort",
            F.when(has_used, USED).when(was_available, AVAILABLE).otherwise(NOT_AVAILABLE),
        )
    )
