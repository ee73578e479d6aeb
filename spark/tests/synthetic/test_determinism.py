"""Same arguments, same bytes: on every run, in every process and for every size of portion."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from lakehouse.synthetic import Arguments, generate, growth, source
from lakehouse.synthetic.writer import Rows

from .conftest import SCRIPT

SMALL = Arguments(users=200, events=2_000, days=20, dirty=0.05)


def hashes(folder):
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file()
    }


def clean_lines(folder, name):
    """All distinct lines of a source."""
    files = [*folder.glob(f"{name}.*"), *folder.glob(f"{name}/*")]
    return {line for file in files for line in file.read_text("utf-8").splitlines()}


@pytest.mark.parametrize(
    "arguments",
    [SMALL, replace(SMALL, gzip=True), replace(SMALL, daily=True), replace(SMALL, dirty=0.0)],
    ids=["single", "gzip", "daily", "clean"],
)
def test_the_same_arguments_give_the_same_bytes(arguments, tmp_path):
    for name in ("one", "two"):
        generate(arguments, tmp_path / name)
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")


AS_PROGRAM = """
import runpy, sys
del sys.argv[0]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    assert "pyspark" not in sys.modules
"""


def test_another_process_with_another_hash_seed_gives_the_same_bytes_without_spark(tmp_path):
    generate(SMALL, tmp_path / "here")
    options = ("--users", "200", "--events", "2000", "--days", "20", "--dirty", "0.05")
    subprocess.run(
        [sys.executable, "-c", AS_PROGRAM, str(SCRIPT), "--out", str(tmp_path / "there"), *options],
        env=os.environ | {"PYTHONHASHSEED": "5", "OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
    )
    assert hashes(tmp_path / "here") == hashes(tmp_path / "there")


def test_the_bytes_do_not_depend_on_the_size_of_portions(tmp_path, monkeypatch):
    generate(SMALL, tmp_path / "large")
    largest = []
    write = Rows.write

    def measured(self, lines):
        largest.append(len(lines))
        write(self, lines)

    monkeypatch.setattr(source, "SLICE_ROWS", 17)
    monkeypatch.setattr(growth, "SLICE_ROWS", 17)
    monkeypatch.setattr(Rows, "write", measured)
    generate(SMALL, tmp_path / "small")
    assert hashes(tmp_path / "large") == hashes(tmp_path / "small")
    assert max(largest) <= 17


def test_another_seed_gives_other_data(tmp_path):
    generate(SMALL, tmp_path / "one")
    generate(replace(SMALL, seed=43), tmp_path / "two")
    one, two = hashes(tmp_path / "one"), hashes(tmp_path / "two")
    assert [path for path in one if one[path] == two[path]] == []


def test_compressed_files_hold_the_same_bytes(tmp_path):
    generate(SMALL, tmp_path / "plain")
    generate(replace(SMALL, gzip=True), tmp_path / "zipped")
    for file in (tmp_path / "zipped").glob("*.gz"):
        plain = tmp_path / "plain" / file.name.removesuffix(".gz")
        assert gzip.decompress(file.read_bytes()) == plain.read_bytes()


@pytest.mark.parametrize(
    "name", ["feature_usage_events", "user_interactions", "user_metadata", "currency_rates"]
)
def test_daily_files_hold_the_lines_of_the_single_file(name, tmp_path):
    generate(SMALL, tmp_path / "single")
    generate(replace(SMALL, daily=True), tmp_path / "daily")
    assert clean_lines(tmp_path / "single", name) == clean_lines(tmp_path / "daily", name)


@pytest.mark.parametrize("domain", ["growth", "interactions", "web"])
def test_a_domain_alone_is_the_same_as_in_company(domain, tmp_path):
    generate(SMALL, tmp_path / "all")
    generate(replace(SMALL, domains=(domain,)), tmp_path / "alone")
    together, alone = hashes(tmp_path / "all"), hashes(tmp_path / "alone")
    rows = [path for path in alone if path not in {"truth.json", ".generated.json"}]
    assert rows
    assert all(alone[path] == together[path] for path in rows)
