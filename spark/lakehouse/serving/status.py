"""How every table of the lake is doing, for readers of SQL: the table `ops.table_status`."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lakehouse.engine.domains import in_use
from lakehouse.engine.freshness import freshness
from lakehouse.io import ops, postgres
from lakehouse.io.postgres import execute, literal, quoted
from lakehouse.io.state import StateStore
from lakehouse.serving.ddl import READER

if TYPE_CHECKING:
    from lakehouse.engine.registry import Registry
    from lakehouse.io.postgres import Connection
    from lakehouse.settings import Settings

INSTANT = pa.timestamp("us", tz="UTC")
COLUMNS: dict[str, tuple[str, pa.DataType, str]] = {
    "table_name": ("text PRIMARY KEY", pa.string(), "Table, as layer.noun."),
    "layer": ("text NOT NULL", pa.string(), "bronze, silver or gold."),
    "owner": ("text NOT NULL", pa.string(), "Who answers for it."),
    "state": ("text NOT NULL", pa.string(), "fresh, stale, behind an input, or never published."),
    "rows": ("bigint", pa.int64(), "Rows of the published version."),
    "version": ("bigint", pa.int64(), "Published Delta version."),
    "data_through": ("date", pa.date32(), "As-of date, or newest date known of its rows."),
    "audited_at": ("timestamptz", INSTANT, "When the version passed its output gate."),
    "last_green_at": ("timestamptz", INSTANT, "End of the newest green run."),
    "fresh_within_hours": ("double precision NOT NULL", pa.float64(), "What the table promises."),
    "n_checks": ("bigint NOT NULL", pa.int64(), "Checks of the newest audit, both gates."),
    "n_failed_checks": ("bigint NOT NULL", pa.int64(), "Of them, not passed."),
    "rows_in": ("bigint NOT NULL", pa.int64(), "Rows that all runs took in."),
    "rows_quarantined": ("bigint NOT NULL", pa.int64(), "Of them, sent to quarantine."),
    "rows_deduplicated": ("bigint NOT NULL", pa.int64(), "Of them, repeats of another row."),
}
"""Name → type in the database, type in transit, meaning. Grain: one row a table of the lake."""

_CHECKS = (
    "SELECT r.table_name AS table_name, count(*) AS n, sum(CASE WHEN passed THEN 0 ELSE 1 END) "
    "AS failed FROM t AS r JOIN (SELECT table_name AS name, max(checked_at) AS newest FROM t "
    "GROUP BY table_name) AS last ON r.table_name = last.name AND r.checked_at = last.newest "
    "GROUP BY r.table_name"
)
_FATES = (
    "SELECT table_name, sum(rows_in) AS rows_in, sum(rows_quarantined) AS rows_quarantined, "
    "sum(rows_deduplicated) AS rows_deduplicated FROM t WHERE outcome = 'updated' "
    "GROUP BY table_name"
)


def publish_status(opened: Connection, settings: Settings, registry: Registry) -> None:
    """Replace `ops.table_status` in one step."""
    names = in_use(registry, settings, list(registry.entries))
    rows = pa.Table.from_pylist(
        table_status(settings, registry, names),
        schema=pa.schema([(name, kind) for name, (_, kind, _) in COLUMNS.items()]),
    )
    columns = ", ".join(f"{quoted(name)} {kind}" for name, (kind, _, _) in COLUMNS.items())
    with opened.transaction():
        execute(opened, f"CREATE TABLE IF NOT EXISTS ops.table_status ({columns})")
        for name, (_, _, meaning) in COLUMNS.items():
            where = f"ops.table_status.{quoted(name)}"
            execute(opened, f"COMMENT ON COLUMN {where} IS {literal(meaning)}")
        execute(opened, "DELETE FROM ops.table_status")
        postgres.copy(opened, "ops.table_status", rows)
        if postgres.has_role(opened, READER):
            execute(opened, f"GRANT SELECT ON ops.table_status TO {READER}")


def table_status(settings: Settings, registry: Registry, names: list[str]) -> list[dict[str, Any]]:
    """One row a table: what is published of it, how fresh and how clean it is."""
    states = StateStore(settings)
    checks = {row["table_name"]: row for row in ops.read(settings, "quality_results", _CHECKS)}
    fates = {row["table_name"]: row for row in ops.read(settings, "runs", _FATES)}
    rows = []
    for fresh in freshness(registry, settings, names):
        table, state = registry[fresh.table].table, states.published(fresh.table)
        checked = checks.get(table.name, {"n": 0, "failed": 0})
        fate = fates.get(table.name, {})
        through = fresh.data_through
        rows.append(
            {
                "table_name": table.name,
                "layer": table.layer,
                "owner": table.owner,
                "state": fresh.state,
                "rows": state.rows if state else None,
                "version": state.version if state else None,
                "data_through": date.fromisoformat(through[:10]) if through else None,
                "audited_at": datetime.fromisoformat(fresh.published_at)
                if fresh.published_at
                else None,
                "last_green_at": fresh.last_green,
                "fresh_within_hours": fresh.limit_hours,
                "n_checks": checked["n"],
                "n_failed_checks": checked["failed"],
                **{
                    name: int(fate.get(name) or 0)
                    for name in ("rows_in", "rows_quarantined", "rows_deduplicated")
                },
            }
        )
    return rows
