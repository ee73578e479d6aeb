"""A lake of the marts that the API tells, of two tenants, and the API on it as a real server.

Every number of version k of a table is k, and every text of a tenant holds the tenant's name: who
mixes versions or tenants shows both.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pyarrow as pa
import pytest
import uvicorn
from api.outages import redis_server
from deltalake import write_deltalake
from psycopg.conninfo import make_conninfo

from lakehouse.api.app import app_of
from lakehouse.api.endpoints import catalogue, growth, people, web
from lakehouse.api.keys import Keys
from lakehouse.api.lake_marts import LakeMarts
from lakehouse.api.listing import Listing
from lakehouse.api.marts import TENANT
from lakehouse.api.postgres_marts import PostgresMarts
from lakehouse.api.roles import Role
from lakehouse.catalog.registry import Registry, registry
from lakehouse.engines.ports import LOOPBACK
from lakehouse.io import delta_log
from lakehouse.io.arrow import arrow_type
from lakehouse.io.state import State, StateStore
from lakehouse.serving.publish import publish
from lakehouse.serving.roles import READER, WRITER
from lakehouse.settings import Settings, load_settings
from lakehouse.spec import STRING, Column

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

    from lakehouse.api.marts import Marts
    from lakehouse.serving.embedded import Embedded

TENANTS = ("acme", "blue")
FIRST_DAY = date(2026, 11, 1)
DAYS = 4
PLAIN_KEYS = {  # what endpoints ask for by name
    "page_id": "home",
    "funnel_id": "checkout",
    "kpi": "bounce_rate",
    "view": "all",
    "visitor_id": "u 1/x",
    "dimension_name": None,
    "dimension_value": None,
    "device_type": None,
    "country": None,
}
LISTINGS = [
    listing
    for module in (web, people, growth, catalogue)
    for listing in vars(module).values()
    if isinstance(listing, Listing)
] + [web.TRAFFIC_SOURCES.listing, web.DEVICES.listing]
TABLES = sorted({table for listing in LISTINGS for table in listing.tables})


def tenanted() -> Registry:
    """The tables of the endpoints, each with a tenant."""
    known = registry()
    entries = {}
    for name in TABLES:
        table = known[name].table
        owned = Column(TENANT, STRING, "Whose row it is.", nullable=False)
        write = replace(table.write, keys=(*table.write.grain, TENANT))
        entries[name] = replace(
            known[name],
            table=replace(table, columns=(*table.columns, owned), write=write),
        )
    return Registry(entries)


@dataclass
class World:
    """The lake."""

    settings: Settings
    registry: Registry

    def rows(self, name: str, k: int, tenant: str) -> list[dict[str, Any]]:
        """The rows of a tenant in version k of a table."""
        table = self.registry[name].table
        return [
            {column.name: self._value(name, column, i, k, tenant) for column in table.columns}
            for i in range(DAYS)
        ]

    def _value(self, table: str, column: Column, i: int, k: int, tenant: str) -> Any:
        given = PLAIN_KEYS | {TENANT: tenant}
        if column.name in given and (column.nullable or given[column.name] is not None):
            return given[column.name]
        number = i if column.name in self.registry[table].table.write.grain else k
        values = {
            "string": f"{tenant} {column.name} {i}",
            "date": FIRST_DAY + timedelta(days=i),
            "timestamp": datetime(2026, 11, 1, 12, i, tzinfo=UTC),
            "boolean": i < DAYS - 1,
            "double": float(number),
            "bigint": number,
            "int": number,
        }
        return values.get(column.type, Decimal(number))

    def audit(self, name: str) -> int:
        """Commit the next version of a table and publish it in the lake; returns its number."""
        states, uri = StateStore(self.settings), self.settings.table_uri(name)
        before = states.published(name)
        k = before.version + 1 if before else 0
        rows = [row for tenant in TENANTS for row in self.rows(name, k, tenant)]
        columns = self.registry[name].table.columns
        schema = pa.schema(
            [pa.field(c.name, arrow_type(c.type), nullable=c.nullable) for c in columns]
        )
        write_deltalake(uri, pa.Table.from_pylist(rows, schema=schema), mode="overwrite")
        states.publish(
            State(
                table=name,
                version=k,
                table_id=delta_log.table_id(uri, k),
                head=k,
                run_id="r",
                token=0,
                rows=len(rows),
                as_of=(FIRST_DAY + timedelta(days=DAYS - 1)).isoformat(),
            )
        )
        return k

    def publish(self, url: str, *names: str, rebuild: bool = False) -> None:
        """Publish tables to a database."""
        publish(self.settings, self.registry, list(names or TABLES), url, rebuild=rebuild)

    def key(self, role: Role = Role.ADMIN, tenant: str = "*", **more: Any) -> dict[str, str]:
        """Headers of a new key."""
        word, _ = Keys(self.settings).create(role, tenant, **more)
        return {"Authorization": f"Bearer {word}"}

    def access(self, request: str) -> dict[str, Any]:
        """The line of a request, which is written when its answer is sent."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            for line in self.accesses():
                if line["request"] == request:
                    return line
            time.sleep(0.01)
        raise AssertionError(f"request {request} is not in the audit log")

    def accesses(self) -> list[dict[str, Any]]:
        """The audit log."""
        files = sorted(Path(self.settings.root_uri, "ops", "api_audit").glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def made(folder: Path, **settings: Any) -> World:
    """A world with one version of each table."""
    asked = {"api_rate": 1e6, "api_burst": 1_000_000} | settings
    world = World(load_settings(root=str(folder), **asked), tenanted())
    for name in TABLES:
        world.audit(name)
    return world


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The application on a port of its own; its URL."""
    config = uvicorn.Config(app, host=LOOPBACK, port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            assert time.monotonic() < deadline, "the server is slow"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://{LOOPBACK}:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


@contextmanager
def asking(world: World, marts: Marts | None = None, **settings: Any) -> Iterator[httpx.Client]:
    """A client of the API, with the key of an admin."""
    chosen = world.settings.model_copy(update=settings)
    app = app_of(chosen, marts or LakeMarts(chosen, world.registry), world.registry)
    with (
        serving(app) as url,
        httpx.Client(base_url=url, headers=world.key(), timeout=30) as client,
    ):
        yield client


@dataclass(frozen=True)
class Database:
    """A database of the tests of the API, on the server of the tests."""

    writer: str
    reader: str

    def marts(self, world: World, deadline_s: float = 2.0) -> PostgresMarts:
        """Its marts, as the API reads them."""
        return PostgresMarts(self.reader, world.registry, connections=4, deadline_s=deadline_s)

    def at(self, port: int) -> Database:
        """The same by another port of this machine."""
        return Database(*(make_conninfo(url, port=port) for url in (self.writer, self.reader)))


def database_of(server: Embedded, name: str) -> Database:
    """An empty database."""
    passwords = json.loads((server.home / "secrets.json").read_text())
    place = f"{LOOPBACK}:{server.port}"
    mighty = f"postgresql://postgres:{passwords['postgres']}@{place}/postgres"
    with psycopg.connect(mighty, autocommit=True) as opened:
        opened.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        opened.execute(f"CREATE DATABASE {name} OWNER {WRITER}")
        opened.execute(f"GRANT CONNECT ON DATABASE {name} TO {READER}")
    return Database(
        *(f"postgresql://{role}:{passwords[role]}@{place}/{name}" for role in (WRITER, READER))
    )


@pytest.fixture(scope="session")
def marts_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world that no test changes."""
    return made(tmp_path_factory.mktemp("marts"))


@pytest.fixture(scope="session")
def lake_api(marts_world: World) -> Iterator[httpx.Client]:
    """The API on the lake itself."""
    with asking(marts_world) as client:
        yield client


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a Redis or Valkey that no test stops."""
    binary = shutil.which("valkey-server") or shutil.which("redis-server")
    if binary is None:
        pytest.skip("neither valkey-server nor redis-server is installed")
    with redis_server(binary, tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture(scope="session")
def postgres_api(marts_world: World, server: Embedded) -> Iterator[httpx.Client]:
    """The API on a serving database."""
    database = database_of(server, "api_marts")
    marts_world.publish(database.writer)
    with asking(marts_world, database.marts(marts_world)) as client:
        yield client


@pytest.fixture(
    params=["lake_api", pytest.param("postgres_api", marks=pytest.mark.serving)],
    ids=["lake", "postgres"],
)
def api(request: pytest.FixtureRequest) -> httpx.Client:
    """The API on either."""
    return request.getfixturevalue(request.param)
