"""Days with unusual numbers of users, interactions, sessions or bounces, overall and by group.

One row per day, metric and group with |z_score| of at least 3. Each complete day is compared with
the up to 56 days before it, weekday by weekday; see `against_days_before`. A day without users
counts as 0, so that an outage is found, too. Both more and fewer users, interactions and sessions
than usual can be a fault; fewer bounces are never more than medium.
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
from lakehouse.tables.gold import bounce_rates, daily_active_users
from lakehouse.transforms.anomalies import BASELINE, against_days_before, logarithm
from lakehouse.transforms.daily_counts import finding, unusual_counts
from lakehouse.transforms.dimensions import DIMENSION

if TYPE_CHECKING:
    from pyspark.sql import Column as Expression
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

GRAIN = ("metric_date", "metric_name", *DIMENSION)
DIMENSION_NAME = "Dimension of the breakdown: country, device_type, ...; null = all users."
BOUNCE = "bounce_rate"

TABLE = Table(
    name="gold.usage_anomalies",
    owner="interactions",
    domain="interactions",
    inputs=(daily_active_users.TABLE, bounce_rates.TABLE),
    columns=(
        Column("metric_date", DATE, "UTC day.", nullable=False),
        Column(
            "metric_name", STRING, "dau, n_interactions, n_sessions or bounce_rate.", nullable=False
        ),
        Column("dimension_name", STRING, DIMENSION_NAME),
        Column("dimension_value", STRING, "Value of the dimension; null = all users."),
        Column("value", DOUBLE, "The metric of the day and group.", nullable=False),
        Column("baseline", DOUBLE, metric.COUNT_BASELINE, nullable=False),
        Column("z_score", DOUBLE, metric.COUNT_Z_SCORE, nullable=False),
        Column("severity", STRING, metric.SEVERITY, nullable=False),
        Column("description", STRING, "The finding in one sentence.", nullable=False),
    ),
    write=Overwrite(keys=GRAIN),
    as_of=Latest(daily_active_users.TABLE, "activity_date"),
    requires=(not_empty("gold.daily_active_users"), not_empty("gold.bounce_rates")),
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


def transform(daily_active_users: DataFrame, bounce_rates: DataFrame, run: Run) -> DataFrame:
    """Compare every day that is over with the days before it."""
    days = daily_active_users.withColumnRenamed("activity_date", "metric_date")
    counts = _named(days, "dau").unionByName(_named(days, "n_interactions"))
    sessions = bounce_rates.withColumnRenamed("total_sessions", "n_sessions")
    volume = unusual_counts(
        counts.unionByName(_named(sessions, "n_sessions")),
        series=("metric_name", *DIMENSION),
        until=run.as_of,
        worse="either",
    )
    return volume.unionByName(_bounces(sessions, run)).select(
        *(column.name for column in TABLE.columns)
    )


def _named(days: DataFrame, name: str) -> DataFrame:
    return days.select(
        "metric_date", F.lit(name).alias("metric_name"), *DIMENSION, F.col(name).alias("value")
    )


def _bounces(sessions: DataFrame, run: Run) -> DataFrame:
    is_judged = (F.col("metric_date") < F.lit(run.as_of)) & (
        F.col("n_sessions") >= metric.MIN_SESSIONS
    )
    points = sessions.filter(is_judged).select(
        "metric_date",
        F.lit(BOUNCE).alias("metric_name"),
        *DIMENSION,
        F.col("bounce_rate").alias("value"),
        "n_sessions",
    )
    judged = against_days_before(
        points,
        series=("metric_name", *DIMENSION),
        baseline=BASELINE,
        scale=logarithm(_noise_of_bounces),
    )
    return finding(judged.drop("n_sessions"), DIMENSION, worse="above", unit="rate")


def _noise_of_bounces(place: Expression) -> Expression:
    """Standard error of ln(share + 1) of n sessions, with one bounce and one other session more."""
    n = F.col("n_sessions")
    share = ((F.exp(place) - 1) * n + 1) / (n + 2)
    return F.sqrt(share * (F.lit(1.0) - share) / n) / (share + 1)
