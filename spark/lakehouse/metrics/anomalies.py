"""What makes a day of a series unusual. One constant per rule."""

from __future__ import annotations

WINDOW_DAYS = 56
"""Days before a day that it is compared with: eight of each weekday."""

MIN_DAYS = 14
"""With fewer days of history nothing is said."""

MIN_SAME_WEEKDAYS = 3
"""With fewer days of a weekday its habit is not known: nothing is said of such a day."""

MIN_SAMPLE = 30
"""A day of a series with fewer measured interactions says nothing of the 95th percentile."""

NOISE_OF_P95 = 1.2847
"""sqrt(0.95 * 0.05) / (density of the normal distribution at 1.6449) / 1.6449."""

MIN_SPREAD = 0.02
"""Least spread, as a share of what is expected: less than 6 % away is never unusual."""

MIN_COUNT = 10
"""Of a day on which fewer users, sessions or conversions are expected nothing is said …"""

MIN_INTERACTIONS = 100
"""… and of one with fewer interactions expected: they come by the session, not one by one."""

MIN_SESSIONS = 30
"""A day with fewer sessions says nothing of the bounce rate."""

SEVERITIES = (("critical", 4.0), ("high", 3.5), ("medium", 3.0))
"""Severity and the least absolute z-score for it, the highest first."""

VALUE = "p95_ms of the day and series."
BASELINE = (
    f"What the up to {WINDOW_DAYS} days before make expect for the weekday, without the day "
    "itself; of a version that is too new for that, what those days of all versions do."
)
Z_SCORE = (
    "Distance of the value from the baseline in robust standard errors of such a day, on the "
    "logarithm; above 0 is slower."
)
SEVERITY = (
    "medium from |z_score| 3.0, high from 3.5, critical from 4.0; a day that is unusual for the "
    "better is never more than medium."
)
COUNT_BASELINE = (
    f"What the up to {WINDOW_DAYS} days before make expect for the weekday, without the day itself."
)
COUNT_Z_SCORE = (
    "Distance of the value from the baseline in robust standard errors of such a day; above 0 is "
    "more."
)
