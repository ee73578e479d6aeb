"""Which PySpark a process gets; asked in new processes, as a module is loaded once in each."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

ASKED = """
from lakehouse.engines.choice import prepare
from lakehouse.settings import load_settings
for engine in {engines}:
    prepare(load_settings(engine=engine))
from pyspark.sql import functions
print(functions.__name__)
"""


@pytest.mark.parametrize(
    ("engines", "module"),
    [
        (["spark"], "pyspark.sql.functions"),
        (["duckdb"], "sqlframe.duckdb.functions"),
        (["duckdb", "spark"], "pyspark.sql.functions"),
        (["spark", "duckdb"], "sqlframe.duckdb.functions"),
        (["duckdb", "spark", "duckdb"], "sqlframe.duckdb.functions"),
    ],
    ids=",".join,
)
def test_the_engine_named_last_decides(engines, module):
    asked = subprocess.run(
        [sys.executable, "-c", ASKED.format(engines=engines)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.stdout.strip() == module, asked.stderr


@pytest.mark.jvm
@pytest.mark.parametrize("command", ["jars", "engine status"])
def test_commands_of_spark_take_it_whatever_the_setting(command):
    """An `.env` that says duckdb is no reason to fail."""
    asked = subprocess.run(
        [sys.executable, "-m", "lakehouse", *command.split()],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"LAKEHOUSE_ENGINE": "duckdb"},
    )
    answers = {"jars": "delta-storage", "engine status": "answer"}
    assert answers[command] in asked.stdout + asked.stderr
