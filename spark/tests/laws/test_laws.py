"""The laws, for every table of the registry: a new table is covered without a new test."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from chosen_engine import ON_DUCKDB
from laws.world import (
    batches,
    clocks_of,
    land_at_once,
    land_batch,
    make_world,
    sources_of,
    with_a_late_day,
)
from pyspark.sql import SparkSession

from conftest import LakeDriver, depth, event, in_turn, some_of
from lakehouse.catalog.registry import registry
from lakehouse.engine import plan
from lakehouse.engine.job import new_request
from lakehouse.engine.verify import verify
from lakehouse.engines.spark import layout
from lakehouse.io import ops
from lakehouse.settings import load_settings

EVERY = sorted({entry.table.domain for entry in registry()})
FEW_TABLES = [domain for domain in EVERY if domain != "web"]
WORLDS = in_turn(EVERY) if ON_DUCKDB else in_turn(depth(FEW_TABLES, EVERY), 1)
"""In a sample the web's 29 tables, seven runs of each, are left to DuckDB and to law 9."""
MOST_TABLES = 8 if ON_DUCKDB else 4
"""Of a domain, asked in a sample: the others have another day, where these do not need them."""
_OURS = [entry.table.name for entry in registry() if entry.table.domain in WORLDS]
ASKED = some_of(_OURS, min(len(_OURS), MOST_TABLES * len(WORLDS)))
DOMAINS = {
    name: registry()[name].table.domain
    for name in plan.select(registry(), [f"+{name}" for name in ASKED])
    if name in _OURS
}
pytestmark = [
    pytest.mark.spark,
    pytest.mark.spark_too,
    pytest.mark.timeout(1200),
    pytest.mark.turns(1),  # of the tables asked, all the same day: their lakes are made once
]


every_table = pytest.mark.parametrize("table", ASKED)
every_domain = pytest.mark.parametrize("domain", sorted({*DOMAINS.values()}))


@dataclass
class Delivered:
    """The same rows of a domain delivered twice: at once, and in pieces."""

    at_once: LakeDriver
    in_pieces: LakeDriver
    tables: list[str]
    seed: int


def seed() -> int:
    """A new world each run; LAW_SEED repeats one."""
    return int(os.environ.get("LAW_SEED", random.SystemRandom().randrange(10**6)))


def build(root: Path, spark: SparkSession, number: int, domain: str) -> Delivered:
    tables = [name for name, its in DOMAINS.items() if its == domain]
    world = make_world(registry(), domain, number)
    clocks = clocks_of(sources_of(registry(), domain))
    once, pieces = (
        LakeDriver(load_settings(root=str(root / domain / name)), registry(), spark)
        for name in ("once", "pieces")
    )
    land_at_once(once, world)
    once.run(*tables)
    others, late = with_a_late_day(world, clocks, number)
    first, second = batches(others, number, 2)
    land_batch(pieces, first, 0)
    pieces.try_run(
        *tables
    )  # what is still missing may block a table; it must not matter in the end
    land_batch(pieces, second, 1)
    # Law 5: the trigger of silver and gold is lost, and one comes for nothing.
    landed = [name for name in tables if name.startswith("bronze.")]
    pieces.try_run(*landed)
    pieces.try_run(*landed)
    pieces.run(*tables)
    land_batch(pieces, late, 2)
    pieces.run(*tables)
    return Delivered(once, pieces, tables, number)


@pytest.fixture(scope="module")
def worlds(spark, tmp_path_factory) -> Iterator[Callable[[str], Delivered]]:
    """The lakes of a domain, built when first asked for."""
    number = seed()
    print(f"\nLAW_SEED={number}")  # noqa: T201  # repeats a failure
    root = tmp_path_factory.mktemp("laws")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "ROWS_A_FILE", 5)  # so that files are left out, as of a large table
        yield cache(lambda domain: build(root, spark, number, domain))


@pytest.fixture
def delivered(worlds, request) -> Delivered:
    """The lakes of the test's domain, or of its table's."""
    asked = request.node.callspec.params
    return worlds(asked.get("domain") or DOMAINS[asked["table"]])


@every_table
def test_law_1_any_split_order_and_repetition_gives_the_same_table(delivered, table):
    expected = delivered.at_once.rows(table)
    assert delivered.in_pieces.rows(table) == expected, f"LAW_SEED={delivered.seed}"


@every_table
def test_law_1_holds_on_live_data_as_verify_sees_it(delivered, table):
    with delivered.in_pieces.open() as lake:
        verdict = verify(lake.job(table, new_request()))
    assert verdict.is_equal, verdict


@every_table
def test_law_3_every_row_of_every_run_is_accounted_for(delivered, table):
    runs = ops.read(
        delivered.in_pieces.settings, "runs", f"SELECT * FROM t WHERE table_name = '{table}'"
    )
    assert runs
    for run in runs:
        fates = ("loaded", "quarantined", "deduplicated", "too_late", "left_out")
        assert run["rows_in"] == sum(run[f"rows_{fate}"] for fate in fates), run
        assert run["rows_quarantined"] >= 0
        assert run["rows_deduplicated"] >= 0


@every_domain
def test_law_3_bronze_lines_counted_in_the_files_are_the_rows_that_came_in(delivered, domain):
    lake = delivered.in_pieces
    for entry in map(registry().__getitem__, delivered.tables):
        if entry.table.source is None:
            continue
        files = (lake.raw / entry.table.source.name).glob("*.jsonl")
        lines = sum(bool(line.strip()) for f in files for line in f.read_text().splitlines())
        runs = ops.read(
            lake.settings,
            "runs",
            f"SELECT sum(rows_in) AS rows_in, sum(rows_loaded) AS loaded FROM t "
            f"WHERE table_name = '{entry.table.name}' AND outcome = 'updated'",
        )
        assert runs[0]["rows_in"] == lines
        assert runs[0]["loaded"] == len(lake.rows(entry.table.name))


@every_table
def test_law_4_readers_see_a_version_that_passed_its_gate(delivered, table):
    lake = delivered.in_pieces
    version = lake.version(table)
    results = ops.read(
        lake.settings,
        "quality_results",
        f"SELECT * FROM t WHERE table_name = '{table}' AND gate = 'output' AND version = {version}",
    )
    expected = {check.name for check in registry()[table].table.ensures}
    assert {row["check_name"] for row in results} == expected
    assert all(row["passed"] for row in results if row["severity"] == "fail")


@pytest.fixture
def copied(delivered, tmp_path) -> LakeDriver:
    """A copy to run on: the tests of this module share the original, in any order."""
    original = delivered.in_pieces
    shutil.copytree(original.settings.root_uri, tmp_path / "copy")
    settings = load_settings(root=str(tmp_path / "copy"))
    return LakeDriver(settings, original.registry, original.spark)


@every_domain
def test_law_2_an_unchanged_input_makes_no_commit(copied, delivered, domain):
    lake, tables = copied, delivered.tables
    before = {table: lake.commits(table) for table in tables}
    outcomes = lake.run(*tables)
    assert {outcome.outcome for outcome in outcomes.values()} == {"unchanged"}
    assert {table: lake.commits(table) for table in tables} == before


@every_domain
def test_law_2_a_full_refresh_of_unchanged_input_makes_no_commit(copied, delivered, domain):
    lake, tables = copied, delivered.tables
    before = {table: lake.commits(table) for table in tables}
    outcomes = lake.run(*tables, full_refresh=True)
    assert {outcome.outcome for outcome in outcomes.values()} == {"updated"}
    assert all(not outcome.changed for outcome in outcomes.values())
    assert {table: lake.commits(table) for table in tables} == before


@pytest.mark.slow
@pytest.mark.parametrize("attempt", range(depth(1, 5)))
@pytest.mark.parametrize("domain", sorted({*DOMAINS.values()}))
def test_law_1_in_other_worlds(spark, tmp_path, attempt: int, domain: str):
    number = seed() + attempt
    print(f"LAW_SEED={number}")  # noqa: T201  # repeats a failure
    world = build(tmp_path, spark, number, domain)
    for table in world.tables:
        assert world.in_pieces.rows(table) == world.at_once.rows(table), (table, number)


def test_law_8_one_new_event_recomputes_one_user_and_feature(
    make_lake: Callable[..., LakeDriver],
):
    lake = make_lake()
    land_at_once(lake, make_world(registry(), "growth", 7))
    table = "silver.feature_usage_facts"
    lake.run(f"+{table}", as_of="2026-01-31")
    late = event("new", "u1", "collab", "2026-01-02T00:00:00Z")
    lake.land("feature_usage_events/late.jsonl", [late])
    outcome = lake.run(f"+{table}", as_of="2026-01-31")[table]
    usage = [r for r in lake.rows(table) if (r["user_id"], r["feature_id"]) == ("u1", "collab")]
    assert outcome.changed == {"update": 1}
    assert outcome.account.rows_loaded == usage[0]["total_usage_count"]
