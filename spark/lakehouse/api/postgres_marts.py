"""Marts in the serving database: one read-only transaction a reading, as the role that reads."""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from lakehouse.api.marts import EVERYBODY, TENANT, Publication, Rows
from lakehouse.errors import PublishError, UpstreamMissingError
from lakehouse.io.postgres import CONNECT_SECONDS
from lakehouse.io.sql import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from lakehouse.api.marts import Stop
    from lakehouse.catalog.registry import Registry

    Connection = psycopg.Connection[tuple[Any, ...]]

WAIT_SECONDS = 1.0
"""For a connection of the pool, and for a lock that publishing holds for milliseconds."""
_AWAY, _TOO_LONG = {"", "08", "53", "57"}, "57014"
"""Classes of errors: the connection, no room for another one, stopped by an operator.
57014 is a statement that took too long: the next one may not."""
_PUBLISHED = (
    "SELECT table_name, version, table_id, data_as_of, restated_at, published_at, rows "
    "FROM ops.publications"
)


class PostgresReading:
    """Tables of the serving database, in one transaction."""

    def __init__(
        self, opened: Connection, registry: Registry, tenant: str, tables: Collection[str]
    ) -> None:
        """Look what is published of the tables: from here on, nothing else is seen."""
        self.connection = opened
        self._registry, self._tenant = registry, tenant
        found = _published(self.rows(_PUBLISHED, ()))
        if missing := sorted(set(tables) - set(found)):
            raise _never_published(missing)
        self.publications: Mapping[str, Publication] = {name: found[name] for name in tables}

    def relation(self, table: str) -> str:
        """See `Reading`."""
        spec = self._registry[table].table
        name = f"{quoted(spec.layer)}.{quoted(spec.noun)}"
        if self._tenant == EVERYBODY or TENANT not in spec.column_names:
            return name
        return f"(SELECT * FROM {name} WHERE {quoted(TENANT)} = {literal(self._tenant)})"

    def rows(self, sql: str, values: Sequence[object]) -> Rows:
        """See `Reading`."""
        with psycopg.RawCursor(self.connection) as cursor:
            cursor.execute(sql, values or None)
            names = tuple(column.name for column in cursor.description or ())
            return Rows(names, cursor.fetchall())


class PostgresMarts:
    """See `Marts`."""

    kind = "postgres"

    def __init__(
        self,
        url: str | Callable[[], str],
        registry: Registry,
        *,
        connections: int,
        deadline_s: float,
    ) -> None:
        """Keep the place, or who tells it; connections are made when they are needed."""
        self._registry = registry
        options = (
            f"-c timezone=UTC -c statement_timeout={int(deadline_s * 1000)} "
            f"-c lock_timeout={int(WAIT_SECONDS * 1000)} "
            f"-c idle_in_transaction_session_timeout={int(deadline_s * 4000)}"
        )
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            url,
            min_size=1,
            max_size=connections,
            open=False,
            timeout=WAIT_SECONDS,
            reconnect_timeout=5,
            check=None,
            kwargs={
                "autocommit": True,
                "options": options,
                "connect_timeout": CONNECT_SECONDS,
                "application_name": "lakehouse-api",
            },
        )

    def publications(self) -> dict[str, Publication]:
        """See `Marts`."""
        with self._connection() as opened, psycopg.RawCursor(opened) as cursor:
            found = cursor.execute(_PUBLISHED).fetchall()
        return _published(Rows((), found))

    @contextmanager
    def reading(
        self, tables: Collection[str], tenant: str, stop: Stop
    ) -> Iterator[PostgresReading]:
        """See `Marts`."""
        with self._connection() as opened:
            stop.by(lambda: _cut(opened))
            try:
                opened.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                # Before the snapshot, which the first SELECT takes. A rebuilt table takes the
                # place of the old one, and a snapshot from before that sees it empty.
                specs = [self._registry[name].table for name in sorted(tables)]
                names = ", ".join(f"{quoted(s.layer)}.{quoted(s.noun)}" for s in specs)
                if names:
                    opened.execute(f"LOCK TABLE {names} IN ACCESS SHARE MODE".encode())
                yield PostgresReading(opened, self._registry, tenant, tables)
                opened.execute("COMMIT")
            finally:
                stop.by(None)
                if not opened.closed and opened.info.transaction_status:
                    with suppress(psycopg.Error):
                        opened.execute("ROLLBACK")

    def close(self) -> None:
        """See `Marts`."""
        self._pool.close(timeout=1)

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        try:
            if self._pool.closed:
                self._pool.open()
            with self._pool.connection() as opened:
                yield opened
        except psycopg.errors.UndefinedTable as error:
            raise PublishError(
                "the serving database lacks a table; run `lakehouse publish`"
            ) from error
        except psycopg.errors.UndefinedColumn as error:
            raise PublishError(
                "the serving database is laid out otherwise; run `lakehouse publish`"
            ) from error
        except (PoolTimeout, psycopg.OperationalError, psycopg.InterfaceError) as error:
            # Told by the server, it is about one statement; else nobody is there.
            state = getattr(error, "sqlstate", None) or ""
            is_away = state[:2] in _AWAY and state != _TOO_LONG
            message = f"the serving database does not answer: {_told(error)}"
            raise PublishError(message, is_away=is_away) from error


def _published(found: Rows) -> dict[str, Publication]:
    return {row[0]: Publication(*row) for row in found.values}


def _never_published(tables: Sequence[str]) -> UpstreamMissingError:
    message = f"{', '.join(tables)}: not in the serving database; run `lakehouse publish`"
    return UpstreamMissingError(message, tables=list(tables))


def _cut(opened: Connection) -> None:
    """End a connection whatever the server does: whoever waits for it is told at once."""
    with suppress(OSError, psycopg.Error):
        twin = socket.socket(fileno=os.dup(opened.fileno()))
        with twin:
            twin.shutdown(socket.SHUT_RDWR)


def _told(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
