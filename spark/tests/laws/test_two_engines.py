"""Law 9: Spark and DuckDB make equal rows of the same deliveries, alone and in turn on one lake."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from deltalake import DeltaTable
from e2e.support import lakehouse, rejects
from laws.test_laws import MOST_TABLES, seed
from laws.world import batches, land_batch, make_world

from conftest import LakeDriver, depth, in_turn, some_of
from lakehouse.catalog.registry import registry
from lakehouse.engine import plan
from lakehouse.engines.spark import store
from lakehouse.io import delta_log
from lakehouse.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyspark.sql import SparkSession

pytestmark = [
    pytest.mark.spark,
    pytest.mark.timeout(2400),  # twelve runs of 29 tables, six of them on Spark
    pytest.mark.jvm,  # Spark runs in this process, DuckDB beside it
]
DOMAINS = in_turn(sorted({entry.table.domain for entry in registry()}), 2)
_OURS = [entry.table.name for entry in registry() if entry.table.domain in DOMAINS]
ASKED = some_of(_OURS, min(len(_OURS), 2 * MOST_TABLES * len(DOMAINS)))
TABLES = [name for name in plan.select(registry(), [f"+{each}" for each in ASKED]) if name in _OURS]
OF_WRITERS = {"appendOnly", "invariants", "checkConstraints", "changeDataFeed", "generatedColumns"}
"""What writers of version 4 know, which delta-rs asks for; Spark names those it uses."""
TURNS = depth(2, 3)
WAYS = {"spark": "sss", "duckdb": "ddd", "in turn": "sds"} | (
    {"in the other turn": "dsd"} if depth(0, 1) else {}
)
"""Which engine takes each of the deliveries, as far as there are turns."""


@dataclass
class Twice:
    """The same deliveries, processed in each of the ways."""

    lakes: dict[str, LakeDriver]
    seed: int


def run(lake: LakeDriver, engine: str) -> dict[str, dict[str, Any]]:
    """Run the tables; the outcomes by table."""
    if engine == "s":
        return {name: vars(outcome) for name, outcome in lake.run(*TABLES).items()}
    done = lakehouse(lake, "run", *TABLES, "--json", engine="duckdb")
    assert done.code == 0, done.err
    return {row["table"]: row for row in json.loads(done.out)}


@pytest.fixture(scope="module")
def delivered(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Twice]:
    """Lakes of a domain, made once."""
    made: dict[str, Twice] = {}

    def of(domain: str) -> Twice:
        if domain not in made:
            made[domain] = build(tmp_path_factory.mktemp(domain), spark, domain)
        return made[domain]

    return of


def build(root: Path, spark: SparkSession, domain: str) -> Twice:
    number = seed()
    world = make_world(registry(), domain, number)
    lakes = {}
    for way, engines in WAYS.items():
        settings = load_settings(root=str(root / way.replace(" ", "_")))
        lake = lakes[way] = LakeDriver(settings, registry(), spark)
        with pytest.MonkeyPatch.context() as patch:
            if way == "spark":  # here it commits by itself, as it does with many rows
                patch.setattr(store, "FEW_ROWS", -1)
            for turn, batch in enumerate(batches(world, number, TURNS)):
                land_batch(lake, batch, turn)
                run(lake, engines[turn])
    return Twice(lakes, number)


@pytest.mark.parametrize("table", TABLES)
def test_every_way_ends_in_the_same_rows(delivered, table):
    twice = delivered(registry()[table].table.domain)
    expected = twice.lakes["spark"].rows(table, technical=False)
    for way, lake in twice.lakes.items():
        assert lake.rows(table) == expected, f"{way}, LAW_SEED={twice.seed}"


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_way_rejects_the_same_rows(delivered, domain):
    lakes = delivered(domain).lakes
    landed = [name for name in TABLES if registry()[name].table.source]
    rejected = {way: {name: rejects(lake, name) for name in landed} for way, lake in lakes.items()}
    assert any(rejected["spark"].values())
    for way in WAYS:
        assert rejected[way] == rejected["spark"], way


@pytest.mark.parametrize("domain", DOMAINS)
def test_each_engine_continues_what_the_other_published(delivered, domain):
    lakes = delivered(domain).lakes
    for way, other in (("spark", "d"), ("duckdb", "s")):
        outcomes = run(lakes[way], other)
        states = {name: str(each["outcome"]) for name, each in outcomes.items()}
        assert set(states.values()) == {"unchanged"}, states


@pytest.mark.parametrize("table", TABLES)
def test_both_engines_make_the_same_kind_of_table(delivered, table):
    lakes = delivered(registry()[table].table.domain).lakes
    spark, duckdb = (about(lakes[way], table) for way in ("spark", "duckdb"))
    assert duckdb == spark


def about(lake: LakeDriver, table: str) -> dict[str, Any]:
    """What Delta's log says of a table."""
    uri = lake.settings.table_uri(table)
    stored = DeltaTable(uri)
    pii = {column.name for column in lake.registry[table].table.columns if column.pii}
    seen: set[str] = set()
    for version in range(stored.version() + 1):
        for action in delta_log.actions(uri, version):
            stats = json.loads(action.get("add", {}).get("stats") or "{}")
            seen |= {*stats.get("minValues", {}), *stats.get("nullCount", {})}
    assert not pii & seen
    notes = delta_log.notes(uri, stored.version() - 1, stored.version())[0]
    protocol = stored.protocol()
    assert set(protocol.writer_features or ()) <= OF_WRITERS
    return {
        "schema": json.loads(stored.schema().to_json()),
        "configuration": stored.metadata().configuration,
        "reader": (protocol.min_reader_version, protocol.reader_features),
        "a commit says": set(notes),
    }
