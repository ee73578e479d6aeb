"""How long actions take over the week. One row per weekday and hour with measured actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import engagement as metric
from lakehouse.spec import (
    DOUBLE,
    INT,
    LONG,
    Column,
    LeftOut,
    Overwrite,
    Serve,
    Table,
    in_range,
    not_empty,
    not_null,
    unique,
)
from lakehouse.tables.silver import interactions
from lakehouse.transforms.periods import weekday
from lakehouse.transforms.quantiles import quantiles

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

TABLE = Table(
    name="gold.performance_by_hour",
    owner="interactions",
    domain="interactions",
    inputs=(interactions.TABLE,),
    columns=(
        Column("weekday", INT, "ISO weekday, 1 = Monday to 7 = Sunday, UTC.", nullable=False),
        Column("hour", INT, "Hour of the day, 0 to 23, UTC.", nullable=False),
        Column("n", LONG, metric.N_MEASURED, nullable=False),
        Column("p50_ms", DOUBLE, metric.percentile(50), nullable=False),
        Column("p95_ms", DOUBLE, metric.percentile(95), nullable=False),
    ),
    write=Overwrite(keys=("weekday", "hour")),
    left_out=LeftOut(where=metric.IS_NOT_MEASURED, reason=metric.NOT_MEASURED),
    requires=(not_empty("silver.interactions"),),
    ensures=(
        not_empty(severity="warn", unless=metric.NO_DURATIONS),
        not_null("weekday", "hour", "p50_ms", "p95_ms"),
        unique("weekday", "hour"),
        in_range("weekday", minimum=1, maximum=7),
        in_range("hour", minimum=0, maximum=23),
    ),
    final="true",
    is_small=True,
    serve=Serve(),
)


def transform(interactions: DataFrame, run: Run) -> DataFrame:  # noqa: ARG001  # no clock needed
    """Percentiles of every hour of the week, from counts of equal durations."""
    day_of_week = (weekday("event_at") + 1).cast("int").alias("weekday")
    counted = interactions.groupBy(
        day_of_week, F.hour("event_at").cast("int").alias("hour"), "duration_ms"
    ).agg(F.count(F.lit(1)).alias("times"))
    return quantiles(counted, ("weekday", "hour"), "duration_ms", (0.5, 0.95)).select(
        "weekday",
        "hour",
        "n",
        F.col("quantiles")[0].alias("p50_ms"),
        F.col("quantiles")[1].alias("p95_ms"),
    )
