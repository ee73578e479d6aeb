"""Moments and the days of a time zone, the same on every engine."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pyspark.sql import functions as F

from lakehouse.transforms.dialect import ON_DUCKDB

if TYPE_CHECKING:
    from datetime import date

    from pyspark.sql import Column


def start_of_window(moment: str, seconds: int) -> Column:
    """Start of the window of so many seconds that a moment lies in, counted from 1970 (UTC)."""
    micros = seconds * 1_000_000
    return F.timestamp_micros((F.floor(F.unix_micros(moment) / micros) * micros).cast("bigint"))


def is_sent_late(max_late_days: int | None) -> Column:
    """Whether an event was sent more than so many days after it happened; None = none ever is.

    Both by the clock of the device: columns `sent_at` and `timestamp`.
    """
    if max_late_days is None:
        return F.lit(False)
    waited_us = F.unix_micros("sent_at") - F.unix_micros("timestamp")
    return F.coalesce(waited_us > max_late_days * 86_400_000_000, F.lit(False))


def day_in(zone: str, moment: str) -> Column:
    """Day of a moment in a time zone: of 23 or 25 hours where its clocks change."""
    if ON_DUCKDB:
        return F.call_function("timezone", F.lit(zone), F.col(moment)).cast("date")
    return F.to_date(F.from_utc_timestamp(moment, zone))


def newest_day_in(zone: str, as_of: date) -> date:
    """Day of a time zone that begins to go on when the as-of date does: those before it are over.

    Args:
        zone: The time zone.
        as_of: A day (UTC) that may go on; all before it are over.
    """
    return datetime.combine(as_of, time(), UTC).astimezone(ZoneInfo(zone)).date()
