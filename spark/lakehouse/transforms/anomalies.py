"""Series of days → how unusual each day is against the days before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.transforms.numbers import as_json, steady
from lakehouse.transforms.periods import weekday

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame

MAD_TO_SIGMA = 1.4826
"""Median absolute deviation times this estimates the deviation of a normal distribution."""


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What a day is compared with, and when nothing is said.

    Attributes:
        window_days: Days before a day that count.
        min_days: With fewer of them nothing is said …
        min_same_weekdays: … or with fewer of the day's weekday.
        min_spread: Least spread, of the logarithm.
    """

    window_days: int
    min_days: int
    min_same_weekdays: int
    min_spread: float


def against_days_before(
    points: DataFrame, *, series: Sequence[str], baseline: Baseline
) -> DataFrame:
    """Add `expected` and `z_score` to the points with enough days, and of their weekday, before.

    On the logarithm, where slow days lie as far from usual ones as fast days do. The days of the
    window before a day, never the day itself, give a level (their median), what their weekday adds
    (median of the weekday less median of all, from 3 such days on), and a spread (1.4826 times the
    median absolute deviation, which estimates a standard deviation; Iglewicz & Hoaglin 1993). A day
    with few rows is uncertain itself: the spread is at least its `noise`. What is expected is told
    with three decimals, a score with nine.

    Args:
        points: The series columns, `metric_date`, `value` (0 or more) and `noise` (standard error
            of the value's logarithm); one row per series and day. Other columns stay.
        series: Columns that tell series apart; null is a value like any other.
        baseline: The rules.
    """
    named = points.withColumns(
        {
            "_series": as_json(*series),
            "_y": F.log(F.col("value") + 1),
            "_weekday": weekday("metric_date"),
        }
    )
    before = named.select(
        F.col("_series").alias("_of"),
        F.col("metric_date").alias("_day"),
        F.col("_y").alias("_past"),
        F.col("_weekday").alias("_past_weekday"),
    )
    age = F.datediff("metric_date", "_day")
    is_before = (age >= 1) & (age <= baseline.window_days)
    pairs = named.join(before, (F.col("_series") == F.col("_of")) & is_before)
    return _judged(pairs, points.columns, baseline)


def _judged(pairs: DataFrame, kept: Sequence[str], baseline: Baseline) -> DataFrame:
    point = Window.partitionBy("_series", "metric_date")
    weekday = Window.partitionBy("_series", "metric_date", "_past_weekday")
    knows_weekday = F.count(F.lit(1)).over(weekday) >= baseline.min_same_weekdays
    effect = F.median("_past").over(weekday) - F.median("_past").over(point)
    adjusted = pairs.withColumn("_effect", F.when(knows_weekday, effect).otherwise(0.0)).withColumn(
        "_adjusted", F.col("_past") - F.col("_effect")
    )
    level = adjusted.withColumn("_level", F.median("_adjusted").over(point))
    is_same_weekday = F.col("_past_weekday") == F.col("_weekday")
    spread = F.median(F.abs(F.col("_adjusted") - F.col("_level"))) * MAD_TO_SIGMA
    judged = level.groupBy("_series", "metric_date").agg(
        *(F.any_value(name, True).alias(name) for name in kept if name != "metric_date"),
        F.any_value("_y", True).alias("_y"),
        F.any_value("_level", True).alias("_level"),
        F.max(F.when(is_same_weekday, F.col("_effect"))).alias("_effect"),
        F.greatest(spread, F.any_value("noise", True), F.lit(baseline.min_spread)).alias("_spread"),
        F.count(F.lit(1)).alias("_n_days"),
        F.count_if(is_same_weekday).alias("_n_same_weekday"),
    )
    usual = F.col("_level") + F.col("_effect")
    is_known = (F.col("_n_days") >= baseline.min_days) & (
        F.col("_n_same_weekday") >= baseline.min_same_weekdays
    )
    return judged.filter(is_known).select(
        *kept,
        steady(F.exp(usual) - 1, 3).alias("expected"),
        steady((F.col("_y") - usual) / F.col("_spread"), 9).alias("z_score"),
    )


def severity(z_score: str, thresholds: Sequence[tuple[str, float]]) -> Column:
    """Name of the highest severity whose least absolute z-score is reached; null when none is.

    Args:
        z_score: Column.
        thresholds: Name and least absolute z-score, the highest first.
    """
    size = F.abs(F.col(z_score))
    chosen = F.lit(None).cast("string")
    for name, threshold in reversed(thresholds):
        chosen = F.when(size >= threshold, name).otherwise(chosen)
    return chosen
