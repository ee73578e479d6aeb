"""Conversions of visitors, with the session they happened in. One row per conversion.

Which types of events are conversions is a policy; an order that is told twice is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import web as metric
from lakehouse.metrics.web_policies import CONVERSION_TYPES, Attribution, Visits
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    LONG,
    STRING,
    TIMESTAMP,
    Column,
    LeftOut,
    ReplaceSlices,
    Table,
    not_null,
    one_of,
    unique,
)
from lakehouse.tables.bronze.web.web_events import MONEY
from lakehouse.tables.silver.web import web_events, web_orders
from lakehouse.transforms.visits import numbered_visits

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

TABLE = Table(
    name="silver.web_conversions",
    owner="web",
    domain="web",
    inputs=(web_events.TABLE, web_orders.TABLE),
    columns=(
        Column("event_id", STRING, "Event that is the conversion.", nullable=False),
        Column("visitor_id", STRING, metric.VISITOR_ID, nullable=False, pii=True),
        Column("session_number", LONG, "Session of the visitor, from 1.", nullable=False),
        Column("conversion_type", STRING, "purchase, signup, ...", nullable=False),
        Column("converted_at", TIMESTAMP, "When, UTC.", nullable=False),
        Column("conversion_date", DATE, "UTC day of converted_at.", nullable=False),
        Column("order_id", STRING, "Order, of a purchase."),
        Column("value", MONEY, "Amount of the order in the reporting currency; refunds apart."),
        Column("is_bot", BOOLEAN, metric.IS_BOT, nullable=False),
        Column("is_internal", BOOLEAN, metric.IS_INTERNAL, nullable=False),
    ),
    write=ReplaceSlices(by=("visitor_id",), keys=("visitor_id", "event_id")),
    policies=(Attribution, Visits),
    left_out=LeftOut(where="is_late", reason=metric.LATE),
    may_be_empty="nobody converted",
    ensures=(
        not_null("event_id", "visitor_id", "conversion_type"),
        unique("event_id"),
        one_of("conversion_type", CONVERSION_TYPES),
    ),
    cluster_by=("conversion_date",),
    day="conversion_date",
)


def transform(web_events: DataFrame, web_orders: DataFrame, run: Run) -> DataFrame:
    """Events that are conversions; of purchases those that are orders."""
    placed = web_orders.filter(F.col("kind") == "purchase").select(
        "event_id", F.col("amount_reporting").alias("value"), F.lit(True).alias("is_order")
    )
    is_one = (F.col("event_type") != "purchase") | F.col("is_order")
    types = run.policies.of(Attribution).conversions
    return (
        numbered_visits(web_events, run.policies.of(Visits))
        .filter(F.col("event_type").isin([*types]) & F.col("is_counted"))
        .join(placed, "event_id", how="left")
        .filter(F.coalesce(is_one, F.lit(False)))
        .select(
            "event_id",
            "visitor_id",
            "session_number",
            F.col("event_type").alias("conversion_type"),
            F.col("event_at").alias("converted_at"),
            F.col("event_date").alias("conversion_date"),
            F.when(F.col("event_type") == "purchase", F.col("order_id")).alias("order_id"),
            "value",
            "is_bot",
            "is_internal",
        )
    )
