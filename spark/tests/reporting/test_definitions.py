"""`lakehouse check-definitions`: everything that is wrong, at once."""

from __future__ import annotations

from lakehouse.catalog.manifest import manifest_text
from lakehouse.catalog.registry import Registry, registry
from lakehouse.errors import TableDefinitionError
from lakehouse.reporting.definitions import REPOSITORY, problems


def told(found):
    return [f"{each.where}: {each.what}" for each in found]


def test_the_committed_definitions_are_right():
    assert told(problems(registry())) == []


def test_a_table_without_a_test_and_files_that_lag_behind_are_told_together(tmp_path):
    tests = tmp_path / "spark/tests/tables"
    (tests / "mirrors").mkdir(parents=True)
    (tests / "test_bronze_conversions.py").write_text("")
    (tests / "mirrors/test_mirror.py").write_text(
        "found = rows(spark, stickiness, [])\n# TODO: more"
    )
    (tmp_path / "airflow").mkdir()
    (tmp_path / "airflow/manifest.json").write_text("{}")
    found = told(problems(registry(), tmp_path))
    assert "spark/tests/tables/mirrors/test_mirror.py:2: TODO: more" in found
    untested = [line for line in found if "no test calls" in line]
    assert len(untested) == len(registry().entries) - 2
    assert any("write spark/tests/tables/test_bronze_user_signups.py" in line for line in untested)
    assert found[-1].startswith("airflow/manifest.json: ")
    (tmp_path / "airflow/manifest.json").write_text(manifest_text(registry()))
    assert len(problems(registry(), tmp_path)) == len(found) - 1


def test_a_broken_definition_is_told_once_with_what_reads_it():
    file = str(REPOSITORY / "spark/lakehouse/tables/gold/a.py")
    error = TableDefinitionError(f"gold.a: wrong ({file}:7)", file=file, line=7)
    broken = Registry(registry().entries, {"gold.a": error, "gold.b": error})
    assert told(problems(broken)) == [
        "spark/lakehouse/tables/gold/a.py:7: gold.a: wrong",
        "spark/lakehouse/tables/gold/a.py:7: disables the tables that read it: gold.b",
    ]
