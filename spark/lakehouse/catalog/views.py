"""What the command line shows, as plain rows. Reads the lake without an engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakehouse.errors import ConfigError, UpstreamMissingError, close_to
from lakehouse.io import delta_log
from lakehouse.io.sql import literal, quoted
from lakehouse.io.state import StateStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lakehouse.catalog.registry import Registry
    from lakehouse.io.state import State
    from lakehouse.settings import Settings
    from lakehouse.spec import Table


def overview(registry: Registry, settings: Settings, names: Iterable[str]) -> list[dict[str, Any]]:
    """Tables and what is published of each."""
    states = StateStore(settings)
    rows = []
    for entry in map(registry.__getitem__, names):
        table, state = entry.table, states.published(entry.table.name)
        rows.append(
            {
                "table": table.name,
                "owner": table.owner,
                "rows": state.rows if state else None,
                "version": state.version if state else None,
                "as_of": state.as_of if state else None,
                "published_at": state.published_moment if state else None,
                "what": entry.doc.splitlines()[0],
            }
        )
    return rows


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What somebody wants to see of a table.

    Attributes:
        columns: Columns in order; empty = all of them, those of the grain first.
        where: SQL predicate; empty = every row.
        order: SQL ordering; empty = by the grain.
        n: At most so many rows.
        version: A version; None = the published one.
    """

    columns: tuple[str, ...] = ()
    where: str = ""
    order: str = ""
    n: int = 20
    version: int | None = None


def history(table: Table, settings: Settings, n: int) -> list[dict[str, Any]]:
    """Commits of a table, newest first.

    Raises:
        UpstreamMissingError: It was never published.
        DamagedTableError: Some of it is not there any more.
    """
    from lakehouse.io import ops  # noqa: PLC0415  # deltalake, which `overview` does without
    from lakehouse.io.damage import assert_intact  # noqa: PLC0415  # same

    state = _published(table, settings)
    uri = settings.table_uri(table.name)
    assert_intact(table.name, uri, state)
    return [
        {
            "version": commit["version"],
            "published": "yes" if commit["version"] == state.version else "",
            "operation": commit["operation"],
            "run_id": commit["run_id"],
            "at": commit["at"],
        }
        for commit in ops.commits(uri, limit=n)
    ]


def peek(table: Table, settings: Settings, wanted: Wanted) -> list[dict[str, Any]]:
    """Rows of a table.

    Raises:
        UpstreamMissingError: It was never published.
        ConfigError: It has no such version or column, or the SQL is none that it can answer.
        DamagedTableError: Some of it is not there any more.
    """
    from lakehouse.io import ops  # noqa: PLC0415  # see history
    from lakehouse.io.damage import assert_intact  # noqa: PLC0415  # same

    state, version = _published(table, settings), wanted.version
    uri = settings.table_uri(table.name)
    assert_intact(table.name, uri, state)
    chosen = state.version if version is None else version
    newest = state.head if version is None else ops.commits(uri, limit=1)[0]["version"]
    if not 0 <= chosen <= newest:
        message = (
            f"{table.name} has versions 0 to {newest}, not {chosen}; "
            f"`lakehouse show {table.name} --history` lists them"
        )
        raise ConfigError(message, table=table.name, version=chosen)
    there = delta_log.columns(uri, chosen)  # a table may wait to be migrated
    columns = ", ".join(map(quoted, _columns(table, [*there], wanted.columns)))
    keys = [name for name in table.write.grain if name in there] or sorted(there)
    order = wanted.order or ", ".join(map(quoted, keys))
    where = f"WHERE ({wanted.where}) " if wanted.where else ""
    query = f"SELECT {columns} FROM t {where}ORDER BY {order} LIMIT {wanted.n}"
    try:
        return ops.query_delta(uri, query.replace("`", '"'), chosen)
    except Exception as error:
        if not (wanted.where or wanted.order):
            raise
        reason = str(error).splitlines()[0].rstrip(".")
        message = (
            f"--where or --order: {reason}. Write SQL over the columns of {table.name}, "
            'e.g. --where "n > 10 AND device = \'mobile\'" --order "n DESC"'
        )
        raise ConfigError(message, table=table.name) from error


def _columns(table: Table, there: Sequence[str], chosen: Sequence[str]) -> list[str]:
    """The chosen columns, or all that are stored: what tells rows apart stands first."""
    if unknown := [name for name in chosen if name not in there]:
        hint = close_to(unknown[0], there)
        message = f"{table.name} has no column {unknown[0]}.{hint}"
        raise ConfigError(f"{message} It has {', '.join(there)}", table=table.name)
    known = [name for name in (*table.write.grain, *table.column_names) if name in there]
    return list(dict.fromkeys(chosen or (*known, *there)))


def _published(table: Table, settings: Settings) -> State:
    state = StateStore(settings).published(table.name)
    if state is None:
        message = f"{table.name} was never published; run `lakehouse run +{table.name}`"
        raise UpstreamMissingError(message, table=table.name)
    return state


def quarantined(registry: Registry, settings: Settings) -> list[dict[str, Any]]:
    """Rejected rows by table, file and rule."""
    from lakehouse.io import ops  # noqa: PLC0415  # see peek

    query = (
        "SELECT source_file, reason, count(*) AS n_rows FROM "
        "(SELECT source_file, unnest(reasons) AS reason FROM t) "
        "GROUP BY source_file, reason ORDER BY source_file, reason"
    )
    rows = []
    for entry in registry:
        if entry.table.source:
            uri = settings.table_uri(f"quarantine.{entry.table.noun}")
            rows += [{"table": entry.table.name, **r} for r in ops.query_delta(uri, query)]
    return rows


def rejected(  # noqa: PLR0913  # which rows
    table: Table,
    settings: Settings,
    n: int | None,
    *,
    file: str | None = None,
    run_id: str | None = None,
    reason: str | None = None,
) -> list[dict[str, Any]]:
    """Rejected rows of a table as they landed, newest first.

    Args:
        table: Whose.
        settings: The lake.
        n: At most so many; None = all.
        file: Only of this landing file: its path below the landing folder, or the end of it.
        run_id: Only of this run.
        reason: Only for this reason, or the first part of it.
    """
    from lakehouse.io import ops  # noqa: PLC0415  # see peek

    chosen = ["true"]
    if file is not None:
        chosen.append(f"ends_with('/' || source_file, {literal('/' + file.strip('/'))})")
    if run_id is not None:
        chosen.append(f"run_id = {literal(run_id)}")
    if reason is not None:
        reasons = "chr(10) || array_to_string(reasons, chr(10))"
        chosen.append(f"strpos({reasons}, chr(10) || {literal(reason)}) > 0")
    limit = "" if n is None else f" LIMIT {n}"
    return ops.query_delta(
        settings.table_uri(f"quarantine.{table.noun}"),
        "SELECT source_file, source_line, reasons, raw, run_id, quarantined_at FROM t "
        f"WHERE {' AND '.join(chosen)} "
        f"ORDER BY quarantined_at DESC, source_file, source_line{limit}",
    )


def held(table: Table, settings: Settings) -> list[dict[str, Any]]:
    """Rejected rows of a table as the quarantine keeps them, in the order of their files."""
    from lakehouse.io import ops  # noqa: PLC0415  # see peek

    return ops.query_delta(
        settings.table_uri(f"quarantine.{table.noun}"),
        "SELECT source_file, source_line, raw, layout, header FROM t "
        "ORDER BY source_file, source_line",
    )


def files_of_rejected(table: Table, settings: Settings, run_id: str) -> dict[str, int]:
    """Files whose rows a run rejected, and how many of each, most first."""
    from lakehouse.io import ops  # noqa: PLC0415  # see peek

    rows = ops.query_delta(
        settings.table_uri(f"quarantine.{table.noun}"),
        f"SELECT source_file, count(*) AS n FROM t WHERE run_id = {literal(run_id)} "
        "GROUP BY source_file ORDER BY n DESC, source_file",
    )
    return {row["source_file"]: row["n"] for row in rows}
