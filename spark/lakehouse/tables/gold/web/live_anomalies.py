"""What is unusual now. One row per figure and window of ten minutes that is; one ends every minute.

A window is compared with the same minutes of the days before. It is asked once its last minute is
over: a later event has arrived. Where nothing arrives at all, no window ends: that a stream stands
still is for the alerts of the stream to tell.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import live as metric
from lakehouse.spec import (
    DATE,
    DOUBLE,
    LONG,
    STRING,
    TIMESTAMP,
    Column,
    Latest,
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
from lakehouse.tables.gold.web import live_minutes
from lakehouse.transforms import live
from lakehouse.transforms.anomalies import severity
from lakehouse.transforms.minutes import against_same_minutes

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

GRAIN = ("metric_date", "window_end", "metric_name")

TABLE = Table(
    name="gold.live_anomalies",
    owner="web",
    domain="web",
    inputs=(live_minutes.TABLE,),
    columns=(
        Column("metric_date", DATE, "UTC day of the window's last minute.", nullable=False),
        Column("window_end", TIMESTAMP, "First moment after the window, UTC.", nullable=False),
        Column("metric_name", STRING, ", ".join(metric.METRICS) + ".", nullable=False),
        Column("value", LONG, "The figure in the ten minutes.", nullable=False),
        Column("expected", DOUBLE, metric.EXPECTED, nullable=False),
        Column("z_score", DOUBLE, metric.Z_SCORE, nullable=False),
        Column(
            "severity",
            STRING,
            "medium from |z_score| 4, high from 6, critical from 8.",
            nullable=False,
        ),
        Column("direction", STRING, "spike or drop.", nullable=False),
    ),
    write=ReplaceSlices(
        by=("metric_date",),
        keys=GRAIN,
        of=(
            SliceOf(
                name="metric_date", column="metric_date", window=Trailing(metric.PAST_DAYS + 1)
            ),
        ),
    ),
    as_of=Latest(live_minutes.TABLE, "metric_date"),
    unfinished="true",
    may_be_empty="nothing unusual happened",
    ensures=(
        not_null(*GRAIN),
        unique(*GRAIN),
        one_of("severity", tuple(name for name, _ in metric.SEVERITIES)),
        one_of("direction", ("spike", "drop")),
        satisfies(
            "is_unusual",
            f"abs(z_score) >= {metric.SEVERITIES[-1][1]}",
            f"z_score: at least {metric.SEVERITIES[-1][1]:g} above or below 0.",
        ),
    ),
    cluster_by=("metric_date",),
    day="metric_date",
    is_small=True,
    serve=Serve(indexes=(("window_end",),)),
    retention=live.RETENTION,
)


def transform(live_minutes: DataFrame, run: Run) -> DataFrame:
    """Compare every window of the newest days with the same minutes of the days before."""
    yesterday = run.as_of - timedelta(days=1)
    judged = against_same_minutes(live_minutes, first=yesterday, last=run.as_of)
    return (
        judged.withColumn("severity", severity("z_score", metric.SEVERITIES))
        .filter("severity IS NOT NULL")
        .withColumn("direction", F.when(F.col("z_score") > 0, "spike").otherwise("drop"))
        .select(*(column.name for column in TABLE.columns))
    )
