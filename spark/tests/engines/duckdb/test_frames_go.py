"""What a run leaves in DuckDB and SQLFrame: nothing, so that a stream may go on for months."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import json, sys
from lakehouse.engines.duckdb.host import DuckdbHost
from lakehouse.settings import load_settings

host = DuckdbHost(load_settings(root=sys.argv[1]))
frames = host.start()
from pyspark.sql import functions as F

def numbers(n):
    return frames.of_sql(f"SELECT unnest(range({n})) AS n", {"n": "bigint"})

def left():
    count = lambda query: frames.connection.execute(query).fetchone()[0]
    return [
        count("SELECT count(*) FROM duckdb_tables() WHERE temporary"),
        sum(map(len, frames.session.name_to_sequence_id_mapping.values())),
    ]

def run():
    engine = host.engine("gold.t")
    rows = numbers(10).alias("a")
    for _ in range(6):
        rows = rows.withColumn("n", F.col("n") + 1)
    joined = rows.join(numbers(9).alias("b"), "n")
    found = engine.keep(joined).agg(F.count(F.lit(1))).first()[0]
    during = left()
    if FORGETS:
        host.forget()
    return found, during

ours = numbers(3).alias("ours")
for _ in range(5):
    ours = ours.withColumn("n", F.col("n") * 2)
before = left()
ran = [run() for _ in range(3)]
print(json.dumps({
    "found": [each[0] for each in ran], "during": ran[0][1], "before": before, "after": left(),
    "ours": sorted(row[0] for row in ours.join(numbers(5), "n").collect()),
}))
"""


def ran(tmp_path, *, forgets):
    script = SCRIPT.replace("FORGETS", str(forgets))
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_nothing_of_a_run_is_left_and_frames_of_others_stay(tmp_path):
    found = ran(tmp_path, forgets=True)
    assert found["found"] == [3, 3, 3]
    assert all(n > before for n, before in zip(found["during"], found["before"], strict=True))
    assert all(n <= before for n, before in zip(found["after"], found["before"], strict=True))
    assert found["ours"] == [0]


def test_without_it_every_run_leaves_something(tmp_path):
    found = ran(tmp_path, forgets=False)
    grown = [a - b for a, b in zip(found["after"], found["before"], strict=True)]
    assert min(grown) > 0
