"""Which rows of an input count, and what became of the others."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from datetime import date

    from pyspark.sql import Column, DataFrame

    from lakehouse.spec import Dedupe, LeftOut

FATE = "_fate"
LOADED, DEDUPLICATED, TOO_LATE = "loaded", "deduplicated", "too_late"
LEFT_OUT = "left_out"


def with_fates(  # noqa: PLR0913  # all that may befall a row
    rows: DataFrame,
    *,
    dedupe: Dedupe | None,
    happened_on: str,
    never_late: str,
    as_of: date,
    left_out: LeftOut | None = None,
) -> DataFrame:
    """Add `_fate` to every row: too_late (after the as-of date), deduplicated, left_out or loaded.

    A row has the first of these that is true of it.

    Args:
        rows: Rows of an input.
        dedupe: Which of them are repeats of each other.
        happened_on: SQL: the day of a row; empty = none is ever too late.
        never_late: SQL: which of them are not; empty = none.
        as_of: The as-of date.
        left_out: Which of them do not count, and why.
    """
    if dedupe is not None and dedupe.among:
        judged = partial(
            with_fates,
            happened_on=happened_on,
            never_late=never_late,
            as_of=as_of,
            left_out=left_out,
        )
        may_repeat = are_among(dedupe)
        return judged(rows.filter(may_repeat), dedupe=replace(dedupe, among="")).unionByName(
            judged(rows.filter(~may_repeat), dedupe=None)
        )
    is_too_late = is_later(happened_on, as_of) if happened_on else F.lit(False)
    if never_late:
        is_too_late = is_too_late & ~F.expr(never_late)
    fate = F.when(is_too_late, TOO_LATE)
    if dedupe is not None:
        best_first = (
            Window.partitionBy(is_too_late, *(F.expr(key) for key in dedupe.keys))
            .orderBy(*(_ordering(text) for text in dedupe.order_by))
            .rowsBetween(Window.unboundedPreceding, Window.currentRow)
        )
        fate = fate.when(F.row_number().over(best_first) > 1, DEDUPLICATED)
    if left_out is not None:
        fate = fate.when(F.coalesce(F.expr(left_out.where), F.lit(False)), LEFT_OUT)
    return rows.withColumn(FATE, fate.otherwise(LOADED))


def are_among(dedupe: Dedupe | None) -> Column:
    """Whether a row may repeat another."""
    if dedupe is None or not dedupe.among:
        return F.lit(True)
    return F.coalesce(F.expr(dedupe.among), F.lit(False))


def is_later(happened_on: str, as_of: date) -> Column:
    """Whether what a row tells happened after the as-of date; who does not know when is not."""
    return F.coalesce(F.expr(happened_on) > F.lit(as_of), F.lit(False))


def _ordering(text: str) -> Column:
    expression, _, direction = text.rpartition(" ")
    if direction.lower() not in {"asc", "desc"}:
        return F.expr(text).asc_nulls_last()
    column = F.expr(expression)
    return column.asc_nulls_last() if direction.lower() == "asc" else column.desc_nulls_last()
