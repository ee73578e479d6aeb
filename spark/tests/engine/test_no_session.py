"""The machinery asks an engine through the protocols: no session, no call that only Spark has."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from lakehouse import engine, quality

ALLOWED = {"functions", "Window", "Column", "DataFrame", "Row"}
AT_THE_LAKE = {"SparkSession"}  # the type of an engine that the caller started
OF_SPARK = {
    *("localCheckpoint", "checkpoint", "persist", "unpersist", "cache", "observe", "rdd"),
    *("repartitionById", "repartition", "sparkContext", "sparkSession", "createDataFrame"),
    *("createOrReplaceTempView", "hint", "broadcast", "_jvm", "_jdf", "sql"),
}
PLACES = [Path(str(package.__file__)).parent for package in (engine, quality)]
FILES = sorted(file for place in PLACES for file in place.glob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_no_session_api(file):
    allowed = ALLOWED | AT_THE_LAKE if file.name == "lake.py" else ALLOWED
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pyspark"):
            assert node.module == "pyspark.sql"
            assert {each.name for each in node.names} <= allowed
        if isinstance(node, ast.Attribute):
            is_protocol = isinstance(node.value, ast.Attribute | ast.Name) and (
                node.value.attr if isinstance(node.value, ast.Attribute) else node.value.id
            ) in {"engine", "store"}
            assert node.attr not in OF_SPARK or is_protocol, f"line {node.lineno}: {node.attr}"
