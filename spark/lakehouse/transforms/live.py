"""What live marts share."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from lakehouse.spec import Run

RETENTION = timedelta(days=7)
"""Of replaced versions: a stream makes ten thousand a day."""


def since_yesterday(rows: DataFrame, day: str, run: Run) -> DataFrame:
    """Rows of the as-of date and of the day before: all that live figures tell."""
    return rows.filter(F.col(day) >= F.lit(run.as_of - timedelta(days=1)))


def distinct(name: str) -> Column:
    """How many different values a column has; nulls do not count."""
    return F.count_distinct(F.col(name))
