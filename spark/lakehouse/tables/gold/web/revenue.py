"""What was bought and given back. One row per day, category, currency and view.

A refund counts on its own day, whenever the order was. Amounts in a currency without a rate stand
in their own currency alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import web as metric
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    LONG,
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
    satisfies,
    unique,
)
from lakehouse.tables.bronze.web.web_events import MONEY
from lakehouse.tables.silver.web import web_orders, web_sessions
from lakehouse.transforms.numbers import total
from lakehouse.transforms.web_views import in_views

if TYPE_CHECKING:
    from pyspark.sql import Column as Expression
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

GRAIN = ("metric_date", "category", "currency", "view")

TABLE = Table(
    name="gold.revenue",
    owner="web",
    domain="web",
    inputs=(web_orders.TABLE, web_sessions.TABLE),
    columns=(
        Column("metric_date", DATE, "UTC day of the orders and refunds.", nullable=False),
        Column("category", STRING, "Category, or unknown.", nullable=False),
        Column("currency", STRING, "Their own currency, ISO 4217.", nullable=False),
        Column("view", STRING, metric.VIEW, nullable=False),
        Column("n_orders", LONG, metric.ORDERS, nullable=False),
        Column("n_refunds", LONG, metric.REFUNDS, nullable=False),
        Column("gross", MONEY, metric.GROSS, nullable=False),
        Column("refunded", MONEY, metric.REFUNDED, nullable=False),
        Column("net", MONEY, metric.NET, nullable=False),
        Column("n_units", LONG, metric.UNITS, nullable=False),
        Column("n_not_summed", LONG, metric.NOT_SUMMED, nullable=False),
        Column("gross_own", MONEY, metric.GROSS_OWN, nullable=False),
        Column("refunded_own", MONEY, metric.REFUNDED_OWN, nullable=False),
        Column("is_complete", BOOLEAN, metric.IS_COMPLETE, nullable=False),
    ),
    write=ReplaceSlices(
        by=("metric_date",),
        keys=GRAIN,
        of=(
            SliceOf(name="metric_date", column="order_date"),
            SliceOf(name="metric_date", column="session_date"),
        ),
    ),
    # By sessions: where little is sold, a day is over long before the next order.
    as_of=Latest(web_sessions.TABLE, "session_date"),
    unfinished="NOT is_complete",
    may_be_empty="nobody bought anything",
    ensures=(
        not_null(*GRAIN),
        unique(*GRAIN),
        one_of("view", metric.VIEWS),
        in_range("gross", minimum=0),
        in_range("refunded", minimum=0),
        satisfies("net_is_what_stays", "net = gross - refunded", "net: gross - refunded."),
        satisfies(
            "a_currency_has_a_rate_or_none",
            "n_orders + n_refunds > 0 AND n_not_summed <= n_orders + n_refunds",
            "n_not_summed: at most n_orders + n_refunds, which are at least 1.",
        ),
    ),
    final="is_complete",
    cluster_by=("metric_date",),
    day="metric_date",
    is_small=True,
    serve=Serve(
        indexes=(("view", "metric_date"), ("category", "metric_date"), ("currency", "metric_date")),
        by_year_of="metric_date",
    ),
)


def transform(web_orders: DataFrame, web_sessions: DataFrame, run: Run) -> DataFrame:  # noqa: ARG001  # they tell the as-of date
    """Add up orders and refunds."""
    told = web_orders.select(
        F.col("order_date").alias("metric_date"),
        F.coalesce("category", F.lit(metric.UNKNOWN)).alias("category"),
        *("currency", "is_bot", "is_internal", "is_summed", "total_amount", "quantity"),
        (F.col("kind") == "purchase").alias("is_order"),
        F.abs("amount_reporting").alias("amount"),
    )
    is_order = F.col("is_order")
    summed = (
        in_views(told)
        .groupBy(*GRAIN)
        .agg(
            F.count_if(is_order).alias("n_orders"),
            F.count_if(~is_order).alias("n_refunds"),
            _sum(is_order, "amount").alias("gross"),
            _sum(~is_order, "amount").alias("refunded"),
            F.coalesce(total(F.when(is_order, F.col("quantity"))), F.lit(0)).alias("n_units"),
            F.count_if(~F.col("is_summed")).alias("n_not_summed"),
            _sum(is_order, "total_amount").alias("gross_own"),
            _sum(~is_order, "total_amount").alias("refunded_own"),
        )
    )
    return summed.select(
        *(*GRAIN, "n_orders", "n_refunds", "gross", "refunded"),
        (F.col("gross") - F.col("refunded")).cast(MONEY).alias("net"),
        *("n_units", "n_not_summed", "gross_own", "refunded_own"),
        (F.col("metric_date") < F.lit(run.as_of)).alias("is_complete"),
    )


def _sum(which: Expression, amount: str) -> Expression:
    """Sum of the amounts of some rows; 0 without one."""
    return F.coalesce(F.sum(F.when(which, F.col(amount))), F.lit(0)).cast(MONEY)
