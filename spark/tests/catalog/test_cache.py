"""Declarations kept beside the package: made once, and anew when a file changed; never an error."""

from __future__ import annotations

import os
import pickle
import sys
import time

import pytest

from lakehouse.catalog import cache
from lakehouse.catalog.fingerprint import our_code
from lakehouse.catalog.registry import declared


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two files that are older than this process."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    monkeypatch.setattr(cache, "_LOADED_NS", time.time_ns() + 10**12)
    (tmp_path / "tables").mkdir()
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "tables/a.py").write_text("A = 1\n")
    return tmp_path


@pytest.fixture
def look_up(package):
    """What is looked up, and how often it had to be made for that."""
    calls = []

    def make():
        calls.append(1)
        return {"a": calls[-1]}

    def look():
        made = len(calls)
        assert cache.cached(package, make) == {"a": 1}
        return len(calls) - made

    return look


def test_it_is_made_once(package, look_up):
    assert [look_up(), look_up(), look_up()] == [1, 0, 0]
    assert [path.name for path in cache.place_of(package).parent.iterdir()] == [
        f"registry.{sys.implementation.cache_tag}.pickle"
    ]


def write_more(package):
    (package / "tables/a.py").write_text("A = 11\n")


def touch(package):
    os.utime(package / "tables/a.py", (1, 1))


def add(package):
    (package / "tables/b.py").write_text("")


def remove(package):
    (package / "__init__.py").unlink()


@pytest.mark.parametrize("change", [write_more, touch, add, remove])
def test_another_file_of_the_package_makes_it_anew(package, look_up, change):
    look_up()
    change(package)
    assert [look_up(), look_up()] == [1, 0]


def test_a_package_at_another_place_has_its_own(package, look_up, tmp_path_factory):
    look_up()
    moved = package.rename(tmp_path_factory.mktemp("other") / "package")
    assert cache.cached(moved, lambda: "made") == "made"


@pytest.mark.parametrize("content", [b"", b"short", None], ids=["empty", "other", "cut off"])
def test_what_cannot_be_read_is_made_anew(package, look_up, content):
    look_up()
    place = cache.place_of(package)
    place.write_bytes(place.read_bytes()[:-3] if content is None else content)
    assert [look_up(), look_up()] == [1, 0]


def test_where_nothing_can_be_written_it_is_made_each_time(package, look_up):
    cache.place_of(package).parent.write_text("a file where the folder should be")
    assert [look_up(), look_up()] == [1, 1]


def test_what_cannot_be_pickled_is_made_each_time(package):
    made = cache.cached(package, lambda: lambda: 1)
    assert made() == 1
    assert list(cache.place_of(package).parent.iterdir()) == []


def test_who_wants_no_bytecode_gets_no_file(package, look_up, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert [look_up(), look_up()] == [1, 1]
    assert not cache.place_of(package).parent.exists()


def test_files_changed_since_this_process_began_may_not_be_those_it_runs(
    package, look_up, monkeypatch
):
    look_up()
    monkeypatch.setattr(cache, "_LOADED_NS", time.time_ns() - 10**12)
    assert [look_up(), look_up()] == [1, 1]


def test_an_error_of_a_table_module_is_the_callers(package):
    def broken():
        raise ValueError("a table")

    with pytest.raises(ValueError, match="a table"):
        cache.cached(package, broken)


def test_the_real_declarations_come_back_with_their_tables_shared():
    found = pickle.loads(pickle.dumps(declared(our_code())))  # noqa: S301  # our own
    for entry in found.values():
        named = [*entry.table.upstream, *(each.table for each in entry.table.valid_at)]
        named += [entry.table.as_of.table] if entry.table.as_of else []
        assert all(each is found[each.name].table for each in named)
        assert callable(entry.transform)
