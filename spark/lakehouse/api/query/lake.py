"""Runs a guarded query on the lake itself, in a DuckDB that knows nothing but the marts.

The files are not DuckDB's to open: it gets each mart as an Arrow dataset of the files of one
published version, and external access is off from its first moment on. A query that names a path,
an URL, a database or an extension therefore finds none, and no setting can be changed any more.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.types as is_

from lakehouse.api.query.answer import (
    MOST_PLAN_LINES,
    Answer,
    Clock,
    Limits,
    QueryFailedError,
    gathered,
    since,
)
from lakehouse.io.sql import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow.dataset as ds

    from lakehouse.api.query.guard import Guarded

_BATCH = 1_000
_N_ROWS = re.compile(r"~[\d,]+ rows?")
_TYPES: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (lambda t: is_.is_string(t) or is_.is_large_string(t) or is_.is_null(t), "string"),
    (is_.is_boolean, "boolean"),
    (lambda t: is_.is_integer(t) and t.bit_width < 64, "int"),  # noqa: PLR2004  # of a bigint
    (is_.is_int64, "bigint"),
    (is_.is_floating, "double"),
    (is_.is_decimal, "decimal"),
    (is_.is_date32, "date"),
    (is_.is_timestamp, "timestamp"),
)


def run_on_lake(
    marts: Mapping[str, ds.Dataset | pa.Table],
    query: Guarded,
    *,
    limits: Limits | None = None,
    explain: bool = False,
) -> Answer:
    """Rows of a query.

    Args:
        marts: At least the relations of the query (`query.relations`): each a dataset of the files
            of one version, such as `DeltaTable(uri, version=n).to_pyarrow_dataset()` gives.
        query: What to run.
        limits: What it may use.
        explain: Give the plan, and run nothing.

    Raises:
        QueryTimeoutError: It took too long.
        QueryFailedError: It cannot be computed, or not with so much memory.
    """
    limits = limits or Limits()
    started = time.monotonic()
    with locked_down(marts, query.relations, limits) as connection:
        clock = Clock(limits.seconds, connection.interrupt, connection.interrupt)
        try:
            with clock.running():
                sql = f"EXPLAIN {query.duckdb}" if explain else query.duckdb
                reader = connection.sql(sql, params=list(query.values)).to_arrow_reader(_BATCH)
                names, types = tuple(reader.schema.names), _types(reader.schema)
                if explain:
                    names, types = ("plan",), ("string",)
                most = MOST_PLAN_LINES if explain else query.max_rows
                found = _plan(reader, query) if explain else _batches(reader)
                rows, truncated = gathered(found, most, limits.answer_bytes)
        except duckdb.OutOfMemoryException as error:
            message = f"the query needs more than {limits.memory} of memory"
            raise QueryFailedError(f"{message}; ask for fewer days or columns") from error
        except duckdb.Error as error:
            message = str(error).strip().splitlines()[0]
            raise QueryFailedError(f"the query failed: {message}") from error
    return Answer(names, types, rows, truncated, since(started))


def locked_down(
    marts: Mapping[str, ds.Dataset | pa.Table], names: frozenset[str], limits: Limits
) -> duckdb.DuckDBPyConnection:
    """A database of these marts alone, that can open nothing and whose settings are final."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "allow_community_extensions": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "enable_external_access": False,
            "memory_limit": limits.memory,
            "python_enable_replacements": False,  # or a name could mean a variable of this process
            "temp_directory": "",
            "threads": limits.threads,
        },
    )
    connection.execute("SET TimeZone = 'UTC'")
    for name in sorted(names):
        layer, _, noun = name.partition(".")
        own = f"mart_{layer}_{noun}"
        connection.register(own, marts[name])
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(layer)}")
        connection.execute(f"CREATE VIEW {quoted(layer)}.{quoted(noun)} AS FROM {quoted(own)}")
    connection.execute("SET lock_configuration = true")
    return connection


def _types(schema: pa.Schema) -> tuple[str, ...]:
    return tuple(_type(each) for each in schema)


def _type(column: pa.Field) -> str:
    for is_one, name in _TYPES:
        if is_one(column.type):
            return name
    message = f"column {column.name} is of a type that no answer has; cast it"
    raise QueryFailedError(message, column=column.name)


def _batches(reader: pa.RecordBatchReader) -> Iterator[list[tuple[Any, ...]]]:
    for batch in reader:
        yield list(zip(*(_values(column) for column in batch.columns), strict=True))


def _plan(reader: pa.RecordBatchReader, query: Guarded) -> Iterator[list[tuple[Any, ...]]]:
    """Lines of a plan; without how many rows there are, if some are filtered away."""
    for batch in reader:
        for text in batch.column(1).to_pylist():  # beside it stands which kind of plan it is
            lines = text.splitlines()
            yield [(line,) for line in lines if not (query.is_filtered and _N_ROWS.search(line))]


def _values(column: pa.Array) -> list[Any]:
    if is_.is_timestamp(column.type):
        return [_in_utc(value) for value in column.to_pylist()]
    return column.to_pylist()  # type: ignore[no-any-return]  # a list


def _in_utc(value: datetime | None) -> datetime | None:
    if value is None:
        return None
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
