"""Queries of DuckDB's inside Spark's tasks, for steps that cost Spark a multiple of their time."""

from __future__ import annotations

import tempfile
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa
    from pyspark.sql import DataFrame


def in_tasks(rows: DataFrame, by: Sequence[str], queries: Sequence[str], types: str) -> DataFrame:
    """What queries return for the rows of each task, one below the other.

    Rows are held by DuckDB, which spills them to disk where memory ends.

    Args:
        rows: The rows; to a query, those of a task are a relation `given`.
        by: Columns whose values are each in one task.
        queries: SQL of DuckDB's.
        types: Columns that every query returns, as Spark writes them.
    """

    def answered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import duckdb  # noqa: PLC0415  # in the task alone: whoever has it open cannot fork
        import pyarrow as pa  # noqa: PLC0415  # with it

        arriving = iter(batches)
        first = next(arriving, None)
        if first is None:
            return
        given = pa.RecordBatchReader.from_batches(first.schema, chain([first], arriving))
        with (
            tempfile.TemporaryDirectory() as scratch,
            duckdb.connect(config={"threads": 1, "temp_directory": scratch}) as connection,
        ):
            connection.execute("SET TimeZone = 'UTC'")
            connection.register("arriving", given)
            connection.execute("CREATE TEMP TABLE given AS SELECT * FROM arriving")
            for query in queries:
                yield from connection.sql(query).to_arrow_table().to_batches()

    return rows.repartition(*by).mapInArrow(answered, types)
