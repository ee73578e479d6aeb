"""Counts by day → the days that are unusual, as findings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pyspark.sql import functions as F

from lakehouse.metrics import anomalies as metric
from lakehouse.transforms.anomalies import BASELINE, COUNTS, against_days_before, severity
from lakehouse.transforms.dimensions import DIMENSION
from lakehouse.transforms.numbers import with_sign, with_thousands

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from pyspark.sql import Column, DataFrame

    from lakehouse.transforms.anomalies import Worse

OF_COUNTS = replace(BASELINE, has_trend=True)


def unusual_counts(
    counts: DataFrame, *, series: Sequence[str], until: date, worse: Worse
) -> DataFrame:
    """Unusual days of counts, as `finding` tells them.

    Args:
        counts: The series columns, `metric_date` and `value`; a day without a row counts as 0 from
            the first day of its series on.
        series: Columns that tell series apart: `metric_name` and those of a dimension.
        until: Days from this one on are not over, and not judged.
        worse: Whether more or less is worse, or either.
    """
    judged = against_days_before(
        _every_day(counts, series, until), series=series, baseline=OF_COUNTS, scale=COUNTS
    )
    least = F.when(F.col("metric_name") == "n_interactions", metric.MIN_INTERACTIONS)
    is_told = F.col("expected") >= least.otherwise(metric.MIN_COUNT)
    return finding(judged.filter(is_told), DIMENSION, worse=worse, unit="count")


def _every_day(counts: DataFrame, series: Sequence[str], until: date) -> DataFrame:
    """A row for every day that is over, of every series that is ever large enough to be told."""
    over = counts.filter(F.col("metric_date") < F.lit(until))
    spans = (
        over.groupBy(*series)
        .agg(F.min("metric_date").alias("first"), F.max("value").alias("most"))
        .filter(F.col("most") >= metric.MIN_COUNT)
    )
    last = f"date_sub(DATE '{until.isoformat()}', 1)"
    days = F.expr(f"explode(CAST(sequence(first, {last}, INTERVAL 1 DAY) AS ARRAY<DATE>))")
    every = spans.select(*series, days.alias("metric_date"))
    on = [F.col(f"d.{name}").eqNullSafe(F.col(f"c.{name}")) for name in (*series, "metric_date")]
    return (
        every.alias("d")
        .join(over.alias("c"), on, how="left")
        .select(
            *(F.col(f"d.{name}").alias(name) for name in (*series, "metric_date")),
            F.coalesce(F.col("c.value"), F.lit(0)).cast("double").alias("value"),
        )
    )


def finding(
    judged: DataFrame, group: Sequence[str], *, worse: Worse, unit: Literal["count", "rate"]
) -> DataFrame:
    """Add `severity` and `description` to the unusual days, and rename `expected` to `baseline`."""
    found = judged.withColumn("severity", severity("z_score", metric.SEVERITIES, worse=worse))
    return (
        found.filter(F.col("severity").isNotNull())
        .withColumnRenamed("expected", "baseline")
        .withColumn("description", _description(group, unit))
    )


def _description(group: Sequence[str], unit: Literal["count", "rate"]) -> Column:
    """`n_sessions of device_type mobile: 120, expected 300 for the weekday (-60 %)`."""
    value, usual = F.col("value"), F.col("baseline")
    if unit == "rate":
        shown = [
            F.concat(F.round(each * 100).cast("int").cast("string"), F.lit(" %"))
            for each in (value, usual)
        ]
        change = F.concat(F.lit(" ("), with_sign((value - usual) * 100), F.lit(" points)"))
    else:
        shown = [with_thousands(value), with_thousands(usual)]
        percent = with_sign((value / F.nullif(usual, F.lit(0.0)) - 1) * 100)
        change = F.coalesce(F.concat(F.lit(" ("), percent, F.lit(" %)")), F.lit(""))
    name, of = group
    who = F.when(F.col(name).isNull(), F.lit(" of everybody")).otherwise(
        F.concat(F.lit(" of "), F.col(name), F.lit(" "), F.coalesce(F.col(of), F.lit("unknown")))
    )
    return F.concat(
        F.col("metric_name"),
        who,
        F.lit(": "),
        shown[0],
        F.lit(", expected "),
        shown[1],
        F.lit(" for the weekday"),
        change,
    )
