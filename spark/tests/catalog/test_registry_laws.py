"""What every table module must be, checked without an engine."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from lakehouse.catalog.manifest import manifest, manifest_text
from lakehouse.catalog.registry import registry
from lakehouse.errors import UnknownTableError

REPOSITORY = Path(__file__).parents[3]
FORBIDDEN = {
    *("collect", "count", "cache", "persist", "show", "toPandas", "write", "save", "first", "take"),
    *("current_date", "current_timestamp", "now", "rand", "randn", "uuid", "udf", "today"),
    *("localCheckpoint", "checkpoint", "foreach", "isEmpty", "toLocalIterator"),
}
# The SQL functions of these names are aggregates or expressions, not actions.
ALLOWED_ON_F = {"count", "first"}


def forbidden_calls(source: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in FORBIDDEN:
            is_function = isinstance(node.value, ast.Name) and node.value.id == "F"
            if not (is_function and node.attr in ALLOWED_ON_F):
                found.add(node.attr)
    return found


@pytest.mark.parametrize("name", list(registry().entries))
def test_a_transform_is_pure(name):
    module = Path(registry()[name].table.defined_at.file)
    assert forbidden_calls(module.read_text()) == set()


@pytest.mark.parametrize("path", sorted((REPOSITORY / "spark/lakehouse/transforms").glob("*.py")))
def test_a_verb_is_pure(path):
    assert forbidden_calls(path.read_text()) == set()


@pytest.mark.parametrize(
    "line", ["df.collect()", "F.current_date()", "df.cache()", "df.count()", "F.rand()"]
)
def test_the_purity_test_can_fail(line):
    assert forbidden_calls(line)


@pytest.mark.parametrize("name", list(registry().entries))
def test_every_table_has_the_checks_everybody_needs(name):
    table = registry()[name].table
    names = {check.name for check in table.ensures}
    assert any(check.startswith("unique_") for check in names), "keys are unique"
    assert any(check.startswith("not_null_") for check in names), "keys are not null"
    assert ("not_empty" in names) != bool(table.may_be_empty), "row count in range"


def test_the_committed_manifest_is_what_the_specs_say():
    committed = (REPOSITORY / "airflow/manifest.json").read_text(encoding="utf-8")
    assert committed == manifest_text(registry()), "run `lakehouse manifest`"


def test_the_manifest_names_every_edge_once():
    tables = {table["name"]: table for table in manifest(registry())["tables"]}
    assert set(tables) == set(registry().entries)
    for name, table in tables.items():
        for each in table["inputs"]:
            if each["kind"] == "table":
                assert name in tables[each["name"]]["downstream"]


def test_an_unknown_table_is_refused():
    with pytest.raises(UnknownTableError):
        registry()["silver.nothing"]


def test_what_lands_tells_when_it_happened_and_is_told_when_that_lies_ahead():
    for entry in registry():
        table = entry.table
        if table.source is None:
            continue
        assert table.happened_on, table.name
        assert table.source.since.year > 1970, table.name
        names = {check.name for check in table.ensures}
        assert ("none_ahead" in names) != table.tells_plans, table.name
