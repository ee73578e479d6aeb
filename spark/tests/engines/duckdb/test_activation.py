"""One call makes PySpark mean DuckDB: before PySpark is there, or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[3]


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(PACKAGE)},
    )


def test_settings_reach_duckdb_and_pyspark_does_not_start(tmp_path):
    code = f"""
import sys
from lakehouse.engines.duckdb.activation import activate
spark = activate(memory_limit="200MiB", threads=1, scratch={str(tmp_path)!r})
from pyspark.sql import functions as F
from lakehouse.transforms.dialect import ON_DUCKDB
assert ON_DUCKDB and activate() is spark and "py4j" not in sys.modules
names = ("TimeZone", "memory_limit", "threads", "preserve_insertion_order", "temp_directory")
one = spark.createDataFrame([(1,)], "n int")
found = one.select(*(F.call_function("current_setting", F.lit(n)).alias(n) for n in names)).first()
print(*found)
"""
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["UTC", "200.0", "MiB", "1", "False", str(tmp_path)]


def test_it_is_too_late_once_pyspark_is_there():
    done = run(
        "import pyspark.sql; from lakehouse.engines.duckdb.activation import activate; activate()"
    )
    assert "EngineError: DuckDB has to be chosen before anything imports PySpark" in done.stderr
