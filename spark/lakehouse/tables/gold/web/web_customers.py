"""How often and when customers bought. One row per visitor with an order.

Frequency, recency and T as models of customer lifetime value take them (Fader, Hardie and Lee 2005,
"RFM and CLV"; time in days): several orders of a day are one purchase.
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
    STRING,
    Column,
    Latest,
    Serve,
    Table,
    Upsert,
    in_range,
    not_null,
    satisfies,
    unique,
)
from lakehouse.tables.bronze.web.web_events import MONEY
from lakehouse.tables.silver.web import web_orders, web_sessions
from lakehouse.transforms.customers import by_customer, with_purchase_days

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

TABLE = Table(
    name="gold.web_customers",
    owner="web",
    domain="web",
    inputs=(web_orders.TABLE, web_sessions.TABLE),
    columns=(
        Column("visitor_id", STRING, metric.VISITOR_ID, nullable=False, pii=True),
        Column("first_order_date", DATE, "UTC day of the first order.", nullable=False),
        Column("last_order_date", DATE, "UTC day of the last order.", nullable=False),
        Column("frequency", LONG, metric.FREQUENCY, nullable=False),
        Column("recency_days", LONG, metric.RECENCY, nullable=False),
        Column("t_days", LONG, metric.AGE_OF_CUSTOMER, nullable=False),
        Column("monetary", DOUBLE, metric.MONETARY),
        Column("n_orders", LONG, metric.ORDERS, nullable=False),
        Column("n_refunds", LONG, metric.REFUNDS, nullable=False),
        Column("revenue", MONEY, metric.CUSTOMER_REVENUE, nullable=False),
        Column("n_not_summed", LONG, metric.NOT_SUMMED, nullable=False),
        Column("is_bot", BOOLEAN, "An order of it looks like a program's.", nullable=False),
        Column("is_internal", BOOLEAN, metric.IS_INTERNAL, nullable=False),
    ),
    write=Upsert(keys=("visitor_id",)),
    as_of=Latest(web_sessions.TABLE, "session_date"),  # it moves every T
    may_be_empty="nobody bought anything",
    ensures=(
        not_null("visitor_id", "first_order_date"),
        unique("visitor_id"),
        in_range("frequency", minimum=0),
        in_range("monetary", minimum=0),
        satisfies(
            "recency_is_within_t",
            "0 <= recency_days AND recency_days <= t_days AND frequency <= recency_days",
            "frequency is at most recency_days, which are at most t_days.",
        ),
    ),
    cluster_by=("visitor_id",),
    is_small=True,
    serve=Serve(indexes=(("first_order_date",), ("last_order_date",))),
)


def transform(web_orders: DataFrame, web_sessions: DataFrame, run: Run) -> DataFrame:  # noqa: ARG001  # they tell the as-of date
    """Put the days with an order of each customer together."""
    days = with_purchase_days(web_orders)
    is_repeat = F.col("order_date") > F.col("first_order_date")
    of_days = (
        days.filter(F.col("kind") == "purchase")
        .groupBy("visitor_id", "order_date")
        .agg(
            F.max(is_repeat).alias("is_repeat"),
            F.min("is_summed").alias("is_known"),
            F.sum("amount_reporting").cast(MONEY).alias("amount"),
        )
        .groupBy("visitor_id")
        .agg(
            F.count_if("is_repeat").alias("frequency"),
            F.sum(F.when(F.col("is_repeat") & F.col("is_known"), F.col("amount")))
            .cast(MONEY)
            .alias("repeated"),
            F.count_if(F.col("is_repeat") & F.col("is_known")).alias("n_known"),
        )
    )
    # A session of the newest day may go on past midnight, and end with an order.
    until = F.greatest(F.lit(run.as_of), F.col("last_order_date"))
    return (
        by_customer(days)
        .join(of_days, "visitor_id")
        .select(
            *("visitor_id", "first_order_date", "last_order_date", "frequency"),
            F.datediff("last_order_date", "first_order_date").cast("bigint").alias("recency_days"),
            F.datediff(until, F.col("first_order_date")).cast("bigint").alias("t_days"),
            F.try_divide(F.col("repeated").cast("double"), F.col("n_known")).alias("monetary"),
            *("n_orders", "n_refunds", "revenue", "n_not_summed", "is_bot", "is_internal"),
        )
    )
