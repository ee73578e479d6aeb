"""How long actions take on each device type. One row per device type.

The rank correlation is exact: ranks are computed from counts of equal durations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.metrics import engagement as metric
from lakehouse.spec import (
    DOUBLE,
    LONG,
    STRING,
    Column,
    LeftOut,
    Overwrite,
    Serve,
    Table,
    in_range,
    not_empty,
    not_null,
    satisfies,
    unique,
)
from lakehouse.tables.silver import interactions
from lakehouse.transforms.numbers import nearest_double, total, wide
from lakehouse.transforms.quantiles import quantiles_of_small_groups

if TYPE_CHECKING:
    from pyspark.sql import Column as Expression
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

SHARES = {
    "min_ms": 0.0,
    "q1_ms": 0.25,
    "median_ms": 0.5,
    "q3_ms": 0.75,
    "p95_ms": 0.95,
    "max_ms": 1.0,
}

TABLE = Table(
    name="gold.device_performance",
    owner="interactions",
    domain="interactions",
    inputs=(interactions.TABLE,),
    columns=(
        Column("device_type", STRING, "Device, or unknown.", nullable=False),
        Column("n", LONG, metric.N_MEASURED, nullable=False),
        *(
            Column(name, DOUBLE, f"Quantile {share:g} of duration_ms, exact.", nullable=False)
            for name, share in SHARES.items()
        ),
        Column("spearman", DOUBLE, metric.SPEARMAN),
    ),
    write=Overwrite(keys=("device_type",)),
    left_out=LeftOut(where=metric.IS_NOT_MEASURED, reason=metric.NOT_MEASURED),
    requires=(not_empty("silver.interactions"),),
    ensures=(
        not_empty(severity="warn", unless=metric.NO_DURATIONS),
        not_null("device_type", "median_ms"),
        unique("device_type"),
        in_range("spearman", minimum=-1, maximum=1),
        satisfies(
            "quantiles_ascend",
            "min_ms <= q1_ms AND q1_ms <= median_ms AND median_ms <= q3_ms AND q3_ms <= p95_ms "
            "AND p95_ms <= max_ms",
            "the quantiles are in ascending order.",
        ),
    ),
    final="true",
    is_small=True,
    serve=Serve(),
)


def transform(interactions: DataFrame, run: Run) -> DataFrame:  # noqa: ARG001  # no clock needed
    """Rank every duration among all, and compare the devices."""
    counted = interactions.groupBy("device_type", "duration_ms").agg(
        F.count(F.lit(1)).alias("times")
    )
    so_far = Window.orderBy("duration_ms").rowsBetween(Window.unboundedPreceding, -1)
    # Twice the mean rank, a whole number: rows before, and half of the equal ones and one.
    ranks = (
        counted.groupBy("duration_ms")
        .agg(F.sum("times").alias("equal"))
        .select(
            "duration_ms",
            wide(2 * F.coalesce(F.sum("equal").over(so_far), F.lit(0)) + F.col("equal") + 1).alias(
                "rank2"
            ),
        )
    )
    ranked = counted.join(ranks, "duration_ms")
    devices = quantiles_of_small_groups(
        ranked,
        ("device_type",),
        "duration_ms",
        tuple(SHARES.values()),
        F.sum(wide(F.col("times") * F.col("rank2"))).alias("sum_rank2"),
    )
    whole = ranked.agg(
        total("times").alias("n_all"),
        F.sum(wide(F.col("times") * wide(F.col("rank2") * F.col("rank2")))).alias("sum_square"),
    )
    return devices.crossJoin(F.broadcast(whole)).select(
        "device_type",
        "n",
        *(F.col("quantiles")[i].alias(name) for i, name in enumerate(SHARES)),
        _spearman().alias("spearman"),
    )


def _spearman() -> Expression:
    """Pearson's correlation of twice the ranks with an indicator, from sums."""
    n, n_all = F.col("n").cast("double"), F.col("n_all").cast("double")
    mean = n_all + 1
    covariance = nearest_double(F.col("sum_rank2")) / n_all - n / n_all * mean
    spread = nearest_double(F.col("sum_square")) / n_all - mean * mean
    indicator = n / n_all * (1 - n / n_all)
    scale = F.sqrt(F.greatest(spread * indicator, F.lit(0.0)))
    # Rounding may leave the last digit beyond 1.
    bounded = F.greatest(F.least(covariance / scale, F.lit(1.0)), F.lit(-1.0))
    return F.when(scale > 0, bounded)
