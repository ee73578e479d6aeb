"""Fixtures of the tests of queries: one world a test process."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pyarrow.compute as pc
import pytest
from api.query.query_world import World, marts

from lakehouse.serving.roles import READER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakehouse.io.postgres import Connection
    from lakehouse.serving.embedded import Embedded


@pytest.fixture(scope="session")
def world(server: Embedded) -> Iterator[World]:
    """Marts and canaries; no test changes them."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield World.made(server, "queried", Path(folder) / "canaries")


@pytest.fixture(scope="session")
def alone(server: Embedded) -> Iterator[World]:
    """The same, as if the tenant `acme` were the only one."""
    rows = marts()
    orders = rows["gold.orders"]
    rows["gold.orders"] = orders.filter(pc.equal(orders["tenant_id"], "acme"))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield World.made(server, "alone", Path(folder) / "canaries", rows)


@pytest.fixture
def opened(world: World) -> Iterator[Connection]:
    """A connection of the role that only reads."""
    with psycopg.connect(world.url(READER), autocommit=True) as connection:
        yield connection
