"""A table's transform on literal rows: what goes wrong in it shows without a lake.

found = rows(spark, stickiness, [{"activity_date": date(2026, 1, 1), "dau": 2}], as_of=…)
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from lakehouse.engine.write import conform
from lakehouse.spec import Policies, Run, Scd2, Table
from lakehouse.transforms.dedupe import FATE, LOADED, is_later, with_fates
from lakehouse.transforms.scd2 import intervals

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from pyspark.sql import DataFrame, SparkSession

    from lakehouse.spec import Policy

Row = dict[str, Any]
STARTED = datetime(2026, 6, 1, tzinfo=UTC)


def rows(
    spark: SparkSession,
    module: ModuleType,
    *inputs: Sequence[Row],
    as_of: date | None = None,
    policies: Sequence[Policy] = (),
) -> list[Row]:
    """The rows that a silver or gold table makes of its inputs, in the order of its grain.

    Does what the engine does for the declaration: repeats of the first input and rows after the
    as-of date are left out, as are those that its `fates` names; changes of a history become
    intervals; columns and types must be the declared ones.

    Args:
        spark: A session.
        module: The table's module.
        inputs: Rows of each input; a column that a row does not name is null.
        as_of: As-of date; by default the day the run starts.
        policies: What the lake decides; of the other kinds that the table names, the defaults.
    """
    table: Table = module.TABLE
    decided = {kind: kind() for kind in table.policies} | {type(each): each for each in policies}
    run = Run("mirror", as_of or STARTED.date(), STARTED, Policies(decided))
    first, *others = (
        _frame(spark, upstream, given)
        for upstream, given in zip(table.upstream, inputs, strict=True)
    )
    fates = with_fates(
        first,
        dedupe=table.dedupe,
        happened_on=table.upstream[0].happened_on,
        never_late=table.never_late,
        as_of=run.as_of,
        left_out=table.left_out,
    )
    if hasattr(module, "fates"):
        fates = module.fates(fates, run)
    counted = fates.filter(F.col(FATE) == LOADED).drop(FATE)
    in_time = (
        rows.filter(~is_later(upstream.happened_on, run.as_of)) if upstream.happened_on else rows
        for upstream, rows in zip(table.upstream[1:], others, strict=True)
    )
    made: DataFrame = module.transform(counted, *in_time, run)
    if isinstance(table.write, Scd2):
        made = intervals(made, table.write)
    found = [row.asDict(recursive=True) for row in conform(made, table).collect()]
    return sorted(found, key=lambda row: [_placed(row[name]) for name in table.write.grain])


def values(found: Sequence[Row], *names: str) -> list[tuple[Any, ...]]:
    """Some columns of rows, as tuples."""
    return [tuple(row[name] for name in names) for row in found]


def _frame(spark: SparkSession, table: Table, given: Sequence[Row]) -> DataFrame:
    columns = table.stored_columns
    unknown = {name for row in given for name in row} - {column.name for column in columns}
    assert not unknown, f"{table.name} has no {', '.join(sorted(unknown))}"
    schema = ", ".join(f"`{column.name}` {column.type}" for column in columns)
    return spark.createDataFrame([[row.get(c.name) for c in columns] for row in given], schema)


def _placed(value: Any) -> tuple[bool, Any]:
    """Nulls first."""
    return (value is not None, value)
