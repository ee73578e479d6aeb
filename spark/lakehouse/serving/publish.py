"""Publishing: the served copy of a table becomes the version that passed its gate, in one step.

A reader's statement sees the old version or the new one. What changed between two versions is
found by comparing them in the lake, so only those rows move; a table that is new, was declared
differently, or whose old version is no longer kept is built beside the served one and takes its
place. Either way the rows and the line in `ops.publications` are one transaction, so a publication
that dies leaves the old version, and the next one ends where this one would have.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
import pyarrow.compute as pc

from lakehouse.catalog import restated
from lakehouse.errors import PublishError, PublishRefusedError
from lakehouse.io import delta_log, ops, postgres
from lakehouse.io.damage import assert_intact
from lakehouse.io.fault_points import fault_point
from lakehouse.io.postgres import execute
from lakehouse.io.sql import quoted
from lakehouse.io.state import State, StateStore, Version
from lakehouse.serving import ddl, unfit
from lakehouse.serving.ddl import Served
from lakehouse.serving.ops_tables import OPS
from lakehouse.serving.records import publish_records
from lakehouse.serving.roles import READER
from lakehouse.serving.status import publish_status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from lakehouse.catalog.registry import Registry
    from lakehouse.catalog.restated import Dates
    from lakehouse.io.postgres import Connection
    from lakehouse.serving.ops_tables import OpsTable
    from lakehouse.settings import Settings

LOCK_SECONDS = 30
REBUILT, CHANGED, UNCHANGED, ABSENT = "rebuilt", "changed", "unchanged", "absent"
WAITS = "waits for lakehouse migrate"


@dataclass(frozen=True)
class Publication:
    """What became of a served table.

    Attributes:
        table: Table name.
        outcome: rebuilt, changed, unchanged, absent (the lake has published no version yet), or
            that the lake stores other columns than declared: the copy stays as it is.
        version: Delta version that readers see now.
        rows: Rows of it.
        left_out: Those of them that the database cannot hold, in words.
        moved: Rows sent to the database: put and removed.
        seconds: Wall time.
    """

    table: str
    outcome: str
    version: int | None = None
    rows: int | None = None
    left_out: tuple[str, ...] = ()
    moved: int = 0
    seconds: float = 0.0


def publish(
    settings: Settings, registry: Registry, names: Sequence[str], url: str, *, rebuild: bool = False
) -> list[Publication]:
    """Bring served tables to the versions that the lake has published.

    Args:
        settings: Where the lake is.
        registry: All tables.
        names: Served tables.
        url: The database, as the role that writes.
        rebuild: Build every table anew, whatever the database says it holds.

    Raises:
        PublishError: The database is away or busy, or a copy does not hold what it should.
        PublishRefusedError: The database does not take a table, or some rows; it took the others.
        ConfigError: The URL or the login is wrong.
    """
    served = [Served.of(registry[name]) for name in names]
    states = StateStore(settings)
    with postgres.connection(url) as opened:
        _prepare(opened, registry)
        done, refused = _publish_each(opened, settings, states, served, rebuild=rebuild)
        with _alone(opened, "status"):
            publish_status(opened, settings, registry)
            publish_records(opened, settings)
    if refused:
        message = f"{'. '.join(refused)}. Everything else was published"
        raise PublishRefusedError(message, refused=refused)
    return done


def _publish_each(
    opened: Connection,
    settings: Settings,
    states: StateStore,
    served: Sequence[Served],
    *,
    rebuild: bool,
) -> tuple[list[Publication], list[str]]:
    """Publish each table, whatever becomes of the others; and what the database will never take."""
    done: list[Publication] = []
    refused: list[str] = []
    for each in served:
        try:
            published = _publish_one(opened, settings, states, each, rebuild=rebuild)
        except psycopg.Error as error:
            if opened.broken or not postgres.is_permanent(error):
                raise
            refused.append(f"{each.table.name}: {postgres.explained(error)}")
            continue
        done.append(published)
        if published.left_out:
            refused.append(unfit.listed(published.table, [*published.left_out]))
    return done, refused


def _prepare(opened: Connection, registry: Registry) -> None:
    layers = {registry[name].table.layer for name in registry.served}
    execute(opened, f"SET lock_timeout = '{LOCK_SECONDS}s'")
    with _alone(opened, "schema"), opened.transaction():
        for statement in ddl.schemas(layers):
            execute(opened, statement)
        for name, table in OPS.items():
            _lay_out(opened, name, table)
        if postgres.has_role(opened, READER):
            for statement in ddl.admit(layers):
                execute(opened, statement)


def _lay_out(opened: Connection, name: str, table: OpsTable) -> None:
    """Make a table of records, unless it is there and laid out as now."""
    found = execute(
        opened,
        "SELECT attname, format_type(atttypid, atttypmod), attnotnull, "
        "col_description(attrelid, attnum) FROM pg_attribute "
        "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        name,
    )
    if found != [(c.name, ddl.sql_type(c.type), not c.nullable, c.doc) for c in table.columns]:
        for statement in ddl.records(name, table):
            execute(opened, statement)


def _publish_one(
    opened: Connection, settings: Settings, states: StateStore, served: Served, *, rebuild: bool
) -> Publication:
    clock = time.monotonic()
    name = served.table.name
    with _alone(opened, name):
        state = states.published(name)  # under the lock: the newest one wins, whoever comes last
        if state is None:
            _make_empty(opened, served)
            return Publication(name, ABSENT)
        uri = settings.table_uri(name)
        held = None if rebuild else _held(opened, served, state)
        left_out: list[str] = []
        dates = restated.dates_of(settings, states, served.table, state)
        if held is not None and not state.is_news_to(held):
            outcome, moved = UNCHANGED, 0
            _move_dates(opened, name, dates)
        elif _lacks_columns(served, uri, state):
            return Publication(name, WAITS)
        elif (sent := _send_changes(opened, served, uri, held, state, dates)) is not None:
            outcome, moved = CHANGED, sent
        else:
            outcome = REBUILT
            moved, left_out = _rebuilt(opened, served, uri, state, dates)
    return Publication(
        name,
        outcome,
        state.version,
        state.rows,
        tuple(left_out),
        moved,
        round(time.monotonic() - clock, 3),
    )


def _lacks_columns(served: Served, uri: str, state: State) -> bool:
    """Whether the version does not have all declared columns, or has them with other types.

    Raises:
        DamagedTableError: Some of the version is not there any more.
    """
    assert_intact(served.table.name, uri, state)
    stored = delta_log.columns(uri, state.version)
    types = {each.name: each.type for each in served.table.columns}
    return any(stored.get(name, ("",))[0] != types[name] for name in served.columns)


def _rebuilt(
    opened: Connection, served: Served, uri: str, state: State, dates: Dates
) -> tuple[int, list[str]]:
    """Build a table with the rows that the database can hold; how many, and the others in words."""
    columns = ", ".join(quoted(name) for name in served.columns)
    rows = ops.query_versions(uri, {"t": state.version}, f"SELECT {columns} FROM t")
    try:
        _build(opened, served, rows, state, dates, n=state.rows)
    except unfit.OF_VALUES:
        fitting, others = unfit.split(served, rows)
        if not others:
            raise
        _build(opened, served, fitting, state, dates, n=state.rows - len(others))
        return len(fitting), others
    return len(rows), []


def _held(opened: Connection, served: Served, state: State) -> Version | None:
    """Version in the database, if it is there as a whole and declared as now."""
    found = execute(
        opened,
        "SELECT table_id, version, rows FROM ops.publications "
        "WHERE table_name = %s AND definition = %s AND to_regclass(%s) IS NOT NULL",
        *(served.table.name, served.definition, served.name),
    )
    if not found:
        return None
    table_id, version, n = found[0]
    held = Version(table_id, version)
    if held == state.identity and n != state.rows:
        return None  # without some rows that it could not hold
    return held


def _build(  # noqa: PLR0913  # a table, and what is told of it
    opened: Connection, served: Served, rows: pa.Table, state: State, dates: Dates, *, n: int
) -> None:
    years = _years(served, rows)
    for statement in (*served.create(), *(s for year in years for s in served.partition(year))):
        execute(opened, statement)
    postgres.copy(opened, served.staged, rows)
    for statement in served.finish():
        execute(opened, statement)
    execute(opened, f"ANALYZE {served.staged}")
    _assert_whole(opened, served.staged, served, state, n)
    fault_point("publish_staged", served.table.name)
    with opened.transaction():
        _swap(opened, served, years)
        _record(opened, served, state, dates, n)
        fault_point("publish_applied", served.table.name)
    fault_point("publish_committed", served.table.name)


def _make_empty(opened: Connection, served: Served) -> None:
    """What reads a table that was never published finds no rows, not an error."""
    if execute(opened, "SELECT to_regclass(%s) IS NULL", served.name) == [(True,)]:
        with opened.transaction():
            for statement in (*served.create(), *served.finish()):
                execute(opened, statement)
            _swap(opened, served, [])


def _swap(opened: Connection, served: Served, years: Sequence[int]) -> None:
    for statement in served.swap(years):
        execute(opened, statement)
    if postgres.has_role(opened, READER):
        execute(opened, f"GRANT SELECT ON {served.name} TO {READER}")


def _send_changes(  # noqa: PLR0913, PLR0917  # same
    opened: Connection,
    served: Served,
    uri: str,
    held: Version | None,
    state: State,
    dates: Dates,
) -> int | None:
    """Rows moved; None when only a rebuild helps.

    That is when there is no version to compare with, or when the copy would not come out whole:
    somebody else has changed it.
    """
    if held is None or held.table_id != state.table_id or not ops.is_readable(uri, held.number):
        return None
    try:
        return _apply(opened, served, uri, held.number, state, dates)
    except (PublishError, psycopg.IntegrityError, *unfit.OF_VALUES):
        return None


def _apply(  # noqa: PLR0913, PLR0917  # same
    opened: Connection, served: Served, uri: str, held: int, state: State, dates: Dates
) -> int:
    grain = ", ".join(quoted(name) for name in served.grain)
    columns = ", ".join(quoted(name) for name in served.columns)
    versions = {"old": held, "new": state.version}
    wanted = f"SELECT {columns} FROM {{}} EXCEPT SELECT {columns} FROM {{}}"
    put = ops.query_versions(uri, versions, wanted.format("new", "old"))
    gone = ops.query_versions(
        uri, versions, f"SELECT {grain} FROM ({wanted.format('old', 'new')}) AS gone"
    )
    for year in sorted(set(_years(served, put)) - _years_there(opened, served)):
        with opened.transaction():
            for statement in served.attach(year):
                execute(opened, statement)
    with opened.transaction():
        execute(
            opened,
            f"CREATE TEMPORARY TABLE gone ON COMMIT DROP AS SELECT {grain} FROM {served.name} "
            "WITH NO DATA",
        )
        postgres.copy(opened, "gone", gone)
        execute(opened, f"DELETE FROM {served.name} AS t USING gone WHERE {_same_key(served)}")
        postgres.copy(opened, served.name, put)
        _assert_whole(opened, served.name, served, state, state.rows)
        _record(opened, served, state, dates, state.rows)
        fault_point("publish_applied", served.table.name)
    fault_point("publish_committed", served.table.name)
    return len(put) + len(gone)


def _same_key(served: Served) -> str:
    nullable = {column.name for column in served.table.columns if column.nullable}
    # Plain equality where it says the same: only that can use an index or a hash.
    same = {name: "IS NOT DISTINCT FROM" if name in nullable else "=" for name in served.grain}
    return " AND ".join(f"t.{quoted(n)} {equals} gone.{quoted(n)}" for n, equals in same.items())


def _assert_whole(opened: Connection, where: str, served: Served, state: State, n: int) -> None:
    """As many rows as the audited version has; that keys are unique the database sees itself."""
    [(found,)] = execute(opened, f"SELECT count(*) FROM {where}")
    if found != n:
        message = (
            f"{served.table.name}: the database would hold {found} rows, version {state.version} "
            f"has {n}; the served copy was not changed"
        )
        raise PublishError(message, table=served.table.name)


def _record(opened: Connection, served: Served, state: State, dates: Dates, n: int) -> None:
    execute(
        opened,
        "INSERT INTO ops.publications VALUES (%s, %s, %s, %s, %s, clock_timestamp(), %s, %s) "
        "ON CONFLICT (table_name) DO UPDATE SET version = excluded.version, "
        "table_id = excluded.table_id, rows = excluded.rows, definition = excluded.definition, "
        "published_at = excluded.published_at, data_as_of = excluded.data_as_of, "
        "restated_at = excluded.restated_at",
        *(served.table.name, state.version, state.table_id, n, served.definition),
        *(dates.as_of, dates.restated_at),
    )


def _move_dates(opened: Connection, name: str, dates: Dates) -> None:
    """A later day may count in a version that it did not change."""
    execute(
        opened,
        "UPDATE ops.publications SET data_as_of = %s WHERE table_name = %s "
        "AND data_as_of IS DISTINCT FROM %s",
        *(dates.as_of, name, dates.as_of),
    )


def _years(served: Served, rows: pa.Table) -> list[int]:
    if not served.by_year_of:
        return []
    return sorted(pc.unique(pc.year(rows.column(served.by_year_of))).to_pylist())


def _years_there(opened: Connection, served: Served) -> set[int]:
    rows = execute(
        opened,
        "SELECT right(c.relname, 4) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = to_regclass(%s)",
        served.name,
    )
    return {int(year) for (year,) in rows}


@contextmanager
def _alone(opened: Connection, what: str) -> Iterator[None]:
    """Nobody else publishes this meanwhile."""
    key = f"lakehouse.publish.{what}"
    execute(opened, "SELECT pg_advisory_lock(hashtextextended(%s, 0))", key)
    try:
        yield
    finally:
        if not opened.closed and not opened.broken:
            execute(opened, "SELECT pg_advisory_unlock(hashtextextended(%s, 0))", key)
