"""How far visitors come in funnels. One row per day of entry, funnel, step, view and group.

Every declared step has a row wherever somebody entered, also one that nobody reached. A group is
everybody, or those whose entry began in a session of a channel, device or country. Whether an entry
is a program's or our own people's is said by that session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.metrics import web as metric
from lakehouse.metrics import web_paths as paths
from lakehouse.metrics.engagement import DIMENSION_NAME, DIMENSION_VALUE
from lakehouse.metrics.web_policies import Funnels
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    DOUBLE,
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
from lakehouse.tables.silver.web import funnel_steps, web_sessions
from lakehouse.transforms.dimensions import DIMENSION, by_dimension
from lakehouse.transforms.funnels import with_declared_steps
from lakehouse.transforms.numbers import steady, total
from lakehouse.transforms.quantiles import quantiles
from lakehouse.transforms.web_views import in_views

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

DIMENSIONS = ("channel", "device_type")
GROUP = ("metric_date", "funnel_id", "view", *DIMENSION)
GRAIN = (*GROUP, "step")
COUNTS = ("entered", "reached", "n_visitors")

TABLE = Table(
    name="gold.funnel_conversion",
    owner="web",
    domain="web",
    inputs=(funnel_steps.TABLE, web_sessions.TABLE),
    columns=(
        Column("metric_date", DATE, paths.DAY_OF_ENTRY, nullable=False),
        Column("funnel_id", STRING, paths.FUNNEL, nullable=False),
        Column("view", STRING, metric.VIEW, nullable=False),
        Column("dimension_name", STRING, DIMENSION_NAME),
        Column("dimension_value", STRING, DIMENSION_VALUE),
        Column("step", LONG, paths.STEP, nullable=False),
        Column("step_name", STRING, paths.STEP_NAME, nullable=False),
        Column("entered", LONG, paths.ENTERED, nullable=False),
        Column("reached", LONG, paths.REACHED, nullable=False),
        Column("n_visitors", LONG, paths.STEP_VISITORS, nullable=False),
        Column("conversion_rate", DOUBLE, paths.FUNNEL_RATE, nullable=False),
        Column("step_rate", DOUBLE, paths.STEP_RATE),
        Column("drop_off", LONG, paths.DROP_OFF, nullable=False),
        Column("median_s", DOUBLE, paths.MEDIAN_S),
        Column("is_complete", BOOLEAN, paths.FUNNEL_IS_COMPLETE, nullable=False),
    ),
    write=ReplaceSlices(
        by=("metric_date",),
        keys=GRAIN,
        of=(
            SliceOf(name="metric_date", column="entry_date"),
            SliceOf(name="metric_date", column="session_date"),
        ),
    ),
    policies=(Funnels,),
    as_of=Latest(web_sessions.TABLE, "session_date"),
    unfinished="NOT is_complete",
    may_be_empty="no funnel is declared, or nobody entered one",
    ensures=(
        not_null("metric_date", "funnel_id", "view", "step"),
        unique(*GRAIN),
        one_of("view", metric.VIEWS),
        in_range("conversion_rate", minimum=0, maximum=1),
        in_range("step_rate", minimum=0, maximum=1),
        in_range("median_s", minimum=0),
        satisfies(
            "everybody_reached_step_1",
            "reached <= entered AND n_visitors <= reached AND drop_off >= 0 "
            "AND (step > 1 OR reached = entered)",
            "reached: at most entered, at step 1 all; n_visitors: at most reached.",
        ),
    ),
    final="is_complete",
    cluster_by=("metric_date",),
    day="metric_date",
    is_small=True,
    serve=Serve(
        indexes=(
            ("funnel_id", "view", "metric_date"),
            ("funnel_id", "dimension_name", "dimension_value", "metric_date"),
        ),
        by_year_of="metric_date",
    ),
)


def transform(funnel_steps: DataFrame, web_sessions: DataFrame, run: Run) -> DataFrame:  # noqa: ARG001  # they tell the as-of date
    """Count the entries that reached each step, and how long they took."""
    funnels = run.policies.of(Funnels).funnels
    entry = Window.partitionBy("visitor_id", "funnel_id", "entry_number").orderBy("step")
    took_us = F.unix_micros("reached_at") - F.unix_micros(F.lag("reached_at").over(entry))
    steps = in_views(
        by_dimension(
            funnel_steps.withColumns({"metric_date": F.col("entry_date"), "took_us": took_us}),
            DIMENSIONS,
        )
    )
    known = (
        _declared(steps, funnels)
        .unionByName(_counted(steps))
        .unionByName(_medians(steps))
        .groupBy(*GRAIN)
        .agg(
            *(total(name).alias(name) for name in COUNTS),
            *(F.max(name).alias(name) for name in ("step_name", "settles_days", "median_s")),
        )
        .filter(F.col("entered") > 0)
    )
    before = F.lag("reached").over(Window.partitionBy(*GROUP).orderBy("step"))
    reached = F.col("reached")
    is_first = F.col("step") == 1
    return known.withColumn("_before", F.when(is_first, reached).otherwise(before)).select(
        *(*GRAIN, "step_name", *COUNTS),
        (reached / F.col("entered")).alias("conversion_rate"),
        F.try_divide(reached, F.col("_before")).alias("step_rate"),
        (F.col("_before") - reached).alias("drop_off"),
        "median_s",
        (F.datediff(F.lit(run.as_of), F.col("metric_date")) >= F.col("settles_days")).alias(
            "is_complete"
        ),
    )


def _declared(steps: DataFrame, funnels: tuple[Funnels.Funnel, ...]) -> DataFrame:
    """A row for every step, reached or not, with the entries of the group."""
    entered = (
        steps.filter(F.col("step") == 1).groupBy(*GROUP).agg(F.count(F.lit(1)).alias("entered"))
    )
    return _row(with_declared_steps(entered, funnels))


def _counted(steps: DataFrame) -> DataFrame:
    return _row(
        steps.groupBy(*GRAIN).agg(
            F.count(F.lit(1)).alias("reached"), F.count_distinct("visitor_id").alias("n_visitors")
        )
    )


def _medians(steps: DataFrame) -> DataFrame:
    took = steps.filter(F.col("took_us").isNotNull()).select(
        *GRAIN, "took_us", F.lit(1).alias("times")
    )
    median_s = steady(F.col("quantiles")[0] / 1_000_000, 6)
    return _row(quantiles(took, GRAIN, "took_us", (0.5,)).withColumn("median_s", median_s))


def _row(found: DataFrame) -> DataFrame:
    """Some columns of a step; of those that it does not tell, 0 or null."""
    others = {
        **{name: F.lit(0).cast("bigint") for name in COUNTS},
        "step_name": F.lit(None).cast("string"),
        "settles_days": F.lit(None).cast("bigint"),
        "median_s": F.lit(None).cast("double"),
    }
    return found.select(
        *GRAIN,
        *(
            F.col(name) if name in found.columns else other.alias(name)
            for name, other in others.items()
        ),
    )
