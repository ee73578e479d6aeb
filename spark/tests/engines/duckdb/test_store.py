"""Delta tables written by DuckDB and delta-rs: every row, in files of its days."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date

SCRIPT = """
import json, sys
from collections import Counter
import pyarrow as pa
from deltalake import DeltaTable
from lakehouse.engines.choice import host_of, prepare
from lakehouse.settings import load_settings
settings = load_settings(engine="duckdb", root=sys.argv[1])
prepare(settings)
from lakehouse.engines.duckdb import engine as engines, store as stores
from lakehouse.tables.bronze.user_signups import TABLE
engines.ROWS_A_FILE = stores.ROWS_A_FILE = 50
host = host_of(settings, None)
frames = host.start()
engine = host.engine(TABLE.name)
uri = settings.table_uri(TABLE.name)
types = {column.name: column.type for column in TABLE.stored_columns}
given = {
    "user_id": "'u' || n", "_row_id": "'r' || n",
    "signup_date": "DATE '2026-01-01' + (n // 10)::INT",
    "ingestion_timestamp": "TIMESTAMPTZ '2026-01-01 00:00:00+00'",
}
def rows(numbers):
    values = ", ".join(
        f"CAST({given.get(name, 'NULL')} AS {kind}) AS {name}" for name, kind in types.items()
    )
    return frames.of_sql(f"SELECT {values} FROM (SELECT unnest([{numbers}]) AS n)", types)
# Ten a day for ten days, and 300 more on the first.
numbers = ", ".join(map(str, [*range(100), *([n % 10 for n in range(300)])]))
engine.store.create(uri, TABLE)
laid_out = engine.by_day(rows(numbers), TABLE, rows(numbers), "signup_date", 400)
engine.store.append(laid_out, uri, {"run_id": "r"})
added = pa.table(DeltaTable(uri).get_add_actions(flatten=True)).to_pylist()
found = Counter(str(row["user_id"]) for row in engine.store.read(uri).collect())
def kept():
    query = "SELECT count(*) FROM duckdb_tables() WHERE temporary"
    return frames.connection.execute(query).fetchone()[0]
before = kept()
host.engine("bronze.next")
print(json.dumps({
    "kept": [before, kept()],
    "rows": sum(found.values()), "users": len(found), "first": found["u0"],
    "spans": [(str(each["min.signup_date"]), str(each["max.signup_date"])) for each in added],
}))
"""


def test_rows_of_a_first_load_lie_by_their_day_and_none_is_left_out(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["rows"], found["users"], found["first"]) == (400, 100, 31)
    assert found["kept"] == [1, 0], "what a run kept goes with it"
    spans = [(date.fromisoformat(a), date.fromisoformat(b)) for a, b in found["spans"]]
    assert sum(low == date(2026, 1, 1) for low, _ in spans) > 1, "a large day is several files"
    assert all((high - low).days < 5 for low, high in spans), spans
