"""A real PostgreSQL for the tests of serving: one a test process, emptied before each test."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from serving.toys import ToyLake

from lakehouse.serving.ddl import READER
from lakehouse.serving.embedded import WRITER, Embedded
from lakehouse.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def running() -> Iterator[Embedded]:
    """A database server of our own, on a folder that its user can reach."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        embedded = Embedded.of(load_settings(root=folder))
        assert embedded.home.parent == Path(folder)
        embedded.up()
        try:
            yield embedded
        finally:
            embedded.down()


@pytest.fixture(scope="session")
def server() -> Iterator[Embedded]:
    """The server that tests share. Who holds its address counts on it: no test stops it."""
    with running() as embedded:
        yield embedded


@pytest.fixture
def own_server() -> Iterator[Embedded]:
    """A server that a test may stop and start again."""
    with running() as embedded:
        yield embedded


@pytest.fixture
def writer(server: Embedded) -> str:
    """URL of the role that publishes, to a database without tables."""
    url = server.url(WRITER)
    assert url
    with psycopg.connect(url, autocommit=True) as opened:
        for schema in ("gold", "silver", "ops", "staging", "partitions"):
            opened.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    return url


@pytest.fixture
def reader(server: Embedded, writer: str) -> Iterator[psycopg.Connection]:
    """A connection of the role that only reads."""
    assert writer
    url = server.url(READER)
    assert url
    with psycopg.connect(url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def toys(tmp_path: Path) -> ToyLake:
    """A lake of one served table."""
    os.environ.pop("LAKEHOUSE_FAULT", None)
    return ToyLake(load_settings(root=str(tmp_path)))
