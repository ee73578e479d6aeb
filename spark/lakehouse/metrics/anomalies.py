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
"""Least spread, of the logarithm: what differs by less than 6 % is never unusual."""

SEVERITIES = (("critical", 4.0), ("high", 3.5), ("medium", 3.0))
"""Severity and the least absolute z-score for it, the highest first."""

VALUE = "p95_ms of the day and series."
BASELINE = (
    f"What the up to {WINDOW_DAYS} days before make expect for the weekday, without the day itself."
)
Z_SCORE = (
    "Distance of the value from the baseline in robust standard deviations of those days, on the "
    "logarithm; above 0 is slower."
)
SEVERITY = "medium from |z_score| 3.0, high from 3.5, critical from 4.0."
