"""What the numbers of the interactions domain mean. Each is defined here, once."""

from __future__ import annotations

UNKNOWN = "unknown"
"""Country, device or plan of an interaction for which nobody knows it."""

SESSION_GAP_S = 1800
"""A gap strictly longer than this between two actions of a user starts a new session."""

DURATION_OUTLIER_MS = 8 * 60 * 60 * 1000
"""Longer than this is an outlier: eight hours."""

IS_DURATION_OUTLIER = "duration_ms above 8 hours: kept, and left to each figure to use or not."
