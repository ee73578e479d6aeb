"""Conversion records → the conversion that matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def first_conversions(conversions: DataFrame) -> DataFrame:
    """The first conversion of each user (by date, ties by higher mrr). One row per user.

    Returns:
        user_id, conversion_date, days_to_convert (as billing knows it, else from its signup date),
        mrr.
    """
    days = F.coalesce("days_to_convert", F.datediff("conversion_date", "signup_date"))
    first = F.min_by(
        F.struct("conversion_date", days.alias("days_to_convert"), "mrr", "plan"),
        F.struct(
            "conversion_date",
            (-F.coalesce("mrr", F.lit(-1))).alias("by_higher_mrr"),
            "plan",
            "_row_id",
        ),
    )
    return conversions.groupBy("user_id").agg(first.alias("first")).select("user_id", "first.*")
