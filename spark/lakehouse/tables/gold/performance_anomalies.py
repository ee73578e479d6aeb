"""Days on which a page, version, device or all of them were unusually slow or fast.

One row per day and series with |z_score| of at least 3. The series are the 95th percentiles of
`gold.performance_metrics`: overall, by page, by version and by device type. A day is compared with
the up to 56 days before it, weekday by weekday; see `against_days_before`. A version without enough
days of its own is compared with those of all versions, so that a release that is slow from its
first day is found. A faster day is never more than medium.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import anomalies as metric
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    DOUBLE,
    LONG,
    STRING,
    Column,
    LeftOut,
    ReplaceSlices,
    Serve,
    SliceOf,
    Table,
    Trailing,
    not_null,
    one_of,
    satisfies,
    unique,
)
from lakehouse.tables.gold import performance_metrics
from lakehouse.tables.gold.performance_metrics import PARTS
from lakehouse.transforms.anomalies import (
    BASELINE,
    against_days_before,
    logarithm,
    severity,
)
from lakehouse.transforms.numbers import with_sign, with_thousands

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import Column as Expression
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

SERIES = ("series_name", "series_value")
N_PARTS = " + ".join(f"CAST({part} IS NOT NULL AS INT)" for part in PARTS)

TABLE = Table(
    name="gold.performance_anomalies",
    owner="interactions",
    domain="interactions",
    inputs=(performance_metrics.TABLE,),
    columns=(
        Column("metric_date", DATE, "UTC day.", nullable=False),
        Column("series_name", STRING, "page_id, app_version or device_type; null = overall."),
        Column("series_value", STRING, "Value of the dimension; null = overall."),
        Column("n", LONG, "Measured interactions of the day and series.", nullable=False),
        Column("value", DOUBLE, metric.VALUE, nullable=False),
        Column("baseline", DOUBLE, metric.BASELINE, nullable=False),
        Column("z_score", DOUBLE, metric.Z_SCORE, nullable=False),
        Column("severity", STRING, metric.SEVERITY, nullable=False),
        Column("description", STRING, "The finding in one sentence.", nullable=False),
        Column("is_complete", BOOLEAN, "The day is over.", nullable=False),
    ),
    write=ReplaceSlices(
        by=("metric_date",),
        keys=("metric_date", *SERIES),
        of=(
            SliceOf(
                name="metric_date",
                column="metric_date",
                window=Trailing(metric.WINDOW_DAYS),
            ),
        ),
    ),
    left_out=LeftOut(
        where=f"{N_PARTS} > 1 OR n < {metric.MIN_SAMPLE}",
        reason=f"mixes of several parts, and those of fewer than {metric.MIN_SAMPLE} actions",
    ),
    requires=(not_null("p50_ms", "p95_ms", on="gold.performance_metrics"),),
    ensures=(
        not_null("metric_date", "value", "z_score", "severity"),
        unique("metric_date", *SERIES),
        one_of("severity", tuple(name for name, _ in metric.SEVERITIES)),
        satisfies("is_unusual", "abs(z_score) >= 3", "z_score: at least 3 above or below 0."),
    ),
    may_be_empty="nothing unusual happened",
    final="is_complete",
    cluster_by=("metric_date",),
    day="metric_date",
    is_small=True,
    serve=Serve(
        indexes=(
            ("severity", "metric_date"),
            ("series_name", "series_value", "metric_date"),
        ),
        by_year_of="metric_date",
    ),
)


def transform(performance_metrics: DataFrame, run: Run) -> DataFrame:  # noqa: ARG001  # no clock needed
    """Compare every day of every series with the days before it."""
    points = performance_metrics.select(
        "metric_date",
        _first_told(F.lit).alias("series_name"),
        _first_told(F.col).alias("series_value"),
        "n",
        F.col("p95_ms").alias("value"),
        _noise().alias("noise"),
        "is_complete",
    )
    judged = _against_own_days(points)
    # Only what no days of its own can tell: all versions are the fallback.
    versions = points.filter(F.col("series_name") == "app_version").join(
        judged.select("metric_date", *SERIES), ["metric_date", *SERIES], how="left_anti"
    )
    everything = points.filter(F.col("series_name").isNull())
    found = judged.unionByName(_against_own_days(versions, past=everything)).withColumn(
        "severity", severity("z_score", metric.SEVERITIES, worse="above")
    )
    return (
        found.filter(F.col("severity").isNotNull())
        .withColumnRenamed("expected", "baseline")
        .withColumn("description", _description())
        .select(*(column.name for column in TABLE.columns))
    )


def _against_own_days(points: DataFrame, past: DataFrame | None = None) -> DataFrame:
    return against_days_before(
        points,
        series=SERIES,
        baseline=BASELINE,
        scale=logarithm(lambda place: F.col("noise") + place * 0),
        past=past,
    )


def _noise() -> Expression:
    """Standard error of ln p95, by the density of a log-normal distribution at its quantile.

    sqrt(0.95 x 0.05 / n) / density(1.645) x s, with s = (ln p95 - ln p50) / 1.645 (David & Nagaraja
    2003, Order Statistics, section 10.2).
    """
    spread = F.log(F.col("p95_ms") + 1) - F.log(F.col("p50_ms") + 1)
    return metric.NOISE_OF_P95 * spread / F.sqrt("n")


def _first_told(of: Callable[[str], Expression]) -> Expression:
    """Name (F.lit) or value (F.col) of the one part that is not null."""
    return F.coalesce(*(F.when(F.col(part).isNotNull(), of(part)) for part in PARTS))


def _description() -> Expression:
    who = F.coalesce(F.concat_ws(" ", F.lit("of"), *SERIES), F.lit(""))
    whose = F.when(F.col("series_name").isNull(), F.lit("of everything")).otherwise(who)
    return F.concat(
        F.lit("95th percentile "),
        whose,
        F.lit(": "),
        with_thousands(F.col("value")),
        F.lit(" ms, expected "),
        with_thousands(F.col("baseline")),
        F.lit(" ms for the weekday ("),
        with_sign((F.col("value") / F.col("baseline") - 1) * 100),
        F.lit(" %)"),
    )
