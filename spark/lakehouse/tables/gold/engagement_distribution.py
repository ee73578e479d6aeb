"""Distribution of users by activity, by country, device and plan. One row per group and bucket.

Buckets are of a user's distinct interactions so far: 1, 2 to 3, 4 to 7, 8 to 15 and so on.
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
    Overwrite,
    Serve,
    Table,
    in_range,
    not_empty,
    not_null,
    unique,
)
from lakehouse.tables.silver import user_activity
from lakehouse.transforms.dimensions import DIMENSION, by_dimension
from lakehouse.transforms.numbers import two_to_the

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

TABLE = Table(
    name="gold.engagement_distribution",
    owner="interactions",
    domain="interactions",
    inputs=(user_activity.TABLE,),
    columns=(
        Column("dimension_name", STRING, metric.DIMENSION_NAME),
        Column("dimension_value", STRING, metric.DIMENSION_VALUE),
        Column("bucket_from", LONG, "Smallest number of interactions.", nullable=False),
        Column("bucket_to", LONG, "Largest number of interactions.", nullable=False),
        Column("n_users", LONG, "Users of the group in the bucket.", nullable=False),
        Column("share_rate", DOUBLE, "n_users ÷ all users of the group.", nullable=False),
    ),
    write=Overwrite(keys=(*DIMENSION, "bucket_from")),
    requires=(not_empty("silver.user_activity"),),
    ensures=(
        not_empty(),
        not_null("bucket_from", "n_users"),
        unique(*DIMENSION, "bucket_from"),
        in_range("n_users", minimum=1),
        in_range("share_rate", minimum=0, maximum=1),
    ),
    final="true",
    is_small=True,
    serve=Serve(indexes=(("dimension_name", "dimension_value"),)),
)


def transform(user_activity: DataFrame, run: Run) -> DataFrame:  # noqa: ARG001  # no clock needed
    """Sort users into buckets that double in width."""
    # The length of a number in base 2, exact where a logarithm is not.
    exponent = F.length(F.bin("n_interactions")) - 1
    of_group = F.sum("n_users").over(Window.partitionBy(*DIMENSION))
    return (
        by_dimension(user_activity, metric.DIMENSIONS)
        .groupBy(*DIMENSION, exponent.alias("exponent"))
        .agg(F.count(F.lit(1)).alias("n_users"))
        .select(
            *DIMENSION,
            two_to_the(F.col("exponent")).alias("bucket_from"),
            (two_to_the(F.col("exponent") + 1) - 1).alias("bucket_to"),
            "n_users",
            (F.col("n_users") / of_group).alias("share_rate"),
        )
    )
