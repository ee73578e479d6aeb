"""Conversion by feature use. One row per current feature and cohort.

For every feature that has a current row, each known user is in exactly one cohort. It depends on
the user's reference date: the first conversion or, without one, the as-of date.

- used_before_conversion: first used the feature on or before the reference date
- available_not_used: did not, although the feature was first released on or before that date
- not_available: the feature was first released later

The cohorts do not show cause and effect: users who convert early had less time to use a feature.
`gold.feature_conversion_lift` estimates whether the feature drives conversion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import conversion as metric
from lakehouse.metrics.conversion import COHORTS
from lakehouse.spec import (
    DOUBLE,
    LONG,
    STRING,
    Column,
    Latest,
    Overwrite,
    Serve,
    Table,
    in_range,
    not_empty,
    not_null,
    one_of,
    references,
    satisfies,
    unique,
)
from lakehouse.tables.bronze import conversions
from lakehouse.tables.silver import feature_states, feature_usage_facts, user_dim
from lakehouse.transforms.conversions import users_by_feature

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

TABLE = Table(
    name="gold.feature_conversion_impact",
    owner="growth",
    domain="growth",
    inputs=(
        user_dim.TABLE,
        feature_states.TABLE,
        feature_usage_facts.TABLE,
        conversions.TABLE,
    ),
    columns=(
        Column("feature_id", STRING, "Natural key of the feature.", nullable=False),
        Column("feature_name", STRING, "Current display name of the feature."),
        Column("cohort", STRING, f"One of {', '.join(COHORTS)}.", nullable=False),
        Column("total_users", LONG, metric.TOTAL_USERS, nullable=False),
        Column("converted_users", LONG, metric.CONVERTED_USERS, nullable=False),
        Column("conversion_rate", DOUBLE, metric.CONVERSION_RATE, nullable=False),
        Column("avg_days_to_convert", DOUBLE, metric.AVG_DAYS_TO_CONVERT),
        Column("avg_mrr", DOUBLE, metric.AVG_MRR),
    ),
    write=Overwrite(keys=("feature_id", "cohort")),
    as_of=Latest(feature_usage_facts.TABLE, "as_of_date"),
    requires=(
        not_empty("silver.user_dim"),
        not_empty("silver.feature_states"),
        references("user_id", "silver.user_dim", "user_id", on="silver.feature_usage_facts"),
        references(
            "feature_id", "silver.feature_states", "feature_id", on="silver.feature_usage_facts"
        ),
    ),
    ensures=(
        not_empty(severity="warn"),  # legal: every feature was deleted
        not_null("feature_id", "cohort"),
        unique("feature_id", "cohort"),
        one_of("cohort", COHORTS),
        in_range("conversion_rate", minimum=0, maximum=1),
        satisfies(
            "converted_are_part_of_total",
            "converted_users <= total_users AND total_users > 0",
            "converted_users: at most total_users, which is at least 1.",
        ),
    ),
    final="true",
    is_small=True,
    serve=Serve(
        indexes=(
            ("feature_name",),
            ("cohort",),
        )
    ),
)


def transform(
    user_dim: DataFrame,
    feature_states: DataFrame,
    feature_usage_facts: DataFrame,
    conversions: DataFrame,
    run: Run,
) -> DataFrame:
    """Put every user in a cohort of every current feature, and aggregate."""
    members = users_by_feature(
        user_dim, feature_states, feature_usage_facts, conversions, as_of=run.as_of
    )
    total, converted = F.count(F.lit(1)), F.count("conversion_date")
    # Sums of whole numbers and decimals are exact, whatever the order of the rows.
    return members.groupBy("feature_id", "feature_name", "cohort").agg(
        total.alias("total_users"),
        converted.alias("converted_users"),
        (converted / total).alias("conversion_rate"),
        F.try_divide(F.sum("days_to_convert"), F.count("days_to_convert")).alias(
            "avg_days_to_convert"
        ),
        F.try_divide(F.sum("mrr").cast("double"), F.count("mrr")).alias("avg_mrr"),
    )
