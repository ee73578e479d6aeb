"""Are the published tables of two lakes the same, row by row?

    python scripts/compare_lakes.py data /somewhere/else

Every value is compared, times of ingestion excepted. Ends with 1 when some table differs.
"""

from __future__ import annotations

import sys

import duckdb
from deltalake import DeltaTable

from lakehouse.catalog.registry import registry
from lakehouse.io.state import StateStore
from lakehouse.settings import load_settings


def rows_only_in(db: duckdb.DuckDBPyConnection, one: str, other: str) -> int:
    """Rows of one relation that the other lacks; a row that stands twice counts twice."""
    found = db.execute(f"SELECT count(*) FROM (FROM {one} EXCEPT ALL FROM {other})").fetchall()
    return int(found[0][0])


def load(db: duckdb.DuckDBPyConnection, root: str, table: str, name: str) -> bool:
    """Register the compared columns of a published table as a relation, if it was published."""
    settings = load_settings(root=root)
    state = StateStore(settings).published(table)
    if state is None:
        return False
    rows = DeltaTable(settings.table_uri(table), version=state.version).to_pyarrow_dataset()
    db.register("stored", rows)
    columns = [c.name for c in registry()[table].table.stored_columns if c.compared]
    db.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT {', '.join(columns)} FROM stored")
    return True


def main(one: str, other: str) -> int:
    """Compare every table; one line for each."""
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    differing = 0
    for table in registry().entries:
        there = load(db, one, table, "a"), load(db, other, table, "b")
        if there == (False, False):
            continue
        if not all(there):
            print(f"{table}: published in one of them only")
            differing += 1
            continue
        missing, surplus = rows_only_in(db, "a", "b"), rows_only_in(db, "b", "a")
        n = db.execute("SELECT count(*) FROM a").fetchall()
        print(f"{table}: {n[0][0]:,} rows, {missing} missing, {surplus} surplus")
        differing += bool(missing or surplus)
    print(f"{differing} tables differ" if differing else "equal")
    return int(differing > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
