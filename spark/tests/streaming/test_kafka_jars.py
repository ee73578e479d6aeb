"""Kafka's jars are there as a whole or not at all."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from lakehouse.errors import ConfigError
from lakehouse.streaming import jars


@pytest.fixture
def resolver(monkeypatch, tmp_path):
    """A resolver that finds one jar and ends as the test wants; it counts how often it is asked."""
    monkeypatch.setenv("LAKEHOUSE_JARS_DIR", str(tmp_path / "jars"))
    told = SimpleNamespace(code=0, times=0)

    def fetch(coordinates, scratch):
        told.times += 1
        assert coordinates == (jars.KAFKA, jars.LOGGING)
        Path(scratch, "ivy", "jars").mkdir(parents=True)
        Path(scratch, "ivy", "jars", "kafka.jar").write_text("jar")
        return SimpleNamespace(returncode=told.code, stdout="", stderr="unresolved dependency")

    monkeypatch.setattr(jars, "fetch", fetch)
    return told


def test_they_are_fetched_once_and_stand_beside_the_scala_of_spark(resolver):
    assert jars.are_here() is False
    kafka, scala = jars.class_path().split(":")
    assert jars.class_path() == f"{kafka}:{scala}"
    assert resolver.times == 1
    assert kafka == f"{jars.kafka_folder()}/*"
    assert [path.name for path in jars.kafka_folder().iterdir()] == ["kafka.jar"]
    assert Path(scala).is_file()
    assert [path.name for path in jars.kafka_folder().parent.iterdir()] == [f"kafka-{jars.VERSION}"]


def test_what_cannot_be_had_leaves_nothing_and_is_asked_for_again(resolver):
    resolver.code = 1
    with pytest.raises(ConfigError, match="unresolved dependency"):
        jars.class_path()
    assert list(jars.kafka_folder().parent.iterdir()) == []
    resolver.code = 0
    assert jars.class_path()


def test_who_is_slower_takes_what_is_there(resolver, monkeypatch):
    theirs = jars.kafka_folder()
    fetch = jars.fetch

    def overtaken(coordinates, scratch):
        theirs.mkdir(parents=True)
        (theirs / "theirs.jar").write_text("jar")
        return fetch(coordinates, scratch)

    monkeypatch.setattr(jars, "fetch", overtaken)
    assert jars.class_path()
    assert [path.name for path in theirs.iterdir()] == ["theirs.jar"]
