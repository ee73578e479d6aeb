"""Days → weeks, months and what surrounds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.spec.windows import start_of
from lakehouse.transforms.dimensions import DIMENSION
from lakehouse.transforms.numbers import total

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def week_of(day: str) -> str:
    """SQL: first day of the day's week."""
    return start_of("week", day)


def month_of(day: str) -> str:
    """SQL: first day of the day's month."""
    return start_of("month", day)


def weekday(day: str) -> Column:
    """Monday 0 to Sunday 6, of a day or a moment."""
    return (F.dayofweek(day) + 5) % 7


def growth_rate(value: str, period: str, before: str) -> Column:
    """Change of a value against the period before, within a group of a breakdown.

    Args:
        value: Column of the figure.
        period: Column with the first day of the period.
        before: SQL: first day of the period before.
    """
    in_time = Window.partitionBy(*DIMENSION).orderBy(period)
    is_next = F.lag(period).over(in_time) == F.expr(before)
    previous = F.when(is_next, F.lag(value).over(in_time))
    return F.try_divide(F.col(value) - previous, previous)


def active_users(days: DataFrame, period: Column, name: str) -> DataFrame:
    """Distinct users, interactions and time by period and group of a breakdown.

    Args:
        days: Rows of users and days with DIMENSION.
        period: The period a row counts in.
        name: Column of the figure to add.
    """
    return days.groupBy(period, *DIMENSION).agg(
        F.count_distinct("user_id").alias(name),
        total("n_interactions").alias("n_interactions"),
        total("total_duration_ms").alias("total_duration_ms"),
    )
