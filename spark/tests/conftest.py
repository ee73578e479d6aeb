"""Shared fixtures: one engine a test process, one small lake a test."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from chosen_engine import ON_DUCKDB  # the first that leads to PySpark
from turns import depth, today

from lakehouse import cli
from lakehouse.catalog import views
from lakehouse.catalog.registry import Registry, registry
from lakehouse.engine import plan
from lakehouse.engine.job import new_request
from lakehouse.engine.lake import Lake
from lakehouse.engine.outcome import Outcome
from lakehouse.engines.choice import host_of
from lakehouse.engines.duckdb.activation import activate
from lakehouse.engines.spark.session import FIRST_COMPILER_ONLY, start_session
from lakehouse.settings import Settings, current_settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pyspark.sql import SparkSession

pytest_plugins = [
    "turns",
    "serving.postgres_server",
    "streaming.kafka_server",
    "streaming.topic_records",
    "api.api_world",
]
FAST_JVM = ";".join(
    (
        f"spark.driver.extraJavaOptions=-XX:+UseSerialGC {FIRST_COMPILER_ONLY} -Duser.timezone=UTC",
        "spark.sql.shuffle.partitions=2",
        "spark.default.parallelism=2",
        "spark.sql.adaptive.enabled=false",
        "spark.databricks.delta.snapshotPartitions=1",
        # Tables of ten rows: compiling a query costs more than running it.
        "spark.sql.codegen.wholeStage=false",
        "spark.sql.codegen.factoryMode=NO_CODEGEN",
    )
)
TECHNICAL = ("_row_id", "_source_file", "_extra", "ingestion_timestamp")


HEAVY = {"crash", "concurrency", "cluster", "s3", "e2e", "notebook", "laws"}


if ON_DUCKDB:
    # Its modules import what only Spark has.
    collect_ignore = [str(Path(__file__).parent / "engines" / "spark")]


def pytest_itemcollected(item: pytest.Item) -> None:
    """What is Spark's own is marked by its folder, or by hand; on DuckDB it has no meaning.

    What a sample asks of DuckDB, too, it asks of Spark in turn.
    """
    if "engines/spark" in item.path.as_posix():
        item.add_marker("jvm")
    if ON_DUCKDB and item.get_closest_marker("jvm"):
        item.add_marker(pytest.mark.skip(reason="Spark's own"))
    own_turns = item.get_closest_marker("turns")
    if item.get_closest_marker("spark_too") and not ON_DUCKDB and not own_turns:
        item.add_marker(pytest.mark.turns(3))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Heavy files first and those without an engine last: no worker ends alone with a long one."""
    weights: dict[Path, int] = {}
    for item in items:
        marks = {mark.name for mark in item.iter_markers()} | {item.path.parent.name}
        weight = 2 if marks & HEAVY else int("spark" in marks)
        weights[item.path] = max(weights.get(item.path, 0), weight)
    items.sort(key=lambda item: -weights[item.path])


@pytest.fixture(scope="session", autouse=True)
def _clean_environment() -> Iterator[None]:
    """Settings of the developer's shell must not reach the tests."""
    kept = {
        name: os.environ.pop(name) for name in list(os.environ) if name.startswith("LAKEHOUSE_")
    }
    os.environ["TZ"] = "UTC"
    if ON_DUCKDB:
        os.environ["LAKEHOUSE_ENGINE"] = "duckdb"
    yield
    os.environ.update(kept)


@pytest.fixture(scope="session")
def spark(_clean_environment: None) -> Iterator[SparkSession]:
    """The engine of this test process."""
    if ON_DUCKDB:
        yield activate()
        return
    with tempfile.TemporaryDirectory() as scratch:
        conf = f"{FAST_JVM};spark.sql.warehouse.dir={scratch};spark.local.dir={scratch}"
        session = start_session(
            load_settings(spark_master="local[2]", driver_memory="1500m", spark_conf=conf)
        )
        yield session
        session.stop()


def engine_of(table: str, spark: SparkSession, store: Any = None) -> Any:
    """The engine as a run of a table uses it; it may have a store of the test's own."""
    engine = host_of(load_settings(), spark).engine(table)
    if store is not None:
        engine.__class__ = type("OfTest", (type(engine),), {"store": store})
    return engine


@dataclass
class LakeDriver:
    """A small lake on a temporary folder, driven as the command line drives it."""

    settings: Settings
    registry: Registry
    spark: SparkSession | None

    @property
    def raw(self) -> Path:
        return Path(self.settings.raw_uri)

    def open(self) -> Lake:
        return Lake(self.settings, self.registry, self.spark)

    def land(self, path: str, rows: Iterable[dict[str, Any] | str]) -> Path:
        """Write a landing file; a text is a line as it stands. `.json` makes an array."""
        target = self.raw / path
        target.parent.mkdir(parents=True, exist_ok=True)
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        if path.endswith(".json"):
            target.write_text("[" + ",\n".join(lines) + "]", encoding="utf-8")
        else:
            target.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return target

    def try_run(
        self, *selectors: str, as_of: str | None = None, full_refresh: bool = False
    ) -> dict[str, Outcome]:
        """Run tables; the outcomes by table, failures included."""
        names = plan.select(self.registry, selectors)
        day = date.fromisoformat(as_of) if as_of else None
        with self.open() as lake:
            outcomes = lake.run(names, new_request(as_of=day, full_refresh=full_refresh))
        return {outcome.table: outcome for outcome in outcomes}

    def run(
        self, *selectors: str, as_of: str | None = None, full_refresh: bool = False
    ) -> dict[str, Outcome]:
        """Run tables and insist that none failed."""
        outcomes = self.try_run(*selectors, as_of=as_of, full_refresh=full_refresh)
        for outcome in outcomes.values():
            assert outcome.error is None, f"{outcome.table}: {outcome.error}\n{outcome.trace}"
            assert outcome.outcome != "blocked", outcome
        return outcomes

    def rows(self, table: str, *columns: str, technical: bool = False) -> list[dict[str, Any]]:
        """Published rows of a table, in the order of its grain."""
        spec = self.registry[table].table
        found = views.peek(spec, self.settings, views.Wanted(n=1_000_000))
        names = columns or tuple(
            c.name for c in spec.stored_columns if technical or c.name not in TECHNICAL
        )
        return [{name: row[name] for name in names} for row in found]

    def version(self, table: str) -> int:
        """Published version."""
        state = self.open().states.published(table)
        assert state is not None
        return state.version

    def commits(self, table: str) -> int:
        """Commits in the table's log, published or not."""
        log = Path(self.settings.table_uri(table)) / "_delta_log"
        return len(list(log.glob("*.json")))


@pytest.fixture
def make_lake(spark: SparkSession, tmp_path: Path) -> Callable[..., LakeDriver]:
    """Make lakes on folders of their own."""

    def make(name: str = "lake", tables: Registry | None = None, **settings: Any) -> LakeDriver:
        root = tmp_path / name
        (root / "raw").mkdir(parents=True, exist_ok=True)
        return LakeDriver(
            load_settings(root=str(root), spark_master="local[2]", **settings),
            tables or registry(),
            spark,
        )

    return make


@pytest.fixture
def lake(make_lake: Callable[..., LakeDriver]) -> LakeDriver:
    """One empty lake."""
    return make_lake()


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Change a setting of this process; it goes back after the test."""

    def change(name: str, value: str) -> None:
        monkeypatch.setenv(f"LAKEHOUSE_{name}", value)
        current_settings.cache_clear()

    yield change
    monkeypatch.undo()
    current_settings.cache_clear()


def call_main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Exit code of `lakehouse …` in this process."""
    monkeypatch.setattr(sys, "argv", ["lakehouse", *arguments])
    try:
        cli.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def release(feature: str, day: str, version: str = "1.0", **more: Any) -> dict[str, Any]:
    """A landed feature release."""
    name = more.pop("name", feature.title())
    return {
        "feature_id": feature,
        "feature_name": name,
        "release_date": day,
        "version": version,
        **more,
    }


def in_turn(domains: Sequence[str], shift: int = 0) -> list[str]:
    """Domains of a slow test: all of them, or in a sample the one whose turn it is today (UTC).

    `LAW_DOMAIN` chooses one.

    Args:
        domains: Names of all.
        shift: Other tests of the day take another domain.
    """
    if chosen := os.environ.get("LAW_DOMAIN"):
        return [chosen]
    return some_of(domains, shift=shift)


def some_of(cases: Sequence[str], n: int = 1, shift: int = 0) -> list[str]:
    """Cases of a slow test: all of them, or in a sample those whose turn it is today (UTC).

    By the day, so that all processes of one run choose the same.

    Args:
        cases: All.
        n: How many a sample has.
        shift: Other tests of the day take others.
    """
    turn = n * today() + shift
    return depth([cases[(turn + each) % len(cases)] for each in range(n)], [*cases])


def signup(user: str, day: str = "2026-01-01", **more: Any) -> dict[str, Any]:
    """A landed signup."""
    return {
        "user_id": user,
        "email": f"{user}@example.org",
        "signup_date": day,
        "company_size": "11-50",
        "industry": "software",
        **more,
    }


def event(identity: str, user: str, feature: str, at: str, **more: Any) -> dict[str, Any]:
    """A landed usage event."""
    return {
        "event_id": identity,
        "user_id": user,
        "feature_id": feature,
        "feature_name": feature.title(),
        "event_type": "use",
        "event_timestamp": at,
        **more,
    }


def conversion(user: str, day: str, mrr: object = 49, **more: Any) -> dict[str, Any]:
    """A landed conversion."""
    return {
        "user_id": user,
        "conversion_date": day,
        "plan": "pro",
        "mrr": mrr,
        "signup_date": "2026-01-01",
        **more,
    }


def interaction(identity: str | None, user: str, at: str, **more: Any) -> dict[str, Any]:
    """A landed interaction; without an identity the field is missing."""
    known = {} if identity is None else {"interaction_id": identity}
    return known | {
        "user_id": user,
        "timestamp": at,
        "action_type": "VIEW",
        "page_id": "home",
        "duration_ms": 1000,
        "app_version": "1.0",
        **more,
    }


def metadata(user: str, updated_at: str | None, **more: Any) -> dict[str, Any]:
    """A landed state of a user's metadata; without a moment the field is missing."""
    told = {} if updated_at is None else {"updated_at": updated_at}
    return {
        "user_id": user,
        "join_date": "2026-01-01",
        "country": "DE",
        "device_type": "desktop",
        "subscription_type": "free",
        **told,
        **more,
    }
