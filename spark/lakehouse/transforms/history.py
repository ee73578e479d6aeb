"""Rows and a history of their keys → rows with what was true at their time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame


def with_state_at(
    rows: DataFrame, intervals: DataFrame, *, key: str, at: str, state: Sequence[str]
) -> DataFrame:
    """Add `_state`, a struct of the `state` columns valid at a row's moment; null when none is.

    The history becomes one row per key, with its intervals in an array: no row of `rows` can be
    multiplied, none is lost, and adaptive execution may split a key that owns many of them, as only
    the side with one row per key has to be repeated.

    Args:
        rows: Rows with the key and a moment.
        intervals: key, effective_from, effective_to (half-open) and the state columns.
        key: Key column of both.
        at: Moment of a row.
        state: Columns of the history to bring.
    """
    interval = F.struct("effective_from", "effective_to", *state)
    histories = intervals.groupBy(key).agg(F.collect_list(interval).alias("_history"))
    moment = F.col(at)

    def is_valid(each: Column) -> Column:
        return (each["effective_from"] <= moment) & (moment < each["effective_to"])

    return (
        rows.join(histories, key, how="left")
        .withColumn("_state", F.try_element_at(F.filter("_history", is_valid), F.lit(1)))
        .drop("_history")
    )
