"""Marts on a real PostgreSQL and in DuckDB, and canaries around them: what no query may find.

Each canary is a text that stands nowhere else: in a table of another schema, in a table of records
that the reader may read, in names and comments of the catalogs, in a setting, in a large object, in
files that either server could open, and in a variable of this process. Whoever shows one has read
what he must not; whoever changes a `fingerprint` has written.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
from pyarrow import csv, parquet

from lakehouse.api.query.guard import published
from lakehouse.catalog.registry import registry
from lakehouse.io import postgres
from lakehouse.io.sql import literal, quoted
from lakehouse.serving.ddl import sql_type
from lakehouse.serving.embedded import Embedded
from lakehouse.serving.roles import READER, WRITER

CANARY = "canary_7f3a"
REAL = (
    *("gold.web_kpis", "gold.page_metrics", "gold.page_performance", "gold.traffic_sources"),
    *("gold.cohort_retention", "gold.funnel_conversion", "gold.daily_active_users"),
    *("gold.revenue", "gold.web_customers"),
)
ORDERS = {
    "order_id": "bigint",
    "tenant_id": "string",
    "ordered_on": "date",
    "ordered_at": "timestamp",
    "amount": "decimal(18,2)",
    "weight_kg": "double",
    "note": "string",
}
"""The one mart with tenants; real ones have none yet."""
RELATIONS = {name: published(registry())[name] for name in REAL} | {"gold.orders": ORDERS}
ARROW = {
    "string": pa.string(),
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "decimal(18,2)": pa.decimal128(18, 2),
}
TEXTS = ("all", "mobile", "desktop", "DE", "é✓", "it's", 'a "b"', "50%_off", "back\\slash", "")
DAY = date(2026, 1, 28)
N_ROWS = 300
_NUMBERS = itertools.count()


def marts() -> dict[str, pa.Table]:
    """Rows of every mart: small domains, so that keys meet, and nulls where nobody needs a key."""
    rng = random.Random(21)
    made = {}
    for name, columns in RELATIONS.items():
        n = N_ROWS if name != "gold.orders" else 60
        values = {
            column: pa.array([_value(rng, column, kind, i) for i in range(n)], ARROW[kind])
            for column, kind in columns.items()
        }
        made[name] = pa.table(values)
    return made


def _value(rng: random.Random, column: str, kind: str, i: int) -> Any:
    if column == "tenant_id":
        return ("acme", "globex")[i % 2]
    if column in {"order_id", "visitor_id"}:
        return str(i) if kind == "string" else i
    if rng.random() < 0.1:
        return None
    day = DAY + timedelta(days=rng.randrange(40))
    return {
        "string": lambda: rng.choice(TEXTS),
        "boolean": lambda: rng.random() < 0.5,
        "int": lambda: rng.randrange(-5, 20),
        "bigint": lambda: rng.randrange(-5, 10_000),
        "double": lambda: rng.choice([0.285, 2.5, 3.5, -1.25, 1 / 3, rng.random() * 1000]),
        "date": lambda: day,
        "timestamp": lambda: (
            datetime(day.year, day.month, day.day, tzinfo=UTC)
            + timedelta(microseconds=rng.randrange(86_400_000_000))
        ),
        "decimal(18,2)": lambda: Decimal(rng.randrange(-1_000, 1_000_000)) / 100,
    }[kind]()


@dataclass(frozen=True)
class World:
    """Where the marts and the canaries are."""

    server: Embedded
    database: str
    files: Path
    marts: dict[str, pa.Table]

    @classmethod
    def made(
        cls, server: Embedded, database: str, files: Path, rows: dict[str, pa.Table] | None = None
    ) -> World:
        """Make a database and a folder of canaries."""
        database = f"{database}_{next(_NUMBERS)}"  # each module of tests makes its own
        world = cls(server, database, files, rows or marts())
        with psycopg.connect(server.url("postgres"), autocommit=True) as opened:
            opened.execute(f"CREATE DATABASE {database} OWNER {WRITER}")
            opened.execute(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
            opened.execute(f"GRANT CONNECT ON DATABASE {database} TO {READER}")
            opened.execute(f"ALTER DATABASE {database} SET canary.setting = '{CANARY}'")
        with psycopg.connect(world.url("postgres"), autocommit=True) as opened:
            for statement in _canaries_of_postgres():
                opened.execute(statement)
        with psycopg.connect(world.url(WRITER), autocommit=True) as opened:
            _load(opened, world.marts)
        world._write_files()
        return world

    def url(self, role: str) -> str:
        """How a role connects."""
        url = self.server.url(role)
        assert url
        return f"{url.rpartition('/')[0]}/{self.database}"

    def path(self, name: str) -> str:
        """A file of canaries, or one that must not come to be."""
        return str(self.files / name)

    def placed(self, statement: str) -> str:
        """A hostile statement with the places of this world in it."""
        placed = statement.replace("@FILES", str(self.files)).replace("@CANARY", CANARY)
        return placed.replace("@DATABASE", self.database)

    def fingerprint(self) -> str:
        """Of everything that a query could change."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as opened:
            state = [opened.execute(query).fetchall() for query in _STATE]
        files = sorted(
            (str(path), path.read_bytes()) for path in self.files.rglob("*") if path.is_file()
        )
        return hashlib.sha256(repr((state, files)).encode()).hexdigest()

    def _write_files(self) -> None:
        """The folder is the servers' own to read and write: only they keep out of it."""
        self.files.mkdir(parents=True, exist_ok=True)
        self.files.chmod(0o777)
        found = pa.table({"found": [CANARY]})
        csv.write_csv(found, self.path("secret.csv"))
        parquet.write_table(found, self.path("secret.parquet"))
        Path(self.path("secret.json")).write_text(f'{{"found": "{CANARY}"}}')
        Path(self.path("secret.txt")).write_text(CANARY)
        with duckdb.connect(self.path("secret.duckdb")) as opened:
            opened.execute(f"CREATE TABLE secret AS SELECT '{CANARY}' AS found")
        for path in self.files.iterdir():
            path.chmod(0o666)


def shows_canary(rows: Any) -> bool:
    """Whether somebody has read what he must not."""
    return CANARY in str(rows).lower()


def _canaries_of_postgres() -> list[str]:
    return [
        "CREATE SCHEMA ops",
        f"CREATE TABLE ops.records AS SELECT '{CANARY}'::text AS found",
        f"GRANT USAGE ON SCHEMA ops TO {READER}",
        f"GRANT SELECT ON ops.records TO {READER}",  # as publications are: readable, not published
        f"CREATE SCHEMA {CANARY}",
        f"CREATE TABLE {CANARY}.{CANARY} AS SELECT '{CANARY}'::text AS {CANARY}",
        f"COMMENT ON TABLE {CANARY}.{CANARY} IS '{CANARY}'",
        f"CREATE FUNCTION public.shout() RETURNS text LANGUAGE sql AS $$ SELECT '{CANARY}' $$",
        f"CREATE VIEW public.peek AS SELECT '{CANARY}' AS found",
        "GRANT USAGE ON SCHEMA public TO PUBLIC",
        "GRANT SELECT ON public.peek TO PUBLIC",
        f"SELECT lo_from_bytea(4242, '{CANARY}')",
        "GRANT SELECT ON LARGE OBJECT 4242 TO PUBLIC",
        "CREATE SEQUENCE public.counter",
        "GRANT USAGE, UPDATE ON SEQUENCE public.counter TO PUBLIC",
    ]


_STATE = (
    "SELECT oid::text, relname, relacl::text FROM pg_class WHERE relpersistence = 'p' ORDER BY oid",
    "SELECT rolname, rolsuper, rolconfig::text FROM pg_roles ORDER BY rolname",
    "SELECT setdatabase::text, setrole::text, setconfig::text FROM pg_db_role_setting ORDER BY 1,2",
    "SELECT oid::text, proname FROM pg_proc WHERE oid >= 16384 ORDER BY oid",
    "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp' ORDER BY 1",
    "SELECT extname FROM pg_extension ORDER BY 1",
    "SELECT datname FROM pg_database ORDER BY 1",
    "SELECT loid::text, data::text FROM pg_largeobject ORDER BY loid, pageno",
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'",
    "SELECT last_value, is_called FROM public.counter",
    "SELECT * FROM ops.records",
    *(
        f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {name} AS t"
        for name in RELATIONS
    ),
)


def _load(opened: postgres.Connection, made: dict[str, pa.Table]) -> None:
    opened.execute("CREATE SCHEMA gold")
    opened.execute(f"GRANT USAGE ON SCHEMA gold TO {READER}")
    for name, table in made.items():
        columns = ", ".join(f"{quoted(c)} {sql_type(k)}" for c, k in RELATIONS[name].items())
        opened.execute(f"CREATE TABLE {name} ({columns})")
        opened.execute(f"COMMENT ON TABLE {name} IS {literal(CANARY)}")
        postgres.copy(opened, name, table)
        opened.execute(f"GRANT SELECT ON {name} TO {READER}")
