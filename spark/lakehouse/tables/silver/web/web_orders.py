"""Orders and refunds. One row per order that was placed and per refund of one.

An order that is told several times counts once: the first by event_at, ties by event_id. Each
refund is a row of its own, on its own day. An amount in a currency without a rate is kept, and is
in no sum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import web as metric
from lakehouse.metrics.web_policies import Money
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    INT,
    STRING,
    TIMESTAMP,
    Column,
    Dedupe,
    LeftOut,
    ReplaceSlices,
    SliceOf,
    Table,
    ValidAt,
    not_null,
    one_of,
    satisfies,
    unique,
)
from lakehouse.tables.bronze.web.web_events import MONEY
from lakehouse.tables.silver.web import currency_rates, web_events
from lakehouse.transforms.history import with_state_at

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

KINDS = ("purchase", "refund")

TABLE = Table(
    name="silver.web_orders",
    owner="web",
    domain="web",
    inputs=(web_events.TABLE, currency_rates.TABLE),
    columns=(
        Column("event_id", STRING, "Event that tells it.", nullable=False),
        Column("kind", STRING, "purchase or refund.", nullable=False),
        Column("order_id", STRING, "Order.", nullable=False),
        Column("event_at", TIMESTAMP, "When it was placed or refunded, UTC.", nullable=False),
        Column("order_date", DATE, "UTC day of event_at.", nullable=False),
        Column("visitor_id", STRING, metric.VISITOR_ID, nullable=False, pii=True),
        Column("product_id", STRING, "Product, where the order tells one."),
        Column("category", STRING, "Category of the product."),
        Column("quantity", INT, "How many."),
        Column("discount_code", STRING, "Discount code."),
        Column("payment_method", STRING, "How it was paid."),
        Column("total_amount", MONEY, "Amount in currency; positive.", nullable=False),
        Column("currency", STRING, "Currency, ISO 4217.", nullable=False),
        Column("amount_reporting", MONEY, metric.AMOUNT_REPORTING),
        Column("is_summed", BOOLEAN, "There is a rate for its currency.", nullable=False),
        Column("is_bot", BOOLEAN, metric.IS_BOT, nullable=False),
        Column("is_internal", BOOLEAN, metric.IS_INTERNAL, nullable=False),
    ),
    write=ReplaceSlices(
        by=("order_date",),
        keys=("order_date", "event_id"),
        of=(SliceOf(name="order_date", column="event_date"),),
    ),
    policies=(Money,),
    dedupe=Dedupe(
        keys=("order_id",),
        order_by=("event_at asc", "event_id asc"),
        # A late one is left out: it must not take the order with it.
        among="event_type = 'purchase' AND NOT is_late",
    ),
    left_out=LeftOut(
        where="event_type NOT IN ('purchase', 'refund') OR is_late",
        reason=f"events that are neither orders nor refunds, and {metric.LATE}",
    ),
    valid_at=(ValidAt(table=currency_rates.TABLE, on=("currency",), at="event_at"),),
    may_be_empty="nobody bought anything",
    ensures=(
        not_null("event_id", "order_id", "total_amount"),
        unique("event_id"),
        unique("order_id", where="kind = 'purchase'"),
        one_of("kind", KINDS),
        satisfies(
            "what_is_summed_has_an_amount",
            "is_summed = (amount_reporting IS NOT NULL)",
            "is_summed: amount_reporting is known, and only then.",
        ),
        satisfies(
            "currency_is_known",
            "is_summed",
            "is_summed: every currency has a rate; the others are in no sum.",
            severity="warn",
        ),
    ),
    cluster_by=("order_date",),
    day="order_date",
)


def transform(web_events: DataFrame, currency_rates: DataFrame, run: Run) -> DataFrame:
    """Orders and refunds with their amount in the reporting currency."""
    told = with_state_at(web_events, currency_rates, key="currency", at="event_at", state=("rate",))
    is_own = F.col("currency") == run.policies.of(Money).reporting_currency
    rate = F.when(is_own, F.lit(1).cast("decimal(18,8)")).otherwise(F.col("_state.rate"))
    sign = F.when(F.col("event_type") == "refund", F.lit(-1)).otherwise(F.lit(1))
    converted = F.round(F.col("total_amount") * F.col("_rate"), 2).cast(MONEY)
    return (
        told.withColumn("_rate", rate)
        .withColumn("_converted", converted)
        .select(
            "event_id",
            F.col("event_type").alias("kind"),
            "order_id",
            "event_at",
            F.col("event_date").alias("order_date"),
            "visitor_id",
            "product_id",
            "category",
            "quantity",
            "discount_code",
            "payment_method",
            "total_amount",
            "currency",
            (F.col("_converted") * sign).cast(MONEY).alias("amount_reporting"),
            F.col("_converted").isNotNull().alias("is_summed"),
            "is_bot",
            "is_internal",
        )
    )
