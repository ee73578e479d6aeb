"""Orders and refunds → customers: who bought first when, and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.spec import decimal

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

MONEY = decimal(18, 2)


def with_purchase_days(orders: DataFrame) -> DataFrame:
    """Orders and refunds of visitors with an order, each with the days on which these bought.

    Adds `first_order_date` and `second_order_date`, the day of the first order and the next day
    with one (null without); of several orders of a day all are one purchase.

    Args:
        orders: Rows of silver.web_orders, whole visitors.
    """
    of_visitor = Window.partitionBy("visitor_id")
    bought = F.when(F.col("kind") == "purchase", F.col("order_date"))
    again = F.when(F.col("_bought") > F.col("first_order_date"), F.col("_bought"))
    return (
        orders.withColumn("_bought", bought)
        .withColumn("first_order_date", F.min("_bought").over(of_visitor))
        .withColumn("_again", again)
        .withColumn("second_order_date", F.min("_again").over(of_visitor))
        .filter(F.col("first_order_date").isNotNull())
        .drop("_bought", "_again")
    )


def by_customer(orders: DataFrame) -> DataFrame:
    """One row per visitor: its days of purchase, its sums, and whether it may be a program.

    Args:
        orders: What `with_purchase_days` returns.
    """
    is_order = F.col("kind") == "purchase"
    return orders.groupBy("visitor_id").agg(
        F.min("first_order_date").alias("first_order_date"),
        F.min("second_order_date").alias("second_order_date"),
        F.max(F.when(is_order, F.col("order_date"))).alias("last_order_date"),
        F.max("order_date").alias("last_date"),
        F.count_if(is_order).alias("n_orders"),
        F.count_if(~is_order).alias("n_refunds"),
        F.coalesce(F.sum("amount_reporting"), F.lit(0)).cast(MONEY).alias("revenue"),
        F.count_if(~F.col("is_summed")).alias("n_not_summed"),
        F.max("is_bot").alias("is_bot"),
        F.max("is_internal").alias("is_internal"),
    )


def months_between(first: Column, last: Column) -> Column:
    """Months of the calendar from one day to another: 0 within a month."""
    years = F.year(last) - F.year(first)
    return (years * 12 + F.month(last) - F.month(first)).cast("int")
