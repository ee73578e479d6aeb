"""Days on which unusually many or few users converted, overall and by group.

One row per day and group with |z_score| of at least 3. Counts first conversions. Each complete day
is compared with the up to 56 days before it, weekday by weekday; see `against_days_before`. A day
without conversions counts as 0, up to the newest day on which anybody used a feature, so that an
outage of billing is found, too. More conversions than usual are never more than medium.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import anomalies as metric
from lakehouse.spec import (
    DATE,
    DOUBLE,
    STRING,
    Column,
    Latest,
    Overwrite,
    Serve,
    Table,
    not_empty,
    not_null,
    one_of,
    satisfies,
    unique,
)
from lakehouse.tables.bronze import conversions
from lakehouse.tables.silver import feature_usage_facts, user_dim
from lakehouse.transforms.conversions import first_conversions
from lakehouse.transforms.daily_counts import unusual_counts
from lakehouse.transforms.dimensions import DIMENSION, by_dimension

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

GRAIN = ("metric_date", "metric_name", *DIMENSION)
GROUPS = ("company_size", "industry")

TABLE = Table(
    name="gold.conversion_anomalies",
    owner="growth",
    domain="growth",
    inputs=(user_dim.TABLE, conversions.TABLE, feature_usage_facts.TABLE),
    columns=(
        Column("metric_date", DATE, "Day of the conversions.", nullable=False),
        Column("metric_name", STRING, "n_conversions.", nullable=False),
        Column(
            "dimension_name",
            STRING,
            "Dimension of the breakdown: company_size or industry; null = all users.",
        ),
        Column("dimension_value", STRING, "Value of the dimension; null = all users."),
        Column("value", DOUBLE, "Users whose first conversion was on the day.", nullable=False),
        Column("baseline", DOUBLE, metric.COUNT_BASELINE, nullable=False),
        Column("z_score", DOUBLE, metric.COUNT_Z_SCORE, nullable=False),
        Column("severity", STRING, metric.SEVERITY, nullable=False),
        Column("description", STRING, "The finding in one sentence.", nullable=False),
    ),
    write=Overwrite(keys=GRAIN),
    as_of=Latest(feature_usage_facts.TABLE, "as_of_date"),
    requires=(not_empty("silver.user_dim"),),
    ensures=(
        not_null("metric_date", "value", "z_score", "severity"),
        unique(*GRAIN),
        one_of("severity", tuple(name for name, _ in metric.SEVERITIES)),
        satisfies("is_unusual", "abs(z_score) >= 3", "z_score: at least 3 above or below 0."),
    ),
    may_be_empty="nothing unusual happened",
    final="true",
    day="metric_date",
    is_small=True,
    serve=Serve(
        indexes=(
            ("severity", "metric_date"),
            ("metric_name", "metric_date"),
        ),
    ),
)


def transform(
    user_dim: DataFrame,
    conversions: DataFrame,
    feature_usage_facts: DataFrame,  # noqa: ARG001  # its newest day is the as-of date
    run: Run,
) -> DataFrame:
    """Count the first conversions of each day and compare it with the days before it."""
    converted = user_dim.join(first_conversions(conversions), "user_id", how="inner").select(
        F.col("conversion_date").alias("metric_date"),
        *(F.coalesce(group, F.lit("unknown")).alias(group) for group in GROUPS),
    )
    counts = (
        by_dimension(converted, GROUPS)
        .groupBy("metric_date", *DIMENSION)
        .agg(F.count(F.lit(1)).alias("value"))
        .withColumn("metric_name", F.lit("n_conversions"))
    )
    return unusual_counts(
        counts, series=("metric_name", *DIMENSION), until=run.as_of, worse="below"
    ).select(*(column.name for column in TABLE.columns))
