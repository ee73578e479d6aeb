"""Every silver and gold table: no input, no rows; and each has its mirror."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from tables.mirror import rows

from lakehouse.catalog.registry import registry

DERIVED = [entry for entry in registry() if entry.table.source is None]
# What is said of everybody has a row for everybody, even for nobody: none so far.
every_derived_table = pytest.mark.parametrize("entry", DERIVED, ids=lambda each: each.table.name)


@pytest.mark.spark
@pytest.mark.turns(3)
@every_derived_table
def test_no_input_makes_no_rows(spark, entry):
    module = import_module(entry.transform.module)
    assert rows(spark, module, *([] for _ in entry.table.upstream)) == []


@every_derived_table
def test_it_has_a_mirror(entry):
    written = "".join(file.read_text() for file in Path(__file__).parent.glob("test_*.py"))
    assert f"rows(spark, {entry.table.noun}," in written
