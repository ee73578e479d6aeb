"""What orchestrators need to know of every table, as plain JSON."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from lakehouse.spec import Source

if TYPE_CHECKING:
    from lakehouse.catalog.registry import Entry, Registry
    from lakehouse.spec import Check


def manifest(registry: Registry) -> dict[str, Any]:
    """The graph of tables, upstream first; the same bytes for the same specs."""
    return {"version": 1, "tables": [_table(registry, entry) for entry in registry]}


def manifest_text(registry: Registry) -> str:
    """The manifest as it stands in `airflow/manifest.json`."""
    return json.dumps(manifest(registry), indent=2, ensure_ascii=False) + "\n"


def _table(registry: Registry, entry: Entry) -> dict[str, Any]:
    table = entry.table
    direct = (
        each.table.name for each in registry if table.name in {t.name for t in each.table.upstream}
    )
    return {
        "name": table.name,
        "dag_id": table.name.replace(".", "_"),
        "asset": f"delta://{table.layer}/{table.noun}",
        "layer": table.layer,
        "owner": table.owner,
        "domain": table.domain,
        "doc": entry.doc,
        "inputs": [
            {"kind": "source" if isinstance(each, Source) else "table", "name": each.name}
            for each in table.inputs
        ],
        "downstream": sorted(direct),
        "write": type(table.write).__name__,
        "grain": list(table.write.grain),
        "depends_on_as_of": table.as_of is not None,
        "columns": [
            {
                "name": column.name,
                "type": column.type,
                "nullable": column.nullable,
                "pii": column.pii,
                "doc": column.doc,
            }
            for column in table.stored_columns
        ],
        "requires": [_check(check) for check in table.requires],
        "ensures": [_check(check) for check in table.ensures],
        "checked_within_hours": table.checked_within / timedelta(hours=1),
        "retention_days": table.retention.days,
    }


def _check(check: Check) -> dict[str, str]:
    return {"name": check.name, "severity": check.severity, "sentence": check.sentence}
