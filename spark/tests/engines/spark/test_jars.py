"""Jars are fetched once; what is there stays as it is."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from lakehouse.engines.spark import jars
from lakehouse.engines.spark.classes import archive_path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LAKEHOUSE_JARS_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def asked(monkeypatch):
    """What the resolver was asked for; it finds everything."""
    asked: list[str] = []

    started = subprocess.run

    def run(command, **options):
        if "--packages" not in command:  # which Java is there
            return started(command, **options)
        coordinates = command[command.index("--packages") + 1].split(",")
        (home,) = (each.partition("=")[2] for each in command if "spark.jars.ivy" in each)
        asked.extend(coordinates)
        Path(home, "jars").mkdir(parents=True)
        for coordinate in coordinates:
            group, artifact, version = coordinate.split(":")
            Path(home, "jars", f"{group}_{artifact}-{version}.jar").write_text("fetched")
        return SimpleNamespace(stderr="")

    monkeypatch.setattr(subprocess, "run", run)
    return asked


def test_jars_for_s3_leave_those_of_delta_and_their_archive_alone(folder, asked):
    first = jars.resolve(jars.DELTA)
    for path in first:
        path.write_text("there")
        os.utime(path, (1, 1))
    archive = archive_path()
    every = jars.resolve(jars.COORDINATES)
    assert set(first) < set(every)
    assert {path.read_text() for path in first} == {"there"}
    assert archive_path() == archive
    assert jars.resolve(jars.COORDINATES) == every
    assert asked == [*jars.DELTA, *jars.COORDINATES]


def test_an_archive_is_made_for_the_jars_that_are_there(folder, asked):
    before = archive_path()
    first, *_ = jars.resolve(jars.DELTA)
    fetched = archive_path()
    os.utime(first, (1, 1))
    assert len({before, fetched, archive_path()}) == 3
