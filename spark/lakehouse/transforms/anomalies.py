"""Series of days → how unusual each day is against the days before it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.metrics import anomalies as metric
from lakehouse.transforms.numbers import as_json, steady
from lakehouse.transforms.periods import weekday

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspark.sql import Column, DataFrame

Worse = Literal["above", "below", "either"]

MAD_TO_SIGMA = 1.4826
"""Median absolute deviation times this estimates the deviation of a normal distribution."""

VARIANCE_OF_A_MEDIAN = math.pi / 2
"""Variance of the median of n normal values, times n / their variance."""

TAIL_OF_A_SPREAD = 14
"""Spreads of few days are uncertain: 1 + this / (days less habits) keeps false alarms constant.

Found by simulation: of normal values without any incident about as many reach a z-score of 3 as of
a normal distribution, after three weeks as after eight (`tests/transforms/test_anomalies.py`).
"""


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What a day is compared with, and when nothing is said.

    Attributes:
        window_days: Days before a day that count.
        min_days: With fewer of them nothing is said …
        min_same_weekdays: … or with fewer of the day's weekday.
        min_spread: Least spread, as a share of what is expected.
        has_trend: Series grow and shrink for weeks, and what is expected follows.
    """

    window_days: int
    min_days: int
    min_same_weekdays: int
    min_spread: float
    has_trend: bool = False


BASELINE = Baseline(
    window_days=metric.WINDOW_DAYS,
    min_days=metric.MIN_DAYS,
    min_same_weekdays=metric.MIN_SAME_WEEKDAYS,
    min_spread=metric.MIN_SPREAD,
)
"""Of every mart of unusual days."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """The scale on which days of a series spread equally.

    Attributes:
        of: Value → its place on the scale.
        value_at: Place → value.
        noise: Place → standard error that the figure of a usual day has of itself, on the scale.
        share: Place and share of the value → as large a step on the scale.
    """

    of: Callable[[Column], Column]
    value_at: Callable[[Column], Column]
    noise: Callable[[Column], Column]
    share: Callable[[Column, float], Column]


def logarithm(noise: Callable[[Column], Column]) -> Scale:
    """For measures: half as much lies as far from usual as twice as much.

    Args:
        noise: Place → standard error of ln(value + 1); it may use columns of the points.
    """
    return Scale(
        of=lambda value: F.log(value + 1),
        value_at=lambda place: F.exp(place) - 1,
        noise=noise,
        share=lambda place, share: F.lit(share) + place * 0,
    )


COUNTS = Scale(
    of=lambda value: F.sqrt(value + 0.375) * 2,
    value_at=lambda place: F.greatest(place * place / 4 - 0.375, F.lit(0.0)),
    noise=lambda place: F.lit(1.0) + place * 0,
    share=lambda place, share: place * (share / 2),
)
"""For counts: twice the root of a Poisson count + 3/8 has variance 1 (Anscombe 1948)."""


def against_days_before(
    points: DataFrame,
    *,
    series: Sequence[str],
    baseline: Baseline,
    scale: Scale,
    past: DataFrame | None = None,
) -> DataFrame:
    """Add `expected` and `z_score` to the points with enough days, and of their weekday, before.

    The days of the window before a day, never the day itself, give a level (their median), what
    their weekday adds (median of the weekday less median of all, from 3 such days on), and a spread
    (1.4826 times the median absolute deviation, which estimates a standard deviation; Iglewicz &
    Hoaglin 1993). The spread is widened for the weekdays' habits, which were fitted to the same
    days, and for being uncertain itself; it is at least the noise of a usual day and `min_spread`.
    What is expected of a weekday is uncertain, too: its variance is added. Of series with a trend
    the step from the median of the older half of the days to that of the newer half is carried on.
    What is expected is told with three decimals, a score with nine.

    Args:
        points: The series columns, `metric_date` and `value` (0 or more); one row per series and
            day. Other columns stay.
        series: Columns that tell series apart; null is a value like any other.
        baseline: The rules.
        scale: On what scale days are compared.
        past: Days (`metric_date`, `value`) that all series are compared with; by default each
            series with its own.
    """
    placed = {"_y": scale.of(F.col("value")), "_weekday": weekday("metric_date")}
    named = points.withColumns({"_series": as_json(*series), **placed})
    days = named if past is None else past.withColumns({"_series": F.lit("*"), **placed})
    before = days.select(
        F.col("_series").alias("_of"),
        F.col("metric_date").alias("_day"),
        F.col("_y").alias("_past"),
        F.col("_weekday").alias("_past_weekday"),
    )
    age = F.datediff("metric_date", "_day")
    is_before = (age >= 1) & (age <= baseline.window_days)
    is_own = F.col("_series") == F.col("_of")
    pairs = named.join(before, is_before & is_own if past is None else is_before).withColumn(
        "_age", age
    )
    return _judged(pairs, points.columns, baseline, scale)


def _judged(pairs: DataFrame, kept: Sequence[str], baseline: Baseline, scale: Scale) -> DataFrame:
    point = Window.partitionBy("_series", "metric_date")
    weekday = Window.partitionBy("_series", "metric_date", "_past_weekday")
    n_of_weekday = F.count(F.lit(1)).over(weekday)
    knows_weekday = n_of_weekday >= baseline.min_same_weekdays
    effect = F.median("_past").over(weekday) - F.median("_past").over(point)
    adjusted = pairs.withColumns(
        {
            "_effect": F.when(knows_weekday, effect).otherwise(0.0),
            "_habit": F.when(knows_weekday, F.lit(1.0) / n_of_weekday).otherwise(0.0),
        }
    ).withColumn("_adjusted", F.col("_past") - F.col("_effect"))
    if baseline.has_trend:
        adjusted = _carried_on(adjusted)
    level = adjusted.withColumn("_level", F.median("_adjusted").over(point))
    is_same_weekday = F.col("_past_weekday") == F.col("_weekday")
    judged = level.groupBy("_series", "metric_date").agg(
        *(F.any_value(name, True).alias(name) for name in kept if name != "metric_date"),
        F.any_value("_y", True).alias("_y"),
        F.any_value("_level", True).alias("_level"),
        F.max(F.when(is_same_weekday, F.col("_effect"))).alias("_effect"),
        (F.median(F.abs(F.col("_adjusted") - F.col("_level"))) * MAD_TO_SIGMA).alias("_mad"),
        F.count(F.lit(1)).alias("_n_days"),
        F.count_if(is_same_weekday).alias("_n_same_weekday"),
        F.round(F.sum("_habit")).alias("_n_habits"),  # each adds up to one
    )
    usual = F.col("_level") + F.col("_effect")
    is_known = (F.col("_n_days") >= baseline.min_days) & (
        F.col("_n_same_weekday") >= baseline.min_same_weekdays
    )
    known = judged.filter(is_known).withColumn("_usual", usual)
    return known.select(
        *kept,
        steady(scale.value_at(F.col("_usual")), 3).alias("expected"),
        steady((F.col("_y") - F.col("_usual")) / _spread(baseline, scale), 9).alias("z_score"),
    )


def _carried_on(pairs: DataFrame) -> DataFrame:
    """Move every day before to where the trend of the days would have it on the day itself."""
    point = Window.partitionBy("_series", "metric_date")
    oldest, newest = F.max("_age").over(point), F.min("_age").over(point)
    halved = pairs.withColumns({"_middle": (oldest + newest) / 2, "_span": oldest - newest + 1})
    is_newer = F.col("_age") < F.col("_middle")
    newer = F.median(F.when(is_newer, F.col("_adjusted"))).over(point)
    older = F.median(F.when(~is_newer, F.col("_adjusted"))).over(point)
    slope = (newer - older) * 2 / F.col("_span")  # the middles of the halves lie half a span apart
    carried = F.col("_adjusted") + F.coalesce(slope, F.lit(0.0)) * F.col("_age")
    return (
        halved.withColumn("_carried", carried)
        .drop("_adjusted")
        .withColumnRenamed("_carried", "_adjusted")
    )


def _spread(baseline: Baseline, scale: Scale) -> Column:
    """Standard error of a day against what is expected of it."""
    free = F.col("_n_days") - F.col("_n_habits") - int(baseline.has_trend)
    of_days = F.col("_mad") * F.sqrt(F.col("_n_days") / free) * (F.lit(TAIL_OF_A_SPREAD) / free + 1)
    place = F.col("_usual")
    least = scale.share(place, baseline.min_spread)
    doubt = F.lit(VARIANCE_OF_A_MEDIAN) / F.col("_n_same_weekday")
    if baseline.has_trend:
        # The step is a difference of medians of half the days each.
        doubt += F.lit(4 * VARIANCE_OF_A_MEDIAN) / F.col("_n_days")
    return F.greatest(of_days, scale.noise(place), least) * F.sqrt(doubt + 1)


def severity(
    z_score: str, thresholds: Sequence[tuple[str, float]], *, worse: Worse = "either"
) -> Column:
    """Name of the highest severity whose least absolute z-score is reached; null when none is.

    A day that is unusual for the better has the lowest severity, however far it lies.

    Args:
        z_score: Column.
        thresholds: Name and least absolute z-score, the highest first.
        worse: Whether days above or below what is expected are worse, or either.
    """
    score = F.col(z_score)
    badness = {"above": score, "below": -score, "either": F.abs(score)}[worse]
    *_, (mildest, least) = thresholds
    chosen = F.when(F.abs(score) >= least, mildest)
    for name, threshold in reversed(thresholds[:-1]):
        chosen = F.when(badness >= threshold, name).otherwise(chosen)
    return chosen
