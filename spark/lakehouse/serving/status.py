"""How every table of the lake is doing, for readers of SQL: the table `ops.table_status`."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lakehouse.catalog.domains import in_use
from lakehouse.catalog.freshness import freshness
from lakehouse.catalog.status import Status
from lakehouse.io import ops, postgres
from lakehouse.io.arrow import arrow_type
from lakehouse.io.postgres import execute
from lakehouse.io.state import StateStore
from lakehouse.serving.ops_tables import TABLE_STATUS

if TYPE_CHECKING:
    from lakehouse.catalog.registry import Registry
    from lakehouse.io.postgres import Connection
    from lakehouse.settings import Settings
    from lakehouse.spec import Table

_CHECKS = (
    "SELECT r.table_name AS table_name, count(*) AS n, sum(CASE WHEN passed THEN 0 ELSE 1 END) "
    "AS failed FROM t AS r JOIN (SELECT table_name AS name, max(checked_at) AS newest FROM t "
    "GROUP BY table_name) AS last ON r.table_name = last.name AND r.checked_at = last.newest "
    "GROUP BY r.table_name"
)
_FATES = (
    f"SELECT table_name, sum(rows_in) AS rows_in FROM t WHERE outcome = '{Status.UPDATED}' "
    "GROUP BY table_name"
)


def publish_status(opened: Connection, settings: Settings, registry: Registry) -> None:
    """Replace `ops.table_status` in one step."""
    names = in_use(registry, settings, list(registry.entries))
    rows = pa.Table.from_pylist(
        table_status(settings, registry, names),
        schema=pa.schema([(each.name, arrow_type(each.type)) for each in TABLE_STATUS]),
    )
    with opened.transaction():
        execute(opened, "DELETE FROM ops.table_status")
        postgres.copy(opened, "ops.table_status", rows)


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
                "rows": state.rows if state else None,
                "as_of": date.fromisoformat(through[:10]) if through else None,
                "current_within_days": fresh.current_within_days,
                "checked_at": fresh.checked_at,
                "checked_within_hours": fresh.checked_within_hours,
                "n_checks": checked["n"],
                "n_failed_checks": checked["failed"],
                "rows_in": int(fate.get("rows_in") or 0),
                "rows_quarantined": _in_quarantine(settings, table),
            }
        )
    return rows


def _in_quarantine(settings: Settings, table: Table) -> int:
    """Rejects of a table that no later delivery or replay has mended."""
    if table.source is None:
        return 0
    where = settings.table_uri(f"quarantine.{table.noun}")
    counted = ops.query_delta(where, "SELECT count(*) AS n FROM t")
    return int(counted[0]["n"]) if counted else 0
