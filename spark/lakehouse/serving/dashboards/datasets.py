"""Dataset files: what the specs know is generated, what people add stays.

A dataset is a served table (`schema` and `table_name`) or a query over such tables (`sql`).
Columns, their types and, for columns that a table has, their descriptions follow the specs. The
query, metrics, calculated columns (those with an `expression`) and the descriptions of what a
query computes are written by hand, in the file, and are kept.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from lakehouse.serving.dashboards.assets import Asset, Assets, to_yaml
from lakehouse.serving.dashboards.relations import Judge, postgres_type, reads, renderings

if TYPE_CHECKING:
    from pathlib import Path

    from lakehouse.spec import Column

FOLDER = "datasets/lakehouse"
_TEMPORAL = ("DATE", "TIMESTAMP")


def generate(assets: Assets, tables: dict[str, tuple[Column, ...]]) -> dict[str, str]:
    """Every dataset file by its path, with one for each served table.

    Raises:
        ConfigError: A query is wrong.
    """
    judge = Judge(tables)
    found = list(assets.of("datasets"))
    missing = sorted(set(tables) - {relation(asset.content) for asset in found})
    database = next(assets.of("databases")).uuid
    found += [_new(name, database) for name in missing]
    return {asset.path: to_yaml(_refreshed(asset.content, tables, judge)) for asset in found}


def write(folder: Path, files: dict[str, str]) -> list[str]:
    """Write those that differ; says which."""
    changed = stale(folder, files)
    for name in changed:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[name], encoding="utf-8")
    return changed


def stale(folder: Path, files: dict[str, str]) -> list[str]:
    """Those that `write` would write."""
    return [
        name
        for name, text in files.items()
        if not (path := folder / name).exists() or path.read_text(encoding="utf-8") != text
    ]


def relation(content: dict[str, Any]) -> str:
    """The served table that a dataset stands for; empty for a query."""
    return "" if content.get("sql") else f"{content.get('schema')}.{content.get('table_name')}"


def source(content: dict[str, Any]) -> list[str]:
    """What stands after FROM, in every way that filters can shape it.

    Raises:
        ConfigError: The query is no template.
    """
    if sql := content.get("sql"):
        return [f"({text}) AS q" for text in renderings(sql)]
    return [relation(content)]


def physical_columns(
    content: dict[str, Any], tables: dict[str, tuple[Column, ...]], judge: Judge
) -> dict[str, str]:
    """Columns with their types, without calculated ones.

    Raises:
        ConfigError: The query is wrong, or the table is not served.
    """
    if columns := tables.get(relation(content)):
        return {column.name: postgres_type(column.type) for column in columns}
    return judge.columns(f"SELECT * FROM {source(content)[0]}")


def docs(content: dict[str, Any], tables: dict[str, tuple[Column, ...]]) -> dict[str, str]:
    """What the specs say of columns, by name; of two tables that have it, the first says it."""
    names = reads(content["sql"]) if content.get("sql") else [relation(content)]
    found = [(c.name, c.doc) for name in reversed(names) for c in tables.get(name, ())]
    return dict(found)


def _refreshed(
    content: dict[str, Any], tables: dict[str, tuple[Column, ...]], judge: Judge
) -> dict[str, Any]:
    kept = {column["column_name"]: column for column in content.get("columns") or []}
    said = docs(content, tables)
    columns = [
        _column(name, type_, kept.get(name, {}), said.get(name))
        for name, type_ in physical_columns(content, tables, judge).items()
    ]
    calculated = [column for column in kept.values() if column.get("expression")]
    return content | {"columns": columns + calculated}


def _column(name: str, type_: str, kept: dict[str, Any], doc: str | None) -> dict[str, Any]:
    # What a query computes may share its name with a column: then the file's words are the better.
    description = kept.get("description") if kept.get("description") and not doc else doc
    return {
        "column_name": name,
        "verbose_name": kept.get("verbose_name"),
        "is_dttm": type_.startswith(_TEMPORAL),
        "is_active": True,
        "type": type_,
        "groupby": True,
        "filterable": True,
        "expression": None,
        "description": description,
    }


def _new(name: str, database: str) -> Asset:
    schema, _, table = name.partition(".")
    path = f"{FOLDER}/{table}.yaml"
    return Asset(
        path,
        {
            "table_name": table,
            "main_dttm_col": None,
            "description": None,
            "cache_timeout": None,
            "schema": schema,
            "sql": None,
            "filter_select_enabled": True,
            "uuid": str(uuid.uuid5(uuid.UUID(database), path)),
            "metrics": [
                {
                    "metric_name": "n_rows",
                    "verbose_name": "Rows",
                    "expression": "COUNT(*)",
                    "description": "Rows of the table.",
                    "d3format": ",d",
                }
            ],
            "columns": [],
            "version": "1.0.0",
            "database_uuid": database,
        },
    )
