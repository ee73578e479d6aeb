"""What customers are worth over time. One row per cohort, month since its first and view.

A cohort is the visitors whose first order was in a month (UTC). A refund counts on its own day; one
before the first known order counts in month 0. A customer is a program's or our own people's if one
of its orders is.
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
    Overwrite,
    Serve,
    Table,
    in_range,
    not_null,
    one_of,
    satisfies,
    unique,
)
from lakehouse.tables.bronze.web.web_events import MONEY
from lakehouse.tables.silver.web import web_orders, web_sessions
from lakehouse.transforms.customers import by_customer, months_between, with_purchase_days
from lakehouse.transforms.web_views import in_views

if TYPE_CHECKING:
    from pyspark.sql import Column as Expression
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

COHORT = ("cohort_month", "view")
GRAIN = ("cohort_month", "age_months", "view")
COUNTS = ("active_customers", "n_orders", "n_refunds", "new_repeat_customers")

TABLE = Table(
    name="gold.ltv_cohorts",
    owner="web",
    domain="web",
    inputs=(web_orders.TABLE, web_sessions.TABLE),
    columns=(
        Column("cohort_month", DATE, "First day of the month of the first order.", nullable=False),
        Column("age_months", INT, metric.AGE_MONTHS, nullable=False),
        Column("view", STRING, metric.VIEW, nullable=False),
        Column("customers", LONG, metric.CUSTOMERS, nullable=False),
        Column("active_customers", LONG, metric.ACTIVE_CUSTOMERS, nullable=False),
        Column("n_orders", LONG, "Orders of this month.", nullable=False),
        Column("n_refunds", LONG, "Refunds of this month.", nullable=False),
        Column("revenue", MONEY, metric.COHORT_REVENUE, nullable=False),
        Column("cumulative_revenue", MONEY, metric.CUMULATIVE_REVENUE, nullable=False),
        Column("revenue_per_customer", DOUBLE, metric.REVENUE_PER_CUSTOMER, nullable=False),
        Column("repeat_customers", LONG, metric.REPEAT_CUSTOMERS, nullable=False),
        Column("repeat_rate", DOUBLE, metric.REPEAT_RATE, nullable=False),
        Column("is_complete", BOOLEAN, metric.MONTH_IS_COMPLETE, nullable=False),
    ),
    # Every cohort has a month that goes on: no day leaves one as it was.
    write=Overwrite(keys=GRAIN),
    as_of=Latest(web_sessions.TABLE, "session_date"),
    may_be_empty="nobody bought anything",
    ensures=(
        not_null(*GRAIN),
        unique(*GRAIN),
        one_of("view", metric.VIEWS),
        in_range("age_months", minimum=0),
        in_range("customers", minimum=1),
        in_range("repeat_rate", minimum=0, maximum=1),
        satisfies(
            "month_0_has_everybody",
            "active_customers <= customers AND (age_months > 0 OR active_customers = customers)",
            "active_customers: at most customers; in month 0 all.",
        ),
    ),
    final="is_complete",
    cluster_by=("cohort_month",),
    day="cohort_month",
    is_small=True,
    serve=Serve(indexes=(("view", "cohort_month"), ("age_months", "cohort_month"))),
)


def transform(web_orders: DataFrame, web_sessions: DataFrame, run: Run) -> DataFrame:  # noqa: ARG001  # they tell the as-of date
    """Sum up the months of every cohort, those without an order included."""
    orders = with_purchase_days(web_orders)
    customers = _in_cohorts(by_customer(orders))
    flags = customers.filter(F.col("view") == "all").select("visitor_id", "is_bot", "is_internal")
    of_customers = orders.drop("is_bot", "is_internal").join(flags, "visitor_id")
    monthly = _every_month(customers, run)
    sums = _in_cohorts(of_customers).withColumn("age_months", _age("order_date"))
    is_order = F.col("kind") == "purchase"
    of_months = sums.groupBy(*GRAIN).agg(
        F.count_distinct(F.when(is_order, F.col("visitor_id"))).alias("active_customers"),
        F.count_if(is_order).alias("n_orders"),
        F.count_if(~is_order).alias("n_refunds"),
        F.sum("amount_reporting").cast(MONEY).alias("revenue"),
    )
    again = (
        customers.filter(F.col("second_order_date").isNotNull())
        .withColumn("age_months", _age("second_order_date"))
        .groupBy(*GRAIN)
        .agg(F.count(F.lit(1)).alias("new_repeat_customers"))
    )
    counted = (
        monthly.join(of_months, [*GRAIN], how="left")
        .join(again, [*GRAIN], how="left")
        .withColumns({name: F.coalesce(name, F.lit(0)) for name in COUNTS})
        .withColumn("revenue", F.coalesce("revenue", F.lit(0)).cast(MONEY))
    )
    return _cumulated(counted, run)


def _in_cohorts(rows: DataFrame) -> DataFrame:
    return in_views(rows).withColumn("cohort_month", F.trunc("first_order_date", "month"))


def _age(day: str) -> Expression:
    return F.greatest(months_between(F.col("cohort_month"), F.col(day)), F.lit(0))


def _every_month(customers: DataFrame, run: Run) -> DataFrame:
    """A row for every cohort and month that has begun, with the size of the cohort."""
    until = F.greatest(F.lit(run.as_of), F.max("last_date"))
    return (
        customers.groupBy(*COHORT)
        .agg(F.count(F.lit(1)).alias("customers"), until.alias("until"))
        .withColumn("n_months", months_between(F.col("cohort_month"), F.col("until")))
        .select(
            *(*COHORT, "customers"),
            F.explode(F.sequence(F.lit(0), F.col("n_months"))).alias("age_months"),
        )
    )


def _cumulated(counted: DataFrame, run: Run) -> DataFrame:
    so_far = (
        Window.partitionBy(*COHORT)
        .orderBy("age_months")
        .rowsBetween(Window.unboundedPreceding, Window.currentRow)
    )
    known = counted.withColumns(
        {
            "cumulative_revenue": F.sum("revenue").over(so_far).cast(MONEY),
            "repeat_customers": F.sum("new_repeat_customers").over(so_far).cast("bigint"),
        }
    )
    next_month = F.add_months("cohort_month", F.col("age_months").cast("int") + 1)
    return known.select(
        "cohort_month",
        F.col("age_months").cast("int").alias("age_months"),
        *("view", "customers", "active_customers", "n_orders", "n_refunds", "revenue"),
        "cumulative_revenue",
        (F.col("cumulative_revenue").cast("double") / F.col("customers")).alias(
            "revenue_per_customer"
        ),
        "repeat_customers",
        (F.col("repeat_customers") / F.col("customers")).alias("repeat_rate"),
        (next_month <= F.lit(run.as_of)).alias("is_complete"),
    )
