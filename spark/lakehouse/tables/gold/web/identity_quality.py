"""How well it is known whose events are. One row per day.

The shares add up to 1: an event tells its user, or its device's user is known by another event
(stitched), or nobody is known (anonymous).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import web as metric
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    DOUBLE,
    LONG,
    Column,
    Latest,
    LeftOut,
    ReplaceSlices,
    Serve,
    SliceOf,
    Table,
    in_range,
    not_empty,
    not_null,
    satisfies,
    unique,
)
from lakehouse.tables.silver.web import web_events

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

SHARES = {
    "n_with_user": "with_user_rate",
    "n_stitched": "stitched_rate",
    "n_anonymous": "anonymous_rate",
}

TABLE = Table(
    name="gold.identity_quality",
    owner="web",
    domain="web",
    inputs=(web_events.TABLE,),
    columns=(
        Column("metric_date", DATE, "UTC day.", nullable=False),
        Column("n_events", LONG, "Events.", nullable=False),
        Column("n_with_user", LONG, "Events that tell their user.", nullable=False),
        Column("n_stitched", LONG, metric.STITCHED, nullable=False),
        Column("n_anonymous", LONG, "Events of which nobody knows the user.", nullable=False),
        *(
            Column(rate, DOUBLE, f"{count} ÷ n_events.", nullable=False)
            for count, rate in SHARES.items()
        ),
        Column("n_devices", LONG, "Devices with an event.", nullable=False),
        Column("n_shared_devices", LONG, metric.SHARED_DEVICES, nullable=False),
        Column("is_complete", BOOLEAN, metric.IS_COMPLETE, nullable=False),
    ),
    write=ReplaceSlices(
        by=("metric_date",),
        keys=("metric_date",),
        of=(SliceOf(name="metric_date", column="event_date"),),
    ),
    as_of=Latest(web_events.TABLE, "event_date"),
    unfinished="NOT is_complete",
    left_out=LeftOut(where="is_late", reason=metric.LATE),
    requires=(not_empty("silver.web_events"),),
    ensures=(
        not_empty(severity="warn", unless="every event is late"),
        not_null("metric_date", "n_events"),
        unique("metric_date"),
        in_range("n_events", minimum=1),
        satisfies(
            "every_event_is_somebodys",
            "n_with_user + n_stitched + n_anonymous = n_events AND n_shared_devices <= n_devices",
            "n_with_user, n_stitched and n_anonymous add up to n_events.",
        ),
    ),
    final="is_complete",
    cluster_by=("metric_date",),
    day="metric_date",
    is_small=True,
    serve=Serve(by_year_of="metric_date"),
)


def transform(web_events: DataFrame, run: Run) -> DataFrame:
    """Count events by what is known, device by device."""
    has_user = F.col("user_id").isNotNull()
    is_known = has_user | F.col("is_stitched")
    of_devices = web_events.groupBy("event_date", "anonymous_id").agg(
        F.count(F.lit(1)).alias("n_events"),
        F.count_if(has_user).alias("n_with_user"),
        F.count_if("is_stitched").alias("n_stitched"),
        F.count_if(~is_known).alias("n_anonymous"),
        F.count_distinct(F.when(is_known, F.col("visitor_id"))).alias("n_users"),
    )
    is_device = F.col("anonymous_id").isNotNull()
    counted = of_devices.groupBy(F.col("event_date").alias("metric_date")).agg(
        *(F.sum(name).cast("bigint").alias(name) for name in ("n_events", *SHARES)),
        F.count_if(is_device).alias("n_devices"),
        F.count_if(is_device & (F.col("n_users") > 1)).alias("n_shared_devices"),
    )
    return counted.select(
        *("metric_date", "n_events", *SHARES),
        *((F.col(count) / F.col("n_events")).alias(rate) for count, rate in SHARES.items()),
        *("n_devices", "n_shared_devices"),
        (F.col("metric_date") < F.lit(run.as_of)).alias("is_complete"),
    )
