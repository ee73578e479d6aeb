"""Law 10: what happened after the as-of day counts in no column of any silver or gold table."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from chosen_engine import ON_DUCKDB
from laws.generated import FIRST_DAY
from laws.test_laws import MOST_TABLES, seed
from laws.world import Rows, land_at_once, make_world, of_world

from conftest import LakeDriver, in_turn, interaction, metadata, some_of
from lakehouse.catalog.registry import registry
from lakehouse.engine import plan
from lakehouse.engine.job import Request, new_request
from lakehouse.engine.verify import verify
from lakehouse.errors import UpstreamLaterError
from lakehouse.settings import load_settings
from lakehouse.spec.columns import DATE, TIMESTAMP

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyspark.sql import SparkSession

    from lakehouse.spec import Table

pytestmark = [pytest.mark.spark, pytest.mark.timeout(1200)]
AS_OF = FIRST_DAY + timedelta(days=6)
DOMAINS = in_turn(sorted({e.table.domain for e in registry()}), 2 if ON_DUCKDB else 0)
_DERIVED = [
    e.table.name for e in registry() if e.table.source is None and e.table.domain in DOMAINS
]
DERIVED = {
    name: registry()[name].table.domain
    for name in some_of(_DERIVED, min(len(_DERIVED), MOST_TABLES * len(DOMAINS)))
}


def day_field(table: Table) -> str:
    """The field of a table's source that says when what it tells happened."""
    source = table.source
    assert source is not None
    names = [field.name for field in source.fields]
    moments = [field.name for field in source.fields if field.type in {DATE, TIMESTAMP}]
    return next(n for n in (source.dated_by, table.happened_on, *moments) if n in names)


DAY_OF = {e.table.source.name: day_field(e.table) for e in registry() if e.table.source}


def is_in_time(domain: str, source: str, row: dict[str, Any] | str) -> bool:
    """Whether a row tells of a day up to the as-of date; what tells none is in any."""
    own = of_world(domain, "told_day")
    told = row.get(DAY_OF[source]) if isinstance(row, dict) else None
    if own and isinstance(row, dict):
        told = own(source, row)
    return not (isinstance(told, str) and told.startswith("20")) or told[:10] <= str(AS_OF)


def needed(domain: str) -> list[str]:
    """The tables of a domain that are asked, and those they are made of."""
    asked = plan.select(registry(), [f"+{name}" for name, its in DERIVED.items() if its == domain])
    return [name for name in asked if registry()[name].table.domain == domain]


@dataclass
class AsOf:
    """Lakes of a domain that are as of a day.

    Attributes:
        until: Its files end with the day.
        back: Its files do not, and it had been run for all of them.
        on: Its files do not, and it had been as of an earlier day.
        whole: Rows of `back` before it went back, by table.
        seed: Of the world they are made from.
    """

    until: LakeDriver
    back: LakeDriver
    on: LakeDriver
    whole: dict[str, list[dict[str, Any]]]
    seed: int


def build(root: Path, spark: SparkSession, domain: str, number: int) -> AsOf:
    world = make_world(registry(), domain, number)
    in_time: Rows = {
        source: [row for row in rows if is_in_time(domain, source, row)]
        for source, rows in world.items()
    }
    assert all(len(in_time[source]) < len(rows) for source, rows in world.items())
    until, back, on = (
        LakeDriver(load_settings(root=str(root / name)), registry(), spark)
        for name in ("until", "back", "on")
    )
    land_at_once(until, in_time)
    land_at_once(back, world)
    land_at_once(on, world)
    tables = needed(domain)
    back.run(*tables)
    whole = {table: back.rows(table) for table in tables if registry()[table].table.source is None}
    on.run(*tables, as_of=str(AS_OF - timedelta(days=3)))
    for lake in (until, back, on):
        lake.run(*tables, as_of=str(AS_OF))
    return AsOf(until, back, on, whole, number)


@pytest.fixture(scope="module")
def lakes(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], AsOf]:
    """The lakes of a domain, built when first asked for."""
    root, number = tmp_path_factory.mktemp("as_of"), seed()
    return cache(lambda domain: build(root / domain, spark, domain, number))


@pytest.mark.parametrize("way", ["back", "on"])
@pytest.mark.parametrize("table", DERIVED)
def test_a_table_as_of_a_day_is_that_of_a_lake_that_ends_with_it(lakes, table, way):
    found = lakes(DERIVED[table])
    assert getattr(found, way).rows(table) == found.until.rows(table), f"LAW_SEED={found.seed}"


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_days_after_it_count_again_without_it(lakes, domain, tmp_path, spark):
    found = lakes(domain)
    shutil.copytree(found.back.settings.root_uri, tmp_path / "lake")
    lake = LakeDriver(load_settings(root=str(tmp_path / "lake")), registry(), spark)
    lake.run(*needed(domain))
    for table, rows in found.whole.items():
        assert lake.rows(table) == rows, f"{table}, LAW_SEED={found.seed}"


@pytest.mark.parametrize("table", DERIVED)
def test_a_lake_that_is_as_of_a_day_is_verified_as_of_it(lakes, table):
    with lakes(DERIVED[table]).on.open() as lake:
        verdict = verify(lake.job(table, new_request()))
    assert verdict.is_equal, verdict


def test_a_mart_of_inputs_that_tell_of_later_days_is_refused(lake):
    lake.land("user_metadata.jsonl", [metadata("u1", "2026-01-01 00:00:00")])
    lake.land(
        "user_interactions.jsonl",
        [interaction(f"i{n}", "u1", f"2026-01-0{n} 10:00:00") for n in (2, 5)],
    )
    lake.run("+gold.daily_active_users")
    outcome = lake.try_run("gold.daily_active_users", as_of="2026-01-03")["gold.daily_active_users"]
    assert isinstance(outcome.error, UpstreamLaterError)
    assert outcome.exit_code == 78
    lake.run("+gold.daily_active_users", as_of="2026-01-03")
    days = {row["activity_date"] for row in lake.rows("gold.daily_active_users")}
    assert days == {date(2026, 1, 2)}


def run_on(lake: LakeDriver, day: date, *selectors: str) -> dict[str, Any]:
    """Run tables on a day."""
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    with lake.open() as opened:
        done = opened.run(plan.select(lake.registry, selectors), Request(f"run of {day}", at))
    assert not [outcome.error for outcome in done if outcome.error]
    return {outcome.table: outcome for outcome in done}


def test_a_row_of_a_day_to_come_waits_for_it(lake):
    lake.land("user_metadata.jsonl", [metadata("u1", "2026-01-01 00:00:00")])
    days = ("2026-01-05", "2026-01-06", "2026-01-08")
    lake.land("user_interactions.jsonl", [interaction(d, "u1", f"{d} 10:00:00") for d in days])
    mart = "gold.daily_active_users"

    def complete() -> dict[date, bool]:
        rows = lake.rows(mart)
        return {r["activity_date"]: r["is_complete"] for r in rows if not r["dimension_name"]}

    first = run_on(lake, date(2026, 1, 6), f"+{mart}")
    assert first["silver.interactions"].account.rows_too_late == 1
    assert first["bronze.user_interactions"].reason.endswith("1 row dated after 2026-01-06 waits")
    warned = [r.check.name for r in first["bronze.user_interactions"].results if not r.passed]
    assert warned == ["none_ahead"]
    assert complete() == {date(2026, 1, 5): True, date(2026, 1, 6): False}
    idle = run_on(lake, date(2026, 1, 7), f"+{mart}")
    assert {outcome.outcome for outcome in idle.values()} == {"unchanged"}
    run_on(lake, date(2026, 1, 8), f"+{mart}")  # nothing new has landed
    assert complete() == {
        date(2026, 1, 5): True,
        date(2026, 1, 6): True,
        date(2026, 1, 8): False,
    }
