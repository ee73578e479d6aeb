"""What differs between the stored and the desired content of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.io.delta_log import Span
from lakehouse.spec.changes import DELETE, INSERT, OPERATION, UPDATE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Table


def differences(table: Table, current: DataFrame, desired: DataFrame) -> DataFrame:
    """Rows of `desired` to insert or update and rows of `current` to delete, by grain.

    Technical columns other than the row's identity do not count as a difference.
    """
    grain = table.write.grain
    compared = [c.name for c in table.columns if c.compared and c.name not in grain]
    old = current.select(
        *(F.col(name).alias(f"_old_{name}") for name in grain),
        F.struct(*(F.col(name) for name in compared), F.lit(1)).alias("_old_values"),
    )
    new = desired.withColumn("_new_values", F.struct(*(F.col(n) for n in compared), F.lit(1)))
    same_key = [F.col(name).eqNullSafe(F.col(f"_old_{name}")) for name in grain]
    is_new = F.col("_old_values").isNull()
    is_gone = F.col("_new_values").isNull()
    is_changed = ~F.col("_old_values").eqNullSafe(F.col("_new_values"))
    return (
        new.join(old, same_key, "full_outer")
        .filter(is_new | is_gone | is_changed)
        .select(
            *(
                F.coalesce(F.col(name), F.col(f"_old_{name}")).alias(name)
                if name in grain
                else F.col(name)
                for name in table.column_names
            ),
            F.when(is_gone, DELETE).when(is_new, INSERT).otherwise(UPDATE).alias(OPERATION),
        )
    )


def operations(table: Table, staged: DataFrame) -> DataFrame:
    """Rows of `differences` by operation: how many, of a day how many, and its first and last.

    The day is the one that files are ordered by; none are of one where the grain does not have it.
    """
    day = F.col(table.day) if table.day in table.write.grain else F.lit(None).cast("date")
    return staged.groupBy(OPERATION).agg(
        F.count(F.lit(1)).alias("n"),
        F.count(day).alias("dated"),
        F.min(day).alias("first"),
        F.max(day).alias("last"),
    )


def count_operations(counted: DataFrame, table: Table) -> tuple[dict[str, int], Span | None]:
    """What `operations` counted; empty without any. With it the days, where all are of one."""
    rows = counted.collect()
    changed = {row[OPERATION]: int(row["n"]) for row in rows}
    if not table.day or not rows or any(row["dated"] < row["n"] for row in rows):
        return changed, None
    first, last = min(row["first"] for row in rows), max(row["last"] for row in rows)
    return changed, Span(table.day, first, last)
