"""Rows of the ops tables on their way: some together, none for long, none lost."""

from __future__ import annotations

import time

import pytest

from lakehouse.engine import record
from lakehouse.engine.record import Books
from lakehouse.io import ops
from lakehouse.settings import load_settings

CHECK = {"run_id": "r", "table_name": "t", "check_name": "c", "passed": True}


@pytest.fixture
def settings(tmp_path):
    return load_settings(root=str(tmp_path))


def run(table):
    return {"run_id": "r", "table_name": table, "outcome": "updated"}


def written(settings):
    rows = ops.read(settings, "runs", "SELECT table_name FROM t ORDER BY table_name")
    return [row["table_name"] for row in rows]


def test_rows_of_several_tables_are_one_commit(settings):
    books = Books(settings)
    for table in "abc":
        books.add([CHECK], run(table))
    books.add([], None)
    assert written(settings) == []
    assert books.write() is None
    assert written(settings) == ["a", "b", "c"]
    assert len(ops.read(settings, "quality_results", "SELECT * FROM t")) == 3
    writes = [each for each in ops.commits(settings.table_uri("ops.runs"), 9) if each["version"]]
    assert writes == []  # the first commit makes the table, too


def test_none_waits_for_a_table_that_takes_long(settings, monkeypatch):
    monkeypatch.setattr(record, "LONGEST_WAIT_S", 0.05)
    books = Books(settings)
    books.add([], run("a"))
    deadline = time.monotonic() + 60
    while not written(settings) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert written(settings) == ["a"]
    books.add([], run("b"))
    books.write()
    assert written(settings) == ["a", "b"]


def test_what_the_lake_does_not_take_is_told_and_waits_on(settings, monkeypatch):
    books = Books(settings)
    books.add([CHECK], run("a"))

    def full(*_):
        raise OSError("no space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(ops, "append", full)
        assert "no space left" in str(books.write())
    books.add([CHECK], run("b"))
    assert books.write() is None
    assert written(settings) == ["a", "b"]
    assert len(ops.read(settings, "quality_results", "SELECT * FROM t")) == 2
