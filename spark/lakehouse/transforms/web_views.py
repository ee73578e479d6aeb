"""Rows of the web → rows for each view of whose events count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def in_views(rows: DataFrame) -> DataFrame:
    """Every row once for each view of `metrics.web.VIEWS` that it counts in, in column `view`.

    Args:
        rows: Rows with is_bot and is_internal.
    """
    is_person = ~F.col("is_bot")
    views = F.array(
        F.lit("all"),
        F.when(is_person, F.lit("human")),
        F.when(is_person & ~F.col("is_internal"), F.lit("strict")),
    )
    return rows.withColumn("view", F.explode(views)).filter(F.col("view").isNotNull())
