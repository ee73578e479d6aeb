"""Actions → fragments of sessions within a day → sessions across days.

A session is cut where a gap is longer than a limit, and never at midnight. Two levels make
that cheap: within a user's day (many users and days: nobody's rows all go to one task), and then
over the fragments of a user, which are few.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, WindowSpec


def numbered(
    rows: DataFrame, name: str, in_time: WindowSpec, span: tuple[str, str], *, gap_s: int
) -> DataFrame:
    """Number groups of rows, from 1: a gap strictly longer than `gap_s` starts the next.

    Args:
        rows: Rows with a first and a last moment.
        name: Column to add.
        in_time: Which rows are numbered together, in a total order by their first moment.
        span: Columns with the first and the last moment of a row.
        gap_s: Seconds; a gap of exactly as many goes on.
    """
    starts = starts_after_gap(in_time, span, gap_s=gap_s).cast("bigint")
    so_far = in_time.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    # Two steps: a window function cannot stand inside another.
    return (
        rows.withColumn("_starts", starts)
        .withColumn(name, F.sum("_starts").over(so_far).cast("bigint"))
        .drop("_starts")
    )


def starts_after_gap(in_time: WindowSpec, span: tuple[str, str], *, gap_s: int) -> Column:
    """Whether a row is the first of all, or comes more than `gap_s` after the one before it.

    Args:
        in_time: Which rows belong together, in a total order by their first moment.
        span: Columns with the first and the last moment of a row.
        gap_s: Seconds; a gap of exactly as many goes on.
    """
    begin, end = span
    gap_us = F.unix_micros(begin) - F.unix_micros(F.lag(end).over(in_time))
    return F.coalesce(gap_us > gap_s * 1_000_000, F.lit(True))


def milliseconds_between(begin: str, end: str) -> Column:
    """Whole milliseconds from one moment to a later one."""
    # Not timestamp_diff: it counts whole milliseconds here, and there how often a clock ticked.
    return F.floor((F.unix_micros(end) - F.unix_micros(begin)) / 1000).cast("bigint")
