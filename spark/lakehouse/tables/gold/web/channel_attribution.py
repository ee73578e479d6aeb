"""What channels get of the conversions, by seven models side by side.

One row per day of conversion, type of conversion, channel, model and view. Over all channels, the
conversions of each model add up to the number of conversions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import attribution as metric
from lakehouse.metrics import web
from lakehouse.metrics.web_policies import CONVERSION_TYPES
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    DOUBLE,
    STRING,
    Column,
    Latest,
    ReplaceSlices,
    Serve,
    SliceOf,
    Table,
    in_range,
    not_null,
    one_of,
    unique,
)
from lakehouse.tables.gold.web import attribution
from lakehouse.tables.silver.web import web_sessions
from lakehouse.transforms.channels import CHANNELS
from lakehouse.transforms.numbers import total
from lakehouse.transforms.web_views import in_views

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

GRAIN = ("metric_date", "conversion_type", "channel", "model", "view")
BILLION = 1_000_000_000
MILLION = 1_000_000

TABLE = Table(
    name="gold.channel_attribution",
    owner="web",
    domain="web",
    inputs=(attribution.TABLE, web_sessions.TABLE),
    columns=(
        Column("metric_date", DATE, "UTC day of the conversions.", nullable=False),
        Column("conversion_type", STRING, "purchase, signup, ...", nullable=False),
        Column("channel", STRING, web.CHANNEL, nullable=False),
        Column("model", STRING, f"{', '.join(metric.MODELS)}.", nullable=False),
        Column("view", STRING, web.VIEW, nullable=False),
        Column("conversions", DOUBLE, "Sum of the credits.", nullable=False),
        Column("value", DOUBLE, "Sum of the credited values.", nullable=False),
        Column("is_complete", BOOLEAN, web.IS_COMPLETE, nullable=False),
    ),
    write=ReplaceSlices(
        by=("metric_date",),
        keys=GRAIN,
        of=(
            SliceOf(name="metric_date", column="conversion_date"),
            SliceOf(name="metric_date", column="session_date"),
        ),
    ),
    # By sessions: where few convert, a day is over long before the next conversion.
    as_of=Latest(web_sessions.TABLE, "session_date"),
    unfinished="NOT is_complete",
    may_be_empty="nobody converted",
    ensures=(
        not_null(*GRAIN),
        unique(*GRAIN),
        one_of("model", metric.MODELS),
        one_of("view", web.VIEWS),
        one_of("channel", CHANNELS),
        one_of("conversion_type", CONVERSION_TYPES),
        in_range("conversions", minimum=0),
        in_range("value", minimum=0),
    ),
    # Markov's effects are those of the whole month: each of its days changes them once more.
    final="is_complete AND model <> 'markov'",
    cluster_by=("metric_date",),
    day="metric_date",
    is_small=True,
    serve=Serve(
        indexes=(
            ("model", "view", "metric_date"),
            ("channel", "metric_date"),
            ("conversion_type", "metric_date"),
        ),
        by_year_of="metric_date",
    ),
)


def transform(attribution: DataFrame, web_sessions: DataFrame, run: Run) -> DataFrame:  # noqa: ARG001  # they tell the as-of date
    """Add up credits and credited values, as whole numbers: no order of rows shows in them."""
    billionths = F.round(F.col("credit") * BILLION).cast("bigint")
    millionths = F.round(F.coalesce("credited_value", F.lit(0.0)) * MILLION).cast("bigint")
    return (
        in_views(attribution)
        .groupBy(F.col("conversion_date").alias("metric_date"), *GRAIN[1:])
        .agg(
            (total(billionths) / F.lit(float(BILLION))).alias("conversions"),
            (total(millionths) / F.lit(float(MILLION))).alias("value"),
        )
        .withColumn("is_complete", F.col("metric_date") < F.lit(run.as_of))
    )
