"""Does using a feature drive conversion? One row per feature that has a current row.

The cohorts of `gold.feature_conversion_impact` cannot answer this: users who convert early had less
time to use a feature, so a feature without effect can look harmful, and one that only active users
find can look helpful. This table answers in three ways that account for time, as of the as-of date.
Dates count as whole days. Conversions and uses after the as-of date do not count. Users who signed
up after it, or whose first conversion is before their signup, are left out.

**Landmark** (Anderson, Cain & Gelber 1983, J Clin Oncol 1:710-719; van Houwelingen 2007, Scand J
Stat 34:70-85). On the 14th day after signup, users are divided by whether they had used the
feature; a first conversion in the 28 days after it counts. Users who had converted by the landmark
are left out, and so are users who signed up less than 42 days before the as-of date, so that all
are observed equally long. A user for whom the feature was first released after the landmark could
not have used it and is left out for that feature, unless they did use it. `landmark_lift` is the
difference of the two rates, with Newcombe's score interval.

**Adjusted.** Active users try more features and convert more anyway. `adjusted_lift` compares
within strata of about equally active users: the number of days from signup to the landmark, both
included, on which they used some *other* feature (0 to 15; any feature, including deleted ones).
The differences are averaged with Mantel-Haenszel weights (Greenland & Robins 1985, Biometrics
41:55-68). The interval is null when fewer than 5 users of a group converted, or fewer than 5 did
not. Days adjust better than the number of other features tried: on simulated data in which active
users adopt a feature without effect, strata by features tried left a lift of 2 to 3 points, strata
by days less than one. This residual lift is a bias: active days in two weeks measure activity with
an error, so users of the feature are still slightly more active within a stratum. More users do not
reduce it.

**Person-time.** Each user's days from signup to the first conversion or the as-of date are split at
the first use: `unexposed` before it, `exposed` from then on. A conversion on the day of first use
counts as exposed, a day before the first release as unexposed. `rate_ratio` divides the conversions
per exposed day by those per unexposed day, with a log-normal interval.

**Verdict.** `supported` when the interval of the rate ratio lies above 1, and the adjusted interval
above 0 and above what the adjustment removed (`landmark_lift - adjusted_lift`): unmeasured activity
would then have to explain more than all measured activity does (Altonji, Elder & Taber 2005, J
Polit Econ 113:151-184). Without that margin, a feature that active users adopt but that has no
effect was `supported` in one of 15 data sets, because of the bias above. `association` when an
interval (landmark, adjusted or rate ratio) excludes no effect, in either direction, but not all of
this holds; `not_distinguishable` otherwise. Observational data can support a cause but not prove
it: users were not assigned to features at random, and of 40 features without effect one may pass a
95 % interval by chance.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import conversion as metric
from lakehouse.metrics.conversion import AVAILABLE, USED
from lakehouse.spec import (
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
    not_empty,
    not_null,
    one_of,
    satisfies,
    unique,
)
from lakehouse.tables.bronze import conversions, feature_usage_events
from lakehouse.tables.silver import feature_states, feature_usage_facts, user_dim
from lakehouse.transforms import lift
from lakehouse.transforms.conversions import users_by_feature
from lakehouse.transforms.numbers import total

if TYPE_CHECKING:
    from pyspark.sql import Column as Expression
    from pyspark.sql import DataFrame

    from lakehouse.spec import Check, Run

PERSON_TIME = ("exposed_conversions", "exposed_days", "unexposed_conversions", "unexposed_days")
NAIVE = ("naive_used", "naive_used_converted", "naive_not_used", "naive_not_used_converted")
RATES = ("used_rate", "not_used_rate", "naive_used_rate", "naive_not_used_rate")
ESTIMATES = ("landmark_lift", "adjusted_lift", "rate_ratio")


def _in_order(estimate: str) -> Check:
    low, high = f"{estimate}_low", f"{estimate}_high"
    return satisfies(
        f"{estimate}_lies_in_its_interval",
        f"{low} IS NULL AND {high} IS NULL OR {low} <= {estimate} AND {estimate} <= {high}",
        f"{low}, {estimate} and {high} are in ascending order.",
    )


TABLE = Table(
    name="gold.feature_conversion_lift",
    owner="growth",
    domain="growth",
    inputs=(
        user_dim.TABLE,
        feature_states.TABLE,
        feature_usage_facts.TABLE,
        conversions.TABLE,
        feature_usage_events.TABLE,
    ),
    columns=(
        Column("feature_id", STRING, "Natural key of the feature.", nullable=False),
        Column("feature_name", STRING, "Current display name of the feature."),
        Column("as_of_date", DATE, "As-of date: later rows do not count.", nullable=False),
        Column("landmark_days", INT, metric.LANDMARK, nullable=False),
        Column("horizon_days", INT, metric.HORIZON, nullable=False),
        Column("n_used", LONG, metric.N_USED, nullable=False),
        Column("n_used_converted", LONG, metric.N_USED_CONVERTED, nullable=False),
        Column("used_rate", DOUBLE, metric.USED_RATE),
        Column("n_not_used", LONG, metric.N_NOT_USED, nullable=False),
        Column("n_not_used_converted", LONG, metric.N_NOT_USED_CONVERTED, nullable=False),
        Column("not_used_rate", DOUBLE, metric.NOT_USED_RATE),
        Column("landmark_lift", DOUBLE, metric.LANDMARK_LIFT),
        Column("landmark_lift_low", DOUBLE, metric.low("landmark_lift")),
        Column("landmark_lift_high", DOUBLE, metric.high("landmark_lift")),
        Column("adjusted_lift", DOUBLE, metric.ADJUSTED_LIFT),
        Column(
            "adjusted_lift_low",
            DOUBLE,
            f"{metric.low('adjusted_lift')[:-1]}; {metric.ADJUSTED_LIFT_BOUND}",
        ),
        Column(
            "adjusted_lift_high",
            DOUBLE,
            f"{metric.high('adjusted_lift')[:-1]}; {metric.ADJUSTED_LIFT_BOUND}",
        ),
        Column("exposed_days", LONG, metric.EXPOSED_DAYS, nullable=False),
        Column("exposed_conversions", LONG, metric.EXPOSED_CONVERSIONS, nullable=False),
        Column("unexposed_days", LONG, metric.UNEXPOSED_DAYS, nullable=False),
        Column("unexposed_conversions", LONG, metric.UNEXPOSED_CONVERSIONS, nullable=False),
        Column("rate_ratio", DOUBLE, metric.RATE_RATIO),
        Column("rate_ratio_low", DOUBLE, metric.low("rate_ratio")),
        Column("rate_ratio_high", DOUBLE, metric.high("rate_ratio")),
        Column("naive_used_rate", DOUBLE, metric.NAIVE_USED_RATE),
        Column("naive_not_used_rate", DOUBLE, metric.NAIVE_NOT_USED_RATE),
        Column("verdict", STRING, metric.VERDICT, nullable=False),
    ),
    write=Overwrite(keys=("feature_id",)),
    as_of=Latest(feature_usage_facts.TABLE, "as_of_date"),
    requires=(
        not_empty("silver.user_dim"),
        not_empty("silver.feature_states"),
    ),
    ensures=(
        not_empty(severity="warn"),  # legal: every feature was deleted
        not_null("feature_id", "as_of_date", "verdict"),
        unique("feature_id"),
        one_of("verdict", metric.VERDICTS),
        *(in_range(rate, minimum=0, maximum=1) for rate in RATES),
        *(_in_order(estimate) for estimate in ESTIMATES),
        in_range("exposed_days", minimum=0),
        in_range("unexposed_days", minimum=0),
        satisfies(
            "converted_are_part_of_the_group",
            "n_used_converted <= n_used AND n_not_used_converted <= n_not_used",
            "n_used_converted: at most n_used; n_not_used_converted: at most n_not_used.",
        ),
    ),
    final="true",
    is_small=True,
    serve=Serve(indexes=(("feature_name",), ("as_of_date",))),
)


def transform(  # noqa: PLR0913, PLR0917  # one parameter per input
    user_dim: DataFrame,
    feature_states: DataFrame,
    feature_usage_facts: DataFrame,
    conversions: DataFrame,
    feature_usage_events: DataFrame,
    run: Run,
) -> DataFrame:
    """Count users and days by feature, use and activity, and compare."""
    members = users_by_feature(
        user_dim, feature_states, feature_usage_facts, conversions, as_of=run.as_of
    )
    as_of = F.lit(run.as_of)
    sorted_out = _watched(members, as_of).withColumns(_at_landmark(as_of))
    counts = (
        _with_activity(sorted_out, user_dim, feature_usage_events)
        .groupBy("feature_id", "feature_name", "active_days")
        .agg(*_landmark_counts(), *_person_time(), *_naive_counts())
        .groupBy("feature_id", "feature_name")
        .agg(
            F.array_sort(F.collect_list(F.struct("active_days", *lift.STRATUM))).alias("strata"),
            *(total(name).alias(name) for name in (*lift.STRATUM, *PERSON_TIME, *NAIVE)),
        )
    )
    return _compared(counts, as_of)


def _watched(members: DataFrame, as_of: Expression) -> DataFrame:
    """Add what the as-of date lets us see: is_watched, converted_on, until, used_on."""
    converted_on = F.when(F.col("conversion_date") <= as_of, F.col("conversion_date"))
    is_in_order = F.coalesce(F.col("conversion_date") >= F.col("signup_date"), F.lit(True))
    return members.withColumns(
        {
            "is_watched": (F.col("signup_date") <= as_of) & is_in_order,
            "converted_on": converted_on,
            "until": F.coalesce(converted_on, as_of),
            # A use before signup exposes from signup on.
            "used_on": F.greatest("first_used_date", F.when(_has_used(), F.col("signup_date"))),
        }
    )


def _has_used() -> Expression:
    return F.col("first_used_date").isNotNull()


def _landmark() -> Expression:
    return F.date_add("signup_date", metric.LANDMARK_DAYS)


def _used_by_landmark() -> Expression:
    return F.coalesce(F.col("first_used_date") <= _landmark(), F.lit(False))


def _with_activity(members: DataFrame, user_dim: DataFrame, events: DataFrame) -> DataFrame:
    """Add active_days: days from signup to the landmark on which a user used other features."""
    is_early = (F.col("signup_date") <= F.col("event_date")) & (F.col("event_date") <= _landmark())
    days = (
        events.join(user_dim.select("user_id", "signup_date"), "user_id", how="inner")
        .filter(is_early)
        .groupBy("user_id", "event_date")
        .agg(F.min("feature_id").alias("feature_id"), F.max("feature_id").alias("last_feature_id"))
    )
    all_days = days.groupBy("user_id").agg(F.count(F.lit(1)).alias("all_days"))
    # A day counts for every feature but the one that was the only one used on it.
    own_days = (
        days.filter(F.col("feature_id") == F.col("last_feature_id"))
        .groupBy("user_id", "feature_id")
        .agg(F.count(F.lit(1)).alias("own_days"))
    )
    return (
        members.join(all_days, "user_id", how="left")
        .join(own_days, ["user_id", "feature_id"], how="left")
        .withColumn(
            "active_days", F.coalesce("all_days", F.lit(0)) - F.coalesce("own_days", F.lit(0))
        )
    )


def _at_landmark(as_of: Expression) -> dict[str, Expression]:
    """The landmark analysis of a user and feature: is_in_landmark, used, converted_in_time."""
    horizon_end = F.date_add(_landmark(), metric.HORIZON_DAYS)
    is_long_enough = horizon_end <= as_of
    is_unconverted = F.coalesce(F.col("converted_on") > _landmark(), F.lit(True))
    could_use = _used_by_landmark() | (F.col("released_on") <= _landmark())
    return {
        "is_in_landmark": F.col("is_watched") & is_long_enough & is_unconverted & could_use,
        "used": _used_by_landmark(),
        "converted_in_time": F.coalesce(F.col("converted_on") <= horizon_end, F.lit(False)),
    }


def _landmark_counts() -> list[Expression]:
    """Users and converted users of the landmark analysis, by use."""
    counts = []
    for group, is_member in (("n_used", F.col("used")), ("n_not_used", ~F.col("used"))):
        is_user = F.col("is_in_landmark") & is_member
        counts += [
            F.count_if(is_user).alias(group),
            F.count_if(is_user & F.col("converted_in_time")).alias(f"{group}_converted"),
        ]
    return counts


def _person_time() -> list[Expression]:
    """Days at risk and conversions, before first use and from then on."""
    days = F.datediff("until", "signup_date")
    is_exposed = F.coalesce(F.col("used_on") <= F.col("until"), F.lit(False))
    exposed_days = F.when(is_exposed, F.datediff("until", "used_on")).otherwise(0)
    has_converted = F.col("converted_on").isNotNull()
    is_watched = F.col("is_watched")
    return [
        total(F.when(is_watched, exposed_days).otherwise(0)).alias("exposed_days"),
        total(F.when(is_watched, days - exposed_days).otherwise(0)).alias("unexposed_days"),
        F.count_if(is_watched & has_converted & is_exposed).alias("exposed_conversions"),
        F.count_if(is_watched & has_converted & ~is_exposed).alias("unexposed_conversions"),
    ]


def _naive_counts() -> list[Expression]:
    """Users and converted users of the cohorts of gold.feature_conversion_impact."""
    counts = []
    for group, cohort in (("naive_used", USED), ("naive_not_used", AVAILABLE)):
        is_member = F.col("cohort") == cohort
        has_converted = F.col("conversion_date").isNotNull()
        counts += [
            F.count_if(is_member).alias(group),
            F.count_if(is_member & has_converted).alias(f"{group}_converted"),
        ]
    return counts


def _compared(counts: DataFrame, as_of: Expression) -> DataFrame:
    """Counts of each feature → its estimates and verdict."""
    used, used_converted, not_used, not_used_converted = (F.col(name) for name in lift.STRATUM)
    crude = lift.risk_difference(used_converted, used, not_used_converted, not_used)
    estimated = counts.withColumns(lift.strata_sums(F.col("strata"))).select(
        "*",
        lift.proportion(used_converted, used).alias("used_rate"),
        lift.proportion(not_used_converted, not_used).alias("not_used_rate"),
        *crude.named("landmark_lift"),
        *lift.mantel_haenszel_risk_difference().named("adjusted_lift"),
        *(
            lift.proportion(F.col(f"{group}_converted"), F.col(group)).alias(f"{group}_rate")
            for group in ("naive_used", "naive_not_used")
        ),
        *lift.rate_ratio(*(F.col(name) for name in PERSON_TIME)).named("rate_ratio"),
    )
    return estimated.withColumns(
        {
            "as_of_date": as_of,
            "landmark_days": F.lit(metric.LANDMARK_DAYS),
            "horizon_days": F.lit(metric.HORIZON_DAYS),
            "verdict": _verdict(),
        }
    ).select(*(column.name for column in TABLE.columns))


def _verdict() -> Expression:
    """See the module's docstring; an interval that is null excludes nothing."""
    adjusted_is_up = F.col("adjusted_lift_low") > 0
    ratio_is_up = F.col("rate_ratio_low") > 1
    excludes = (
        F.col("landmark_lift_low") > 0,
        F.col("landmark_lift_high") < 0,
        adjusted_is_up,
        F.col("adjusted_lift_high") < 0,
        ratio_is_up,
        F.col("rate_ratio_high") < 1,
    )
    taken_away = F.greatest(F.col("landmark_lift") - F.col("adjusted_lift"), F.lit(0.0))
    some = reduce(or_, (F.coalesce(each, F.lit(False)) for each in excludes))
    return (
        F.when((F.col("adjusted_lift_low") > taken_away) & ratio_is_up, metric.SUPPORTED)
        .when(some, metric.ASSOCIATION)
        .otherwise(metric.NOT_DISTINGUISHABLE)
    )
