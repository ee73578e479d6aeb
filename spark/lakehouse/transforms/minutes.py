"""Figures of minutes → how unusual the last minutes are against the same minutes of days before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.metrics import live as metric
from lakehouse.transforms.anomalies import COUNTS, MAD_TO_SIGMA, VARIANCE_OF_A_MEDIAN
from lakehouse.transforms.numbers import steady, total

if TYPE_CHECKING:
    from datetime import date

    from pyspark.sql import Column, DataFrame

WINDOW = ("metric_date", "_minute")
"""A window, by the day of its last minute and that minute of the day, from 0."""
_MINUTES_A_DAY = 1440


def against_same_minutes(minutes: DataFrame, *, first: date, last: date) -> DataFrame:
    """What was expected of the windows that end on some days, and how far they are from it.

    The same minutes of the known days before give a level (their median) and a spread (1.4826 times
    the median absolute deviation). The spread is at least that of a Poisson count of what comes at
    once, and a share of the level; what the level itself may be off is added. All on the scale of
    roots, on which counts spread equally. A day is known when it has a row at all; a minute without
    one is 0.

    Args:
        minutes: metric_date, minute_start, and the columns of `metric.METRICS`.
        first: First day whose windows are judged.
        last: Last one: its windows as far as its minutes are over, which the next one tells.

    Returns:
        metric_date, window_end, metric_name, value, expected and z_score of the windows that are
        neither without enough days before nor of too small counts.
    """
    days = minutes.groupBy("metric_date").agg(F.max(_of_day("minute_start")).alias("_newest"))
    sums = _sums_of_windows(minutes).withColumnsRenamed({"metric_date": "_day", "_minute": "_at"})
    every = F.explode(F.sequence(F.lit(0), F.lit(_MINUTES_A_DAY - 1)))
    asked = (
        days.filter((F.col("metric_date") >= F.lit(first)) & (F.col("metric_date") <= F.lit(last)))
        .withColumn("_minute", every)
        .filter((F.col("metric_date") < F.lit(last)) | (F.col("_minute") < F.col("_newest")))
        .select(*WINDOW)
    )
    known = days.select(F.col("metric_date").alias("_known"))
    age = F.datediff("metric_date", "_known")
    # The window itself stands among the days with an age of 0: one lookup for all.
    compared = asked.join(known, (age >= 0) & (age <= metric.PAST_DAYS)).join(
        sums, (F.col("_known") == F.col("_day")) & (F.col("_minute") == F.col("_at")), how="left"
    )
    counts = F.explode(
        F.array(
            *(
                F.struct(F.lit(name).alias("metric_name"), F.coalesce(name, F.lit(0)).alias("n"))
                for name in metric.METRICS
            )
        )
    )
    told = [F.col(f"_count.{name}").alias(name) for name in ("metric_name", "n")]
    long = compared.select(*WINDOW, age.alias("_age"), counts.alias("_count"))
    return _judged(long.select(*WINDOW, "_age", *told))


def _judged(counts: DataFrame) -> DataFrame:
    place = COUNTS.of(F.col("n"))
    window = Window.partitionBy(*WINDOW, "metric_name")
    past = F.when(F.col("_age") > 0, F.col("_y"))
    known = counts.withColumn("_y", place).withColumn("_level", F.median(past).over(window))
    judged = known.groupBy(*WINDOW, "metric_name").agg(
        F.max(F.when(F.col("_age") == 0, F.col("n"))).alias("value"),
        F.max(F.when(F.col("_age") == 0, F.col("_y"))).alias("_own"),
        F.max("_level").alias("_level"),
        (F.median(F.abs(past - F.col("_level"))) * MAD_TO_SIGMA).alias("_mad"),
        F.count_if(F.col("_age") > 0).alias("_n_days"),
    )
    level = F.col("_level")
    at_once = F.lit(None).cast("double")
    for name, n in metric.AT_ONCE.items():
        at_once = F.when(F.col("metric_name") == name, float(n)).otherwise(at_once)
    spread = F.greatest("_mad", F.sqrt(at_once), COUNTS.share(level, metric.MIN_SPREAD))
    doubt = F.sqrt(F.lit(VARIANCE_OF_A_MEDIAN) / F.col("_n_days") + 1)
    seconds = (F.col("_minute") + 1) * 60
    return (
        judged.filter(F.col("_n_days") >= metric.MIN_PAST_DAYS)
        .withColumn("expected", steady(COUNTS.value_at(level), 3))
        .filter(F.greatest(F.col("value"), F.col("expected")) >= metric.MIN_COUNT)
        .select(
            "metric_date",
            F.timestamp_seconds(F.unix_date("metric_date") * 86_400 + seconds).alias("window_end"),
            "metric_name",
            F.col("value").cast("bigint").alias("value"),
            "expected",
            steady((F.col("_own") - level) / (spread * doubt), 9).alias("z_score"),
        )
    )


def _sums_of_windows(minutes: DataFrame) -> DataFrame:
    """Sums of the windows that have a minute with a row, by their last minute."""
    later = F.explode(F.sequence(F.lit(0), F.lit(metric.ANOMALY_MINUTES - 1)))
    ends = minutes.withColumn("_later", later).withColumn(
        "_end", F.timestamp_seconds(F.unix_seconds("minute_start") + F.col("_later") * 60)
    )
    return (
        ends.select(
            F.to_date("_end").alias("metric_date"),
            _of_day("_end").alias("_minute"),
            *metric.METRICS,
        )
        .groupBy(*WINDOW)
        .agg(*(total(name).alias(name) for name in metric.METRICS))
    )


def _of_day(moment: str) -> Column:
    """Minute of the day, from 0."""
    return F.hour(moment) * 60 + F.minute(moment)
