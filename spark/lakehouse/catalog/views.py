"""What the command line shows, as plain rows. Reads the lake without an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakehouse.errors import ConfigError, UpstreamMissingError
from lakehouse.io import delta_log
from lakehouse.io.state import StateStore

if TYPE_CHECKING:
    from lakehouse.catalog.registry import Registry
    from lakehouse.settings import Settings
    from lakehouse.spec import Table


def overview(registry: Registry, settings: Settings) -> list[dict[str, Any]]:
    """Every table and what is published of it."""
    states = StateStore(settings)
    rows = []
    for entry in registry:
        table, state = entry.table, states.published(entry.table.name)
        rows.append(
            {
                "table": table.name,
                "owner": table.owner,
                "rows": state.rows if state else None,
                "version": state.version if state else None,
                "as_of": state.as_of if state else None,
                "published_at": state.published_at if state else None,
                "what": entry.doc.splitlines()[0],
            }
        )
    return rows


def peek(
    table: Table, settings: Settings, n: int, version: int | None, *, history: bool
) -> list[dict[str, Any]]:
    """Rows of a table at its published (or another) version, or its commits.

    Raises:
        UpstreamMissingError: It was never published.
        ConfigError: It has no such version.
        DamagedTableError: Some of it is not there any more.
    """
    from lakehouse.io import ops  # noqa: PLC0415  # deltalake, which `overview` does without
    from lakehouse.io.damage import assert_intact  # noqa: PLC0415  # same

    state = StateStore(settings).published(table.name)
    if state is None:
        message = f"{table.name} was never published; run `lakehouse run +{table.name}`"
        raise UpstreamMissingError(message, table=table.name)
    uri = settings.table_uri(table.name)
    assert_intact(table.name, uri, state)
    if history:
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
    chosen = state.version if version is None else version
    newest = state.head if version is None else ops.commits(uri, limit=1)[0]["version"]
    if not 0 <= chosen <= newest:
        message = (
            f"{table.name} has versions 0 to {newest}, not {chosen}; "
            f"`lakehouse show {table.name} --history` lists them"
        )
        raise ConfigError(message, table=table.name, version=chosen)
    there = delta_log.columns(uri, chosen)  # a table may wait to be migrated
    keys = [name for name in table.write.grain if name in there] or sorted(there)
    order = ", ".join(f'"{name}"' for name in keys)
    return ops.query_delta(uri, f"SELECT * FROM t ORDER BY {order} LIMIT {n}", chosen)


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


def rejected(table: Table, settings: Settings, n: int | None) -> list[dict[str, Any]]:
    """Rejected rows of a table as they landed."""
    from lakehouse.io import ops  # noqa: PLC0415  # see peek

    limit = "" if n is None else f" LIMIT {n}"
    return ops.query_delta(
        settings.table_uri(f"quarantine.{table.noun}"),
        "SELECT source_file, source_line, reasons, raw, run_id, quarantined_at FROM t "
        f"ORDER BY source_file, source_line{limit}",
    )
