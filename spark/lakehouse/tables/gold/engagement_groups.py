"""How much users did so far, by every mix of country, device and plan. One row per mix.

Null stands for all countries, devices or plans. A user counts with everything they did, in the
mixes of their last active day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import engagement as metric
from lakehouse.metrics.buckets import buckets
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
    satisfies,
    unique,
)
from lakehouse.tables.silver import user_activity
from lakehouse.transforms.buckets import counts
from lakehouse.transforms.dimensions import by_mix

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

BUCKETS = buckets("n_users", "n_interactions", metric.INTERACTIONS_BUCKETS)

TABLE = Table(
    name="gold.engagement_groups",
    owner="interactions",
    domain="interactions",
    inputs=(user_activity.TABLE,),
    columns=(
        Column("country", STRING, "Country, unknown where not known; null = all."),
        Column("device_type", STRING, "Device, unknown where not known; null = all."),
        Column("subscription_type", STRING, "Plan, unknown where not known; null = all."),
        Column("n_users", LONG, "Users with at least one interaction.", nullable=False),
        Column("avg_interactions", DOUBLE, "Mean interactions of a user.", nullable=False),
        *(Column(name, DOUBLE, metric.quantile(share)) for name, share in metric.QUARTILES.items()),
        *(
            Column(bucket.name, LONG, bucket.sentence("Users"), nullable=False)
            for bucket in BUCKETS
        ),
    ),
    write=Overwrite(keys=metric.DIMENSIONS),
    requires=(not_empty("silver.user_activity"),),
    ensures=(
        not_empty(),
        not_null("n_users", "avg_interactions", "median_interactions"),
        unique(*metric.DIMENSIONS),
        in_range("n_users", minimum=1),
        satisfies(
            "buckets_hold_every_user",
            f"{' + '.join(bucket.name for bucket in BUCKETS)} = n_users",
            f"{BUCKETS[0].name} to {BUCKETS[-1].name}: every user is in one of them.",
        ),
    ),
    final="true",
    is_small=True,
    serve=Serve(indexes=(("country",), ("device_type",), ("subscription_type",))),
)


def transform(user_activity: DataFrame, run: Run) -> DataFrame:  # noqa: ARG001  # no clock needed
    """Count the users of each mix, and sort them by what they did."""
    n_users = F.count(F.lit(1))
    shares = F.array(*(F.lit(share) for share in metric.QUARTILES.values()))
    return (
        by_mix(user_activity, metric.DIMENSIONS, "n_interactions")
        .groupBy(*metric.DIMENSIONS)
        .agg(
            n_users.alias("n_users"),
            (F.sum("n_interactions") / n_users).alias("avg_interactions"),
            F.percentile("n_interactions", shares).alias("quartiles"),
            *counts(BUCKETS),
        )
        .select(
            *metric.DIMENSIONS,
            "n_users",
            "avg_interactions",
            *(F.col("quartiles")[i].alias(name) for i, name in enumerate(metric.QUARTILES)),
            *(bucket.name for bucket in BUCKETS),
        )
    )
