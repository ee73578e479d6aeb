"""What readers of SQL see after `lakehouse run`: the rows that `lakehouse show` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.rows import dict_row
from support import Command, land_interactions, land_small_data, new_lake, says

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.e2e]

SERVED = ("gold.daily_active_users", "silver.feature_states")
SELECTED = [f"+{name}" for name in SERVED]
NOBODY = "postgresql://someone@127.0.0.1:9/lakehouse"


@pytest.fixture
def command(spark: SparkSession, tmp_path: Path, monkeypatch: Any, capsys: Any) -> Command:
    """`lakehouse` on a lake of its own."""
    lake = new_lake(tmp_path / "lake", spark)
    land_small_data(lake)
    land_interactions(lake)
    return Command(lake, monkeypatch, capsys)


def point_at(command: Command, url: str) -> None:
    changed = command.lake.settings.model_copy(update={"postgres_url": _secret(url)})
    command.lake.settings = changed


def _secret(url: str) -> Any:
    from pydantic import SecretStr  # noqa: PLC0415  # only here

    return SecretStr(url)


def assert_served(command: Command, reader: psycopg.Connection) -> None:
    for name in SERVED:
        with reader.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(f"SELECT * FROM {name}").fetchall()
        assert sorted(rows, key=repr) == sorted(command.lake.rows(name), key=repr)
        assert rows


def test_a_run_publishes_what_it_audited_and_the_next_one_what_changed(command, writer, reader):
    point_at(command, writer)
    assert command("run", *SELECTED).code == 0
    assert_served(command, reader)
    land_small_data(command.lake, "2")
    land_interactions(command.lake, "2")
    assert command("run", *SELECTED).code == 0
    assert_served(command, reader)
    [again] = command("publish", "gold.daily_active_users", "--json").json
    assert (again["outcome"], again["moved"]) == ("unchanged", 0)
    # A stage by itself, as an orchestrator calls it, publishes too.
    with psycopg.connect(writer, autocommit=True) as meddler:
        meddler.execute("DROP TABLE gold.daily_active_users")
    assert command("stage", "gold.daily_active_users", "assert-output").code == 0
    assert_served(command, reader)


def test_without_its_database_a_run_still_publishes_in_the_lake_and_asks_for_a_retry(
    command, writer, reader
):
    point_at(command, NOBODY)
    done = command("run", *SELECTED)
    assert done.code == 75
    assert says(done.err, ["the database is unavailable"])
    assert all(command.lake.version(name) >= 0 for name in SERVED)
    # A task of an orchestrator is green: the table is; `lakehouse publish` runs every few minutes.
    command.lake.run(*SELECTED, full_refresh=True)
    stage = command("stage", SERVED[0], "assert-output")
    assert stage.code == 0
    point_at(command, writer)
    assert command("publish", *SERVED).code == 0
    assert_served(command, reader)
