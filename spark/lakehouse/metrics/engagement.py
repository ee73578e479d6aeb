"""What the numbers of the interactions domain mean. Each is defined here, once."""

from __future__ import annotations

UNKNOWN = "unknown"
"""Country, device or plan of an interaction for which nobody knows it."""

SESSION_GAP_S = 1800
"""A gap strictly longer than this between two actions of a user starts a new session."""

DURATION_OUTLIER_MS = 8 * 60 * 60 * 1000
"""Longer than this is an outlier: eight hours."""

ROLLING_DAYS = 28
"""Days of the rolling monthly figure: four whole weeks, so that every weekday counts four times."""

ROLLING_WEEK_DAYS = 7
"""Days of the rolling weekly figure."""

STICKINESS_TARGET_RATE = 0.2
"""A product that a fifth of its monthly users open on a given day counts as a habit."""

BOUNCE_TARGET_RATE = 0.4
"""Above this share of bounces, users do not find what they came for."""

RETENTION_WEEKS = 26
"""Weeks for which a cohort is followed after its first."""

POWER_USERS_RATE = 0.01
"""Power users are this share of the users, rounded up to a whole user."""

DIMENSIONS = ("country", "device_type", "subscription_type")
"""What figures of users are broken down by."""

SESSION_DIMENSIONS = ("country", "device_type")
"""What figures of sessions are broken down by."""

IS_DURATION_OUTLIER = "duration_ms is above 8 hours; each metric says whether it counts the row."
TOTAL_DURATION_MS = "Sum of duration_ms, outliers included; null when no interaction has one."
AVG_DURATION_MS = "Mean total_duration_ms of the users who have one; null when nobody has."
DIMENSION_NAME = "Dimension of the breakdown: country, device_type, ...; null = all users."
DIMENSION_VALUE = "Value of the dimension; null = all users."
IS_COMPLETE = "The period is over: its last day is before the newest day with data."

DAU = "Distinct users with at least one interaction on the day (UTC)."
WAU = "Distinct users with at least one interaction in the week (by default Monday to Sunday, UTC)."
MAU = "Distinct users with at least one interaction in the calendar month (UTC)."
WAU_7D = "Distinct users with at least one interaction on the day or the 6 days before it."
MAU_28D = "Distinct users with at least one interaction on the day or the 27 days before it."
GROWTH_RATE = "Relative change from the previous period; null when that had no users."
STICKINESS_RATE = (
    "DAU ÷ MAU of the day's calendar month: the share of its users who were active on the day."
)
STICKINESS_28D_RATE = (
    "DAU ÷ mau_28d of the day: the share of the users of four weeks who were active on the day."
)

COHORT_SIZE = "Users whose first interaction was in the cohort's week."
ACTIVE_USERS = "Users of the cohort with at least one interaction in this week."
RETENTION_RATE = "active_users ÷ cohort_size; 1 in week 0 by definition."
POWER_RANK = "Rank by total_duration_ms, longest first, ties by user_id; none without a duration."

SESSION_DURATION_MS = (
    "From the first action to the last, plus the duration of the last where it is known, in ms; "
    "null for a single action without a duration."
)
AVG_SESSION_DURATION_MS = (
    "Mean over the sessions with a known duration, in ms; null when no duration is known. "
    "A session lasts from its first action to the last, plus the duration of the last."
)
N_DURATION_UNKNOWN = "Sessions of a single action without a duration."
IS_BOUNCE = "The session has exactly one action."
BOUNCE_RATE = "bounced_sessions ÷ total_sessions."
ACTIONS_BUCKETS = (("1", 1, 1), ("2_3", 2, 3), ("4_10", 4, 10), ("over_10", 11, None))
"""Sessions by number of actions: suffix, smallest, largest."""
ACTIONS_STEPS = (*((str(n), n, n) for n in range(1, 11)), ("over_10", 11, None))
"""The same in even steps, to be drawn as bars of one width."""
DURATION_BUCKETS = (
    ("under_10s", 0, 9_999),
    ("10s_1min", 10_000, 59_999),
    ("1_10min", 60_000, 599_999),
    ("10_30min", 600_000, 1_799_999),
    ("over_30min", 1_800_000, None),
)
"""Sessions by duration_ms: suffix, smallest, largest."""

INTERACTIONS_BUCKETS = (
    ("1", 1, 1),
    *((f"{2**n}_{2 ** (n + 1) - 1}", 2**n, 2 ** (n + 1) - 1) for n in range(1, 10)),
    ("over_1023", 1024, None),
)
"""Users by interactions so far, each bucket twice as wide as the one before."""

QUARTILES = {
    "min_interactions": 0.0,
    "q1_interactions": 0.25,
    "median_interactions": 0.5,
    "q3_interactions": 0.75,
    "max_interactions": 1.0,
}
"""Column → share of the users who have at most so many interactions: five numbers draw a box."""


def quantile(share: float) -> str:
    """Definition of a column of `QUARTILES`."""
    return f"Quantile {share:g} of the interactions of a user."


MEASURED = "interactions with a duration of at most 8 hours"
"""What performance is measured on: an app left open overnight says nothing about its speed."""
IS_NOT_MEASURED = "duration_ms IS NULL OR is_duration_outlier"
"""All others, in SQL over silver.interactions."""
NOT_MEASURED = f"actions without a duration, or of over {DURATION_OUTLIER_MS // 3_600_000} hours"
NO_DURATIONS = "no action has a duration"
"""Why a table about durations may have no row; follows the word `unless`."""
N_MEASURED = f"Number of {MEASURED}."
GAP_MS = "p99_ms - p50_ms: how much slower the slowest actions are than the median."
SPEARMAN = (
    "Spearman's rank correlation of duration_ms with being on this device (1) or another (0), ties "
    "by their mean rank: above 0 if the device is slower than the others; null when all "
    "durations are equal or there is no other device."
)


def percentile(rank: int) -> str:
    """Definition of a percentile of durations."""
    return (
        f"{rank}th percentile of duration_ms over the {MEASURED}: exact, interpolated between the "
        "two neighbouring values."
    )


SESSIONS_SQL = """
SELECT sum(n_sessions) AS n, sum(n_actions_1) AS bounced,
    sum(avg_duration_ms * (n_sessions - n_duration_unknown))
        / nullif(sum(n_sessions - n_duration_unknown), 0) AS ms,
    min(metric_date) AS first, max(metric_date) AS last
FROM t WHERE dimension_name IS NULL AND is_complete
    AND metric_date > (SELECT max(metric_date) FROM t) - 28
"""
"""Sessions, bounces and mean duration of the last four weeks, of `gold.session_metrics` as `t`."""
