"""Which visits led to a conversion, by seven models. One row per conversion, model and touch.

A touch is a session of the visitor that began at most `lookback_days` before the conversion, up to
the one it happened in. That one counts whenever it began: only where it has gone on for more than
92 days the conversion has no row. Touches without credit in a model have no row. Markov's effects
are those of the month's paths of people: touches lead to their conversion, and the sessions of a
visitor who did not convert in the month lead to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.metrics import attribution as metric
from lakehouse.metrics import web
from lakehouse.metrics.web_policies import CONVERSION_TYPES, MOST_LOOKBACK_DAYS, Attribution
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    DOUBLE,
    LONG,
    STRING,
    TIMESTAMP,
    Column,
    MonthAfter,
    Period,
    ReplaceSlices,
    Serve,
    SliceOf,
    Table,
    in_range,
    not_null,
    one_of,
    unique,
)
from lakehouse.tables.bronze.web.web_events import MONEY
from lakehouse.tables.silver.web import web_conversions, web_sessions
from lakehouse.transforms.credits import A_DAY_US, with_credits
from lakehouse.transforms.markov import effects_of_paths
from lakehouse.transforms.numbers import steady
from lakehouse.transforms.periods import month_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

MONTH = "conversion_month"

TABLE = Table(
    name="gold.attribution",
    owner="web",
    domain="web",
    inputs=(web_conversions.TABLE, web_sessions.TABLE),
    columns=(
        Column(MONTH, DATE, "First day of the month of the conversion.", nullable=False),
        Column("event_id", STRING, "Event that is the conversion.", nullable=False),
        Column("model", STRING, f"{', '.join(metric.MODELS)}.", nullable=False),
        Column("touch_number", LONG, "Place among the touches, from 1.", nullable=False),
        Column("n_touches", LONG, "Touches of the conversion.", nullable=False),
        Column("conversion_type", STRING, "purchase, signup, ...", nullable=False),
        Column("conversion_date", DATE, "UTC day of the conversion.", nullable=False),
        Column("converted_at", TIMESTAMP, "When, UTC.", nullable=False),
        Column("visitor_id", STRING, web.VISITOR_ID, nullable=False, pii=True),
        Column("session_id", STRING, metric.TOUCH, nullable=False),
        Column("touched_at", TIMESTAMP, "When the session began, UTC.", nullable=False),
        Column("channel", STRING, web.CHANNEL, nullable=False),
        Column("source", STRING, web.SOURCE, nullable=False),
        Column("medium", STRING, web.MEDIUM, nullable=False),
        Column("campaign", STRING, "utm_campaign; null when not told."),
        Column("credit", DOUBLE, metric.CREDIT, nullable=False),
        Column("value", MONEY, "Value of the conversion, in the reporting currency."),
        Column("credited_value", DOUBLE, metric.CREDITED_VALUE),
        Column("is_bot", BOOLEAN, web.IS_BOT, nullable=False),
        Column("is_internal", BOOLEAN, web.IS_INTERNAL, nullable=False),
    ),
    write=ReplaceSlices(
        by=(MONTH,),
        keys=(MONTH, "event_id", "model", "touch_number"),
        of=(
            SliceOf(name=MONTH, column="conversion_date", window=Period("month")),
            SliceOf(
                name=MONTH,
                column="session_date",
                window=MonthAfter(MOST_LOOKBACK_DAYS),
            ),
        ),
    ),
    policies=(Attribution,),
    may_be_empty="nobody converted",
    ensures=(
        not_null("event_id", "model", "touch_number", "credit"),
        unique("event_id", "model", "touch_number"),
        one_of("model", metric.MODELS),
        one_of("conversion_type", CONVERSION_TYPES),
        in_range("credit", minimum=0, maximum=1),
    ),
    cluster_by=("conversion_date",),
    day="conversion_date",
    serve=Serve(
        indexes=(
            ("model", "conversion_date"),
            ("channel", "conversion_date"),
            ("visitor_id", "converted_at"),
        )
    ),
)


def transform(web_conversions: DataFrame, web_sessions: DataFrame, run: Run) -> DataFrame:
    """Find the touches of each conversion, weigh them, and share the credit."""
    policy = run.policies.of(Attribution)
    converted = web_conversions.withColumn(MONTH, F.expr(month_of("conversion_date")))
    touches = _touches(converted, web_sessions, policy)
    effects = effects_of_paths(_paths(touches, converted, web_sessions), MONTH)
    weighed = touches.join(effects, [MONTH, "channel"], how="left")
    credited = with_credits(weighed, policy)
    value = F.col("value").cast("double") * F.col("credit")
    return credited.select(
        *(MONTH, "event_id", "model", "touch_number", "n_touches", "conversion_type"),
        *("conversion_date", "converted_at", "visitor_id", "session_id", "touched_at"),
        *("channel", "source", "medium", "campaign", "credit", "value"),
        steady(value, 6).alias("credited_value"),
        *("is_bot", "is_internal"),
    )


def _touches(converted: DataFrame, sessions: DataFrame, policy: Attribution) -> DataFrame:
    """Sessions that led to each conversion, numbered in the order of their starts."""
    touching = sessions.select(
        F.col("visitor_id").alias("_visitor"),
        F.col("session_number").alias("_number"),
        *("session_id", "channel", "source", "medium", "campaign"),
        F.col("started_at").alias("touched_at"),
    )
    since_us = F.unix_micros("converted_at") - F.unix_micros("touched_at")
    is_recent = since_us <= policy.lookback_days * A_DAY_US
    # A month reads no older sessions: one that has gone on for longer leads to nothing it knows.
    is_known = since_us <= MOST_LOOKBACK_DAYS * A_DAY_US
    is_own = (F.col("_number") == F.col("session_number")) & is_known
    is_before = F.col("_number") < F.col("session_number")
    met = converted.join(touching, F.col("visitor_id") == F.col("_visitor"), how="inner")
    by_conversion = Window.partitionBy("event_id")
    return (
        met.filter(is_own | (is_before & is_recent))
        .withColumn(
            "touch_number", F.row_number().over(by_conversion.orderBy("_number")).cast("bigint")
        )
        .withColumn("n_touches", F.count(F.lit(1)).over(by_conversion))
        .drop("_visitor", "_number")
    )


def _paths(touches: DataFrame, converted: DataFrame, sessions: DataFrame) -> DataFrame:
    """Steps of the month's paths of people, to conversions and to nothing."""
    led = touches.filter(~F.col("is_bot")).select(
        MONTH,
        F.col("event_id").alias("path"),
        F.col("touch_number").alias("step"),
        "channel",
        F.lit(True).alias("is_converted"),
    )
    months = converted.select(MONTH).distinct()
    visits = sessions.filter(~F.col("is_bot")).withColumn(MONTH, F.expr(month_of("session_date")))
    in_vain = (
        visits.join(months, MONTH, how="left_semi")
        .join(converted.select(MONTH, "visitor_id").distinct(), [MONTH, "visitor_id"], "left_anti")
        .select(
            MONTH,
            F.col("visitor_id").alias("path"),
            F.col("session_number").alias("step"),
            "channel",
            F.lit(False).alias("is_converted"),
        )
    )
    return led.unionByName(in_vain)
