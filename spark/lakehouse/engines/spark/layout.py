"""How the rows of a first load lie in files: some days in each, so that a day needs few files."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, cast

from pyspark.sql import functions as F

from lakehouse.engines.layout import ROWS_A_FILE, Stretch, stretches

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from lakehouse.spec import Table


def by_day(rows: DataFrame, table: Table, drivers: DataFrame, day: str | None, n: int) -> DataFrame:
    """Order the rows of a first load by the table's day.

    Few rows keep their order, and so do those of a table that is small or has no days.

    Args:
        rows: Rows of the table.
        table: The table.
        drivers: The rows, or those that they are made of: what a day weighs.
        day: The drivers' day; None when they have none.
        n: How many drivers there are.
    """
    if not (table.day and day) or table.is_small or n < 2 * ROWS_A_FILE:
        return rows
    per_day = drivers.groupBy(F.col(day).alias("day")).agg(F.count(F.lit(1)).alias("n"))
    counts = per_day.collect()
    cut = stretches([(row["day"], row["n"]) for row in counts], ROWS_A_FILE)
    total = sum(each.n_files for each in cut)
    return rows.repartitionById(total, _file_number(table, table.day, cut))


def _file_number(table: Table, day: str, cut: list[Stretch]) -> Column:
    spread = F.xxhash64(*table.write.grain)
    starts = accumulate((each.n_files for each in cut), initial=0)
    numbered = [
        (each.last, F.lit(start) + F.pmod(spread, F.lit(each.n_files)).cast("int"))
        if each.n_files > 1
        else (each.last, F.lit(start))
        for each, start in zip(cut, starts, strict=False)
    ]
    *earlier, (_, number) = numbered
    if not earlier:
        return number
    known: Any = F  # `when` of the functions begins what `when` of a column goes on with
    for last, before in earlier:
        known = known.when(F.col(day) <= F.lit(last), before)
    return cast("Column", known.otherwise(number))
