"""How the rows of a first load lie in files: some days in each, so that a day needs few files."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, cast

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from pyspark.sql import Column, DataFrame

    from lakehouse.spec import Table

ROWS_A_FILE = 250_000
"""About 20 MB, like the files that `delta.optimize` makes."""


@dataclass(frozen=True)
class Stretch:
    """Days that lie together.

    Attributes:
        last: The last of them.
        n_files: Files they need; more than one where a day alone has too many rows.
    """

    last: date
    n_files: int


def stretches(counts: Iterable[tuple[date, int]], rows_a_file: int) -> list[Stretch]:
    """Cut days with their numbers of rows, in any order, into stretches for files of some size."""
    found, held = [], 0
    days = sorted(counts)
    for day, n in days:
        held += n
        if held >= rows_a_file or day == days[-1][0]:
            found.append(Stretch(day, max(1, held // rows_a_file)))
            held = 0
    return found


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
