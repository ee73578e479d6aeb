"""Runs a guarded query on the serving PostgreSQL."""

from __future__ import annotations

import os
import socket
import time
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakSet

import psycopg

from lakehouse.api.query.answer import (
    GRACE_SECONDS,
    MOST_PLAN_LINES,
    Answer,
    Clock,
    Limits,
    QueryFailedError,
    gathered,
    since,
)
from lakehouse.errors import ConfigError, PublishError
from lakehouse.io import postgres

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from lakehouse.api.query.guard import Guarded
    from lakehouse.io.postgres import Connection

    Rows = Generator[tuple[Any, ...], None, None]

_BATCH = 100
_CANCELLED = "57014"
_TYPES = {
    16: "boolean",
    20: "bigint",
    21: "int",
    23: "int",
    25: "string",
    1043: "string",
    700: "double",
    701: "double",
    705: "string",
    1082: "date",
    1700: "decimal",
    1114: "timestamp",
    1184: "timestamp",
}
"""PostgreSQL's numbers of the types that an answer may have."""

_TOO_MIGHTY = """
SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls
    OR pg_has_role(session_user, 'pg_read_server_files', 'MEMBER')
    OR pg_has_role(session_user, 'pg_write_server_files', 'MEMBER')
    OR pg_has_role(session_user, 'pg_execute_server_program', 'MEMBER')
    OR EXISTS (
        SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^(pg_|information_schema)'
        AND has_table_privilege(session_user, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE'))
FROM pg_roles WHERE rolname = session_user
"""
_looked_at: WeakSet[Connection] = WeakSet()


def run_on_postgres(
    opened: Connection, query: Guarded, *, limits: Limits | None = None, explain: bool = False
) -> Answer:
    """Rows of a query.

    Args:
        opened: A connection of the role that only reads (`lakehouse_reader`). A transaction that is
            open is used, so that the answer belongs to the publication that it has seen; the query
            is rolled back to where it began, settings included.
        query: What to run.
        limits: What it may use.
        explain: Give the plan, and run nothing.

    Raises:
        QueryTimeoutError: It took too long.
        QueryFailedError: It cannot be computed.
        ConfigError: The connection's role could do more than read.
        PublishError: The database is away; the connection is of no use any more.
    """
    limits = limits or Limits()
    started = time.monotonic()
    clock = Clock(limits.seconds, lambda: _cancel(opened), lambda: _hang_up(opened))
    try:
        with clock.running(), opened.transaction(force_rollback=True):
            opened.execute(_settings(limits))
            _assert_harmless(opened)
            return _rows(opened, query, limits, started, explain=explain)
    except psycopg.Error as error:
        if error.sqlstate == _CANCELLED:  # the server's own clock, a second after ours
            raise clock.error() from error
        if opened.broken or (not error.sqlstate and isinstance(error, psycopg.OperationalError)):
            raise PublishError("the database is unavailable") from error
        raise QueryFailedError(f"the query failed: {_first_line(error)}") from error


def _rows(
    opened: Connection, query: Guarded, limits: Limits, started: float, *, explain: bool
) -> Answer:
    costs = "FALSE" if query.is_filtered else "TRUE"  # they tell of rows that are filtered away
    sql = f"EXPLAIN (COSTS {costs}) {query.postgres}" if explain else query.postgres
    with psycopg.RawCursor(opened) as cursor:
        # Streaming uses the extended protocol, which takes one statement, and fetches as we read.
        streamed = cast("Rows", cursor.stream(sql, query.values, size=_BATCH))
        with closing(streamed) as found:
            first = next(found, None)
            if first is None:  # no row came that would have said of what types it is
                cursor.execute(f"SELECT * FROM ({sql}) AS none LIMIT 0", query.values, binary=True)
            described = cursor.description or ()
            names = tuple(each.name for each in described)
            types = tuple(_TYPES.get(each.type_code, "") for each in described)
            if not all(types):
                odd = names[types.index("")]
                message = f"column {odd} is of a type that no answer has; cast it"
                raise QueryFailedError(message, column=odd)
            most = MOST_PLAN_LINES if explain else query.max_rows
            rows, truncated = gathered(_batches(first, found), most, limits.answer_bytes)
            if truncated == "rows":
                next(found, None)  # there is no more: an end costs less than a cancellation
    if explain:
        names, types = ("plan",), ("string",)
    return Answer(names, types, rows, truncated, since(started))


def _batches(
    first: tuple[Any, ...] | None, others: Iterator[tuple[Any, ...]]
) -> Iterator[list[tuple[Any, ...]]]:
    if first is not None:
        yield [_in_utc(first)]
        for row in others:
            yield [_in_utc(row)]


def _in_utc(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(
        value.replace(tzinfo=UTC) if isinstance(value, datetime) and not value.tzinfo else value
        for value in row
    )


def _settings(limits: Limits) -> str:
    """What holds for the query alone. The time-out here is only the second one."""
    return f"""
        SET TRANSACTION READ ONLY;
        SET LOCAL search_path = '';
        SET LOCAL timezone = 'UTC';
        SET LOCAL standard_conforming_strings = on;
        SET LOCAL statement_timeout = {int((limits.seconds + GRACE_SECONDS) * 1000)};
        SET LOCAL lock_timeout = {int(limits.seconds * 1000)};
        SET LOCAL work_mem = '{limits.memory}';
        SET LOCAL hash_mem_multiplier = 1;
        SET LOCAL max_parallel_workers_per_gather = 0;
        SET LOCAL jit = off
    """


def _assert_harmless(opened: Connection) -> None:
    """Look once a connection whether its role is what it should be."""
    if opened in _looked_at:
        return
    if postgres.execute(opened, _TOO_MIGHTY) != [(False,)]:
        message = "queries run as a role that can only read marts"
        raise ConfigError(f"{message}; set LAKEHOUSE_POSTGRES_READER_URL to one that can")
    _looked_at.add(opened)


def _cancel(opened: Connection) -> None:
    with suppress(psycopg.Error):
        opened.cancel_safe(timeout=GRACE_SECONDS)


def _hang_up(opened: Connection) -> None:
    """End the wait for a server that does not answer, not even to the cancellation."""
    with suppress(psycopg.Error, OSError):
        connected = socket.socket(fileno=os.dup(opened.fileno()))
        with closing(connected):
            connected.shutdown(socket.SHUT_RDWR)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
