"""What the numbers about features and conversion mean. One constant per metric.

Marts use these sentences as the docs of their columns, so that the catalogue, a dashboard and a
test all say the same. A rate is a share of users, 0 to 1; an interval covers 95 %.
"""

USED, AVAILABLE, NOT_AVAILABLE = "used_before_conversion", "available_not_used", "not_available"
COHORTS = (USED, AVAILABLE, NOT_AVAILABLE)
"""Users by a feature: used it before they converted, could have, could not."""

FREE = "free"
"""Plan of a user who never converted."""

TOTAL_USERS = "Known users in the cohort, converted or not."
CONVERTED_USERS = "Users of the cohort who ever converted to a paid plan."
CONVERSION_RATE = "Share of the cohort's users who converted: converted_users ÷ total_users, 0-1."
AVG_DAYS_TO_CONVERT = (
    "Mean days from signup to first conversion, over converted users only; null when there is none."
)
AVG_MRR = (
    "Mean monthly recurring revenue of the first conversion, in the billing currency, over "
    "converted users only; null when there is none."
)

CONVERTED_SQL = f"""
SELECT count(*) AS n, count(*) FILTER (WHERE current_plan <> '{FREE}') AS n_converted FROM t
"""
"""Users, and those of them on a paid plan, of users `t`."""

CURRENT_MRR_SQL = """
SELECT sum(mrr) AS mrr FROM (
    SELECT mrr, row_number() OVER (
        PARTITION BY user_id ORDER BY conversion_date DESC, mrr DESC NULLS LAST
    ) AS place FROM t
) WHERE place = 1
"""
"""Monthly recurring revenue: the sum over each user's latest conversion, of conversion records `t`.

Ties go to the higher amount, as in `silver.user_dim`.
"""

FIRST_CONVERSIONS_SQL = """
SELECT day, count(*) AS n FROM (
    SELECT min(conversion_date) AS day FROM t GROUP BY user_id
) GROUP BY day
"""
"""Users by the day of their first conversion, of conversion records `t`."""

LANDMARK_DAYS = 14
HORIZON_DAYS = 28
LANDMARK = (
    "Days from signup to the landmark, the day on which users are divided into used and not used. "
    "Users who converted by then are left out: it is unknown which of the two led to the other."
)
HORIZON = "Days after the landmark in which a first conversion counts."

N_USED = "Users at the landmark who had used the feature by then."
N_USED_CONVERTED = "Of n_used, those whose first conversion came within the horizon."
USED_RATE = "n_used_converted ÷ n_used, 0-1; null without such users."
N_NOT_USED = "Users at the landmark who could have used the feature by then and had not."
N_NOT_USED_CONVERTED = "Of n_not_used, those whose first conversion came within the horizon."
NOT_USED_RATE = "n_not_used_converted ÷ n_not_used, 0-1; null without such users."

LANDMARK_LIFT = (
    "Difference in conversion between users who had used the feature by the landmark and users who "
    "had not: used_rate - not_used_rate."
)
ADJUSTED_LIFT = (
    "Landmark lift among users who were equally active before the landmark: the "
    "Mantel-Haenszel average of the differences within strata of the number of days on which they "
    "had used other features; null when no stratum holds both users and non-users."
)
ADJUSTED_LIFT_BOUND = "null when fewer than 5 users of a group converted, or fewer than 5 did not."

EXPOSED_DAYS = (
    "Person-days from the first use of the feature on, until conversion or the as-of date."
)
EXPOSED_CONVERSIONS = "First conversions on or after the day of the first use."
UNEXPOSED_DAYS = "Person-days from signup to first use, conversion or the as-of date."
UNEXPOSED_CONVERSIONS = "First conversions without, or before, a use of the feature."
RATE_RATIO = (
    "Conversions per person-day after the first use of the feature ÷ conversions per person-day "
    "before it; null when a count or a number of days is 0."
)

NAIVE_USED_RATE = (
    f"conversion_rate of the cohort {USED} in gold.feature_conversion_impact, for "
    "comparison only: it is biased, as early converters had less time to use the feature."
)
NAIVE_NOT_USED_RATE = (
    f"conversion_rate of the cohort {AVAILABLE} in gold.feature_conversion_impact, for "
    "comparison only: it is biased in the opposite direction."
)

SUPPORTED = "supported"
ASSOCIATION = "association"
NOT_DISTINGUISHABLE = "not_distinguishable"
VERDICTS = (SUPPORTED, ASSOCIATION, NOT_DISTINGUISHABLE)
VERDICT = (
    "supported: users of the feature convert more, both among equally active users (adjusted lift) "
    "and per person-day (rate ratio); each interval excludes no effect, and that of the adjusted "
    "lift lies above what the adjustment removed. association: an interval excludes no effect, in "
    "either direction, but not all of this holds; other explanations remain. not_distinguishable: "
    "the data is compatible with no effect."
)


def low(metric: str) -> str:
    """Description of the lower bound of a metric's interval."""
    return f"Lower bound of the 95 % confidence interval of {metric}."


def high(metric: str) -> str:
    """Description of the upper bound of a metric's interval."""
    return f"Upper bound of the 95 % confidence interval of {metric}."
