"""How late events arrive. One row per day on which they happened and bucket of their delay.

The delay is what passed from the event to its receipt by the collector. The cumulative rates of a
day are a curve: they say how complete its figures are so long after. Late events that count in no
figure count here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.metrics import web as metric
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    DOUBLE,
    INT,
    LONG,
    STRING,
    Column,
    Latest,
    ReplaceSlices,
    Serve,
    SliceOf,
    Table,
    in_range,
    not_empty,
    not_null,
    one_of,
    unique,
)
from lakehouse.tables.silver.web import web_events

if TYPE_CHECKING:
    from pyspark.sql import Column as Expression
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

BUCKETS = (*(name for name, _ in metric.LATENESS_BUCKETS), metric.UNKNOWN)

TABLE = Table(
    name="gold.lateness",
    owner="web",
    domain="web",
    inputs=(web_events.TABLE,),
    columns=(
        Column("metric_date", DATE, "UTC day on which the events happened.", nullable=False),
        Column("bucket", STRING, metric.LATENESS_BUCKET, nullable=False),
        Column("position", INT, "Place of the bucket among them, from 1.", nullable=False),
        Column("up_to_s", LONG, "Longest delay of the bucket; null for later and unknown."),
        Column("n_events", LONG, "Events.", nullable=False),
        Column("cumulative_events", LONG, metric.CUMULATIVE_EVENTS),
        Column("cumulative_rate", DOUBLE, metric.CUMULATIVE_RATE),
        Column("is_complete", BOOLEAN, metric.IS_SETTLED, nullable=False),
    ),
    write=ReplaceSlices(
        by=("metric_date",),
        keys=("metric_date", "bucket"),
        of=(SliceOf(name="metric_date", column="event_date"),),
    ),
    as_of=Latest(web_events.TABLE, "event_date"),
    unfinished="NOT is_complete",
    requires=(not_empty("silver.web_events"),),
    ensures=(
        not_empty(),
        not_null("metric_date", "bucket", "n_events"),
        unique("metric_date", "bucket"),
        unique("metric_date", "position"),
        one_of("bucket", BUCKETS),
        in_range("n_events", minimum=0),
        in_range("cumulative_rate", minimum=0, maximum=1),
    ),
    final="is_complete",
    cluster_by=("metric_date",),
    day="metric_date",
    is_small=True,
    serve=Serve(indexes=(("bucket", "metric_date"),), by_year_of="metric_date"),
)


def transform(web_events: DataFrame, run: Run) -> DataFrame:
    """Count the events of each bucket, of every day all buckets."""
    late_us = F.unix_micros("received_at") - F.unix_micros("event_at")
    counted = (
        web_events.withColumn("_late_us", late_us)
        .groupBy(F.col("event_date").alias("metric_date"))
        .agg(F.count("_late_us").alias("n_known"), *_counts())
    )
    buckets = F.array(*(_bucket(place) for place in range(len(BUCKETS))))
    so_far = (
        Window.partitionBy("metric_date")
        .orderBy("position")
        .rowsBetween(Window.unboundedPreceding, Window.currentRow)
    )
    told = counted.select("metric_date", "n_known", F.explode(buckets).alias("of")).select(
        *("metric_date", "n_known"),
        *(
            F.col(f"of.{name}").alias(name)
            for name in ("bucket", "position", "up_to_s", "n_events")
        ),
    )
    is_known = F.col("bucket") != metric.UNKNOWN
    cumulated = told.withColumn("_so_far", F.sum("n_events").over(so_far).cast("bigint"))
    over = F.date_add("metric_date", metric.SETTLED_DAYS)
    return cumulated.select(
        *("metric_date", "bucket", "position", "up_to_s", "n_events"),
        F.when(is_known, F.col("_so_far")).alias("cumulative_events"),
        F.when(is_known, F.try_divide(F.col("_so_far"), F.col("n_known"))).alias("cumulative_rate"),
        (over < F.lit(run.as_of)).alias("is_complete"),
    )


def _counts() -> list[Expression]:
    """Aggregates, one a bucket."""
    late_us = F.col("_late_us")
    found, above = [], F.lit(True)
    for name, up_to_s in metric.LATENESS_BUCKETS:
        is_in = above if up_to_s is None else above & (late_us <= up_to_s * 1_000_000)
        found.append(F.count_if(is_in & late_us.isNotNull()).alias(name))
        above = F.lit(True) if up_to_s is None else late_us > up_to_s * 1_000_000
    return [*found, F.count_if(late_us.isNull()).alias(metric.UNKNOWN)]


def _bucket(place: int) -> Expression:
    limits = [up_to_s for _, up_to_s in metric.LATENESS_BUCKETS]
    limit = limits[place] if place < len(limits) else None
    return F.struct(
        F.lit(BUCKETS[place]).alias("bucket"),
        F.lit(place + 1).cast("int").alias("position"),
        F.lit(limit).cast("bigint").alias("up_to_s"),
        F.col(BUCKETS[place]).alias("n_events"),
    )
