"""Whether peers made the same tables: rows counted and hashed, doubles summed by row.

A sum of hashes, not their exclusive or: in that, rows that stand twice are nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
from deltalake import DeltaTable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RELATIVE = 1e-9
"""Doubles are added in another order by each engine."""
WEIGHTS = 97


class Judge:
    """Compares tables with those of one peer, the reference: its columns, its types."""

    def __init__(self, reference: Path) -> None:
        """Remember what the reference made."""
        self._db = duckdb.connect()
        self._db.execute("SET TimeZone = 'UTC'")
        self._wanted = {file.stem: _parquet(file) for file in sorted(reference.glob("*.*.parquet"))}
        self._columns = {
            table: [(name, kind) for name, kind, *_ in self._rows(f"DESCRIBE FROM {where}")]
            for table, where in self._wanted.items()
        }
        self._prints = {
            table: self._fingerprint(table, where) for table, where in self._wanted.items()
        }

    def differing(self, home: Path, versions: Mapping[str, int] | None = None) -> list[str]:
        """Tables of a home that are not equal to the reference's, or not there.

        Args:
            home: Parquet files, or a lake.
            versions: Of a lake, what to read: it may have been given more since.
        """
        return [table for table in self._wanted if not self._is_equal(table, home, versions)]

    @property
    def tables(self) -> list[str]:
        """What the reference made."""
        return list(self._wanted)

    def _is_equal(self, table: str, home: Path, versions: Mapping[str, int] | None) -> bool:
        if versions is not None and table not in versions:
            return False
        try:
            found = self._fingerprint(table, self._find(table, home, versions))
        except duckdb.Error:
            return False
        pairs = zip(found, self._prints[table], strict=True)
        return all(_alike(one, other) for one, other in pairs)

    def _find(self, table: str, home: Path, versions: Mapping[str, int] | None) -> str:
        if versions is not None:
            version = DeltaTable(home / table.replace(".", "/"), version=versions[table])
            self._db.register("lake_table", version.to_pyarrow_dataset())
            return "lake_table"
        file = home / f"{table}.parquet"
        return _parquet(file if file.exists() else home / table)

    def _fingerprint(self, table: str, where: str) -> tuple[float | None, ...]:
        columns = self._columns[table]
        # Where a row came from is told in each peer's own way.
        exact = [(n, k) for n, k in columns if k != "DOUBLE" and n != "source_file"]
        told = ", ".join(f'CAST("{name}" AS {kind})' for name, kind in exact)
        doubles = [f'CAST("{name}" AS DOUBLE)' for name, kind in columns if kind == "DOUBLE"]
        # A double counts with a weight of its row: at another row it is another sum.
        weighted = [f"sum({each} * (1 + row_hash % {WEIGHTS}))" for each in doubles]
        figures = ["count(*)", "sum(row_hash::HUGEINT)", *(f"count({each})" for each in doubles)]
        [row] = self._rows(
            f"SELECT {', '.join([*figures, *weighted])} FROM (SELECT *, hash({told}) AS row_hash "
            f"FROM {where})"
        )
        return row

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        return self._db.execute(query).fetchall()


def _parquet(where: Path) -> str:
    pattern = f"{where}/**/*.parquet" if where.is_dir() else str(where)
    return f"read_parquet('{pattern}')"


def _alike(one: float | None, other: float | None) -> bool:
    if one is None or other is None or one == other:
        return one == other
    return abs(one - other) <= RELATIVE * max(abs(one), abs(other))
