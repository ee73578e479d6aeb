"""What makes a day of a series unusual. One constant per rule."""

from __future__ import annotations

WINDOW_DAYS = 56
"""Days before a day that it is compared with: eight of each weekday."""

MIN_DAYS = 14
"""A series with fewer days of history is not judged."""

MIN_SAME_WEEKDAYS = 3
"""A day is not judged with less history than this of its weekday."""

MIN_SAMPLE = 30
"""A day of a series with fewer measured interactions is not judged by its 95th percentile."""

NOISE_OF_P95 = 1.2847
"""sqrt(0.95 * 0.05) / (density of the normal distribution at 1.6449) / 1.6449."""

MIN_SPREAD = 0.02
"""Least spread, as a share of the expected value: less than 6 % away is never unusual."""

MIN_COUNT = 10
"""A day with fewer expected users, sessions or conversions is not judged …"""

MIN_INTERACTIONS = 100
"""… nor one with fewer expected interactions: they come by the session, not one by one."""

MIN_SESSIONS = 30
"""A day with fewer sessions is not judged by its bounce rate."""

SEVERITIES = (("critical", 4.0), ("high", 3.5), ("medium", 3.0))
"""Severity and the least absolute z-score for it, the highest first."""

VALUE = "p95_ms of the day and series."
BASELINE = (
    f"Value expected for the weekday from the up to {WINDOW_DAYS} days before, without the day "
    "itself; for a version with too little history, from those days of all versions."
)
Z_SCORE = (
    "Distance of the value from the baseline on a log scale, in robust standard errors of such a "
    "day; above 0 is slower."
)
SEVERITY = (
    "medium from |z_score| 3.0, high from 3.5, critical from 4.0; a change for the better is never "
    "more than medium."
)
COUNT_BASELINE = (
    f"Value expected for the weekday from the up to {WINDOW_DAYS} days before, without the day "
    "itself."
)
COUNT_Z_SCORE = (
    "Distance of the value from the baseline, in robust standard errors of such a day; above 0 is "
    "more than expected."
)
