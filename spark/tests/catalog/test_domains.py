"""A lake that is fed with one domain's files is whole without the tables of the other."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from lakehouse.catalog.domains import absent, in_use, is_spare
from lakehouse.catalog.registry import registry
from lakehouse.engine.plan import select
from lakehouse.errors import StorageError, UnknownTableError
from lakehouse.io.state import State, StateStore
from lakehouse.landing import files as landing
from lakehouse.settings import load_settings

EVERYTHING = select(registry(), [])


def tables_of(*domains):
    return [name for name in EVERYTHING if registry()[name].table.domain in domains]


GROWTH = tables_of("growth")
BOTH = tables_of("growth", "interactions")


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "raw").mkdir()
    return load_settings(root=str(tmp_path))


def due(settings, names=EVERYTHING):
    return in_use(registry(), settings, names)


def test_tables_of_a_domain_without_a_file_are_left_out(settings, tmp_path):
    (tmp_path / "raw/conversions.jsonl").write_text("")
    assert due(settings) == GROWTH
    assert 0 < len(GROWTH) < len(EVERYTHING)
    (tmp_path / "raw/user_metadata").mkdir()
    assert due(settings) == GROWTH
    (tmp_path / "raw/user_metadata/1.csv").write_text("user_id\n")
    assert due(settings) == BOTH


def test_a_domain_that_was_published_stays_when_its_files_are_gone(settings, tmp_path):
    (tmp_path / "raw/conversions.jsonl").write_text("")
    state = State(table="bronze.user_metadata", version=1, head=1, run_id="r", token=1)
    StateStore(settings).replace(replace(state, published_at="2026-01-01T00:00:00+00:00"))
    assert due(settings) == BOTH


def test_where_nothing_arrived_nothing_is_left_out_so_that_the_run_says_what_is_missing(settings):
    assert due(settings) == EVERYTHING


def test_a_domain_that_was_asked_for_alone_is_meant(settings, tmp_path):
    (tmp_path / "raw/conversions.jsonl").write_text("")
    assert due(settings, ["bronze.user_metadata"]) == ["bronze.user_metadata"]


def test_a_storage_that_does_not_answer_leaves_nothing_out(settings, tmp_path, monkeypatch):
    (tmp_path / "raw/conversions.jsonl").write_text("")  # else nothing is left out in any case

    def silent(*_):
        raise StorageError("no answer")

    monkeypatch.setattr(landing, "has_files", silent)
    assert due(settings) == EVERYTHING


def test_a_table_is_spare_when_only_other_domains_are_in_use(settings, tmp_path):
    def spare(name):
        return is_spare(registry(), settings, name)

    assert not spare("gold.daily_active_users"), "nothing arrived at all: something is missing"
    (tmp_path / "raw/conversions.jsonl").write_text("")
    assert spare("gold.daily_active_users")
    assert not spare("silver.user_dim")
    (tmp_path / "raw/user_metadata.csv").write_text("user_id\n")
    assert not spare("gold.daily_active_users")
    assert not spare("silver.user_dim"), "both are in use"


def test_a_name_that_is_no_table_is_not_spare_but_wrong(settings, tmp_path):
    (tmp_path / "raw/conversions.jsonl").write_text("")
    with pytest.raises(UnknownTableError, match=r"silver\.user_dim"):
        is_spare(registry(), settings, "silver.user")


def test_tables_of_an_optional_source_are_absent_until_it_arrives(settings, tmp_path):
    def missing(day=None):
        return absent(registry(), settings, EVERYTHING, day)

    assert missing() == {}, "nothing arrived at all: something is missing"
    (tmp_path / "raw/user_interactions.csv").write_text("")
    tables = {"bronze.user_metadata", "silver.user_profiles"}
    assert missing().keys() == tables
    assert set(due(settings)) == set(tables_of("interactions")) - tables
    (tmp_path / "raw/user_metadata").mkdir()
    (tmp_path / "raw/user_metadata/2026-01-05.csv").write_text("")
    assert missing() == {}
    assert missing(date(2026, 1, 4)).keys() == tables, "it is not due before its day"


def test_a_table_that_was_published_is_never_absent(settings, tmp_path):
    (tmp_path / "raw/user_interactions.csv").write_text("")
    StateStore(settings).publish(
        State(table="bronze.user_metadata", version=1, head=1, run_id="r", token=1)
    )
    assert absent(registry(), settings, EVERYTHING) == {}
