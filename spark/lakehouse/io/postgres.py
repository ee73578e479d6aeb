"""The serving database: connections, and what its failures mean."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from pyarrow import csv

from lakehouse.errors import ConfigError, PublishError, PublishRefusedError
from lakehouse.io.sql import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

Connection = psycopg.Connection[tuple[Any, ...]]
CONNECT_SECONDS = 5
_WRONG_URL = (
    "authentication failed",
    "does not exist",
    "no pg_hba.conf entry",
    "could not translate",
)
_CSV = csv.WriteOptions(include_header=False, quoting_style="needed")


@contextmanager
def connection(url: str) -> Iterator[Connection]:
    """A connection in autocommit mode: what belongs together asks for a transaction.

    Raises:
        ConfigError: The URL, the login or the database is wrong.
        PublishError: The database is away, or does not take it.
    """
    try:
        # Notices tell of objects that were not there to drop.
        options = "-c client_min_messages=warning -c timezone=UTC"
        with psycopg.connect(
            url, autocommit=True, connect_timeout=CONNECT_SECONDS, options=options
        ) as opened:
            yield opened
    except psycopg.Error as error:
        text = _first_line(error)
        if error.sqlstate:  # said by the server, in the middle of the work
            kind = PublishRefusedError if is_permanent(error) else PublishError
            raise kind(f"the database refused: {explained(error)}") from error
        if isinstance(error, psycopg.ProgrammingError) or any(part in text for part in _WRONG_URL):
            raise ConfigError(f"LAKEHOUSE_POSTGRES_URL: {text}") from error
        raise PublishError(f"the database is unavailable: {text}") from error


def is_permanent(error: psycopg.Error) -> bool:
    """Whether the server would say the same again: of the data, a limit, a right or a statement."""
    return (error.sqlstate or "")[:2] in {"22", "23", "42", "54"}


def explained(error: psycopg.Error) -> str:
    """What the server says, and of which row where it knows."""
    context = (error.diag.context or "").partition("\n")[0]
    return f"{_first_line(error)} ({context})" if context else _first_line(error)


def execute(opened: Connection, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Rows of a statement whose names come from specs and whose values are parameters."""
    cursor = opened.execute(statement, values or None)
    return cursor.fetchall() if cursor.description else []


def has_role(opened: Connection, name: str) -> bool:
    """Whether the server knows a role."""
    return bool(execute(opened, "SELECT 1 FROM pg_roles WHERE rolname = %s", name))


def copy(opened: Connection, table: str, rows: pa.Table) -> None:
    """Append rows to a table, columns by name."""
    names = ", ".join(quoted(name) for name in rows.column_names)
    statement = f"COPY {table} ({names}) FROM STDIN (FORMAT csv)"
    with (
        opened.cursor() as cursor,
        cursor.copy(statement) as sink,
        csv.CSVWriter(_Sink(sink), rows.schema, write_options=_CSV) as writer,
    ):
        writer.write_table(rows)


class _Sink:
    """What pyarrow takes for a file: it writes, and the database copies."""

    closed = False

    def __init__(self, sink: psycopg.Copy) -> None:
        self._sink = sink

    def write(self, data: bytes) -> int:
        self._sink.write(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is kept back."""

    def close(self) -> None:
        """The copy ends with its block."""
        self.closed = True


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
