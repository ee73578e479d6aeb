"""What `lakehouse new` writes runs as it is, and says what is left to do."""

from __future__ import annotations

import importlib.util

import pytest
from tables.mirror import rows

from lakehouse.catalog.definitions import assert_names_exist
from lakehouse.catalog.registry import registry
from lakehouse.errors import ConfigError
from lakehouse.reporting.definitions import TODO
from lakehouse.reporting.skeletons import TABLES, domain_files, table_files, write

VIEWS = "gold.views_of_pages"


def module_of(folder, path):
    found = importlib.util.spec_from_file_location("skeleton", folder / path)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture
def repository(tmp_path):
    (tmp_path / TABLES).mkdir(parents=True)
    return tmp_path


@pytest.mark.spark
def test_a_table_is_whole_but_for_its_todos(spark, repository):
    files = table_files(registry(), VIEWS, ["silver.interactions", "silver.user_days"], None)
    assert write(files, repository) == list(files)
    module = module_of(repository, f"{TABLES}/gold/views_of_pages.py")
    assert_names_exist(module.TABLE)
    assert [each.name for each in module.TABLE.inputs] == [
        "silver.interactions",
        "silver.user_days",
    ]
    assert module.TABLE.domain == "interactions"
    given = [{"interaction_id": "a"}, {"interaction_id": "b"}, {"interaction_id": "a"}]
    found = rows(spark, module, given, [])
    assert [tuple(row.values()) for row in found] == [("a", 2), ("b", 1)]
    assert all(TODO in text for text in files.values())


def test_a_domain_starts_with_a_source_and_ends_in_a_mart(repository):
    files = domain_files(registry(), "shop")
    write(files, repository)
    layers = [path.split("/")[-2:] for path in files if path.startswith(TABLES)]
    assert layers == [
        ["bronze", "shop_events.py"],
        ["silver", "shop_user_days.py"],
        ["gold", "shop_days.py"],
    ]
    bronze = module_of(repository, f"{TABLES}/bronze/shop_events.py")
    assert_names_exist(bronze.TABLE)
    assert (bronze.TABLE.domain, bronze.TABLE.day) == ("shop", "event_date")
    assert len(files) == 6


@pytest.mark.parametrize(
    ("name", "inputs", "says"),
    [
        ("views", [], "<layer>.<noun>"),
        ("gold.Views", ["silver.sessions"], "lower-case letters"),
        ("gold.class", ["silver.sessions"], "not a table name"),
        ("gold.stickiness", ["silver.sessions"], "exists already"),
        (VIEWS, [], "--from"),
        (VIEWS, ["silver.session"], "Did you mean silver.sessions"),
        ("bronze.views", ["silver.sessions"], "leave out --from"),
    ],
)
def test_a_table_that_cannot_be_is_refused(name, inputs, says):
    with pytest.raises(ConfigError, match=says):
        table_files(registry(), name, inputs, None)


def test_nothing_is_written_over(repository):
    files = domain_files(registry(), "shop")
    write(files, repository)
    with pytest.raises(ConfigError, match="exists already"):
        write(files, repository)
    with pytest.raises(ConfigError, match="clone"):
        write(files, repository / "elsewhere")


def test_a_domain_stands_once():
    with pytest.raises(ConfigError, match="domain growth exists already"):
        domain_files(registry(), "growth")
