"""Which columns of its inputs a column is made of, as the catalogue says it.

It follows from the queries that transforms build, which takes an engine and seconds: `lakehouse
docs` keeps it in a file beside the catalogue.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

FILE = Path("spark/docs/column-lineage.json")
"""Below the repository: table → column → `table.column` of what it is made of, null = unknown."""

Lineage = dict[str, dict[str, list[str] | None]]


def write_column_lineage(repository: Path) -> Path:
    """Write the file anew, from the code."""
    command = [sys.executable, "-m", "lakehouse.engines.duckdb.column_lineage"]
    made = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603  # our own module
    path = repository / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{made.rstrip()}\n", encoding="utf-8")
    return path


def kept_column_lineage(repository: Path) -> Lineage:
    """What the file says; nothing where there is none."""
    path = repository / FILE
    if not path.exists():
        return {}
    kept: Lineage = json.loads(path.read_text(encoding="utf-8"))
    return kept


def words(origins: list[str] | None) -> str:
    """`silver.user_days: user_id, activity_date; gold.bounce_rates: bounce_rate`."""
    if origins is None:
        return "the whole inputs"
    by_table: dict[str, list[str]] = {}
    for origin in origins:
        table, _, column = origin.rpartition(".")
        by_table.setdefault(table, []).append(column)
    told = "; ".join(f"{table}: {', '.join(columns)}" for table, columns in by_table.items())
    return told or "no column"
