"""Two processes on one table: no anomaly with the lock, anomalies without it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import contender
import pytest
from support import Command, environment, failure, new_lake

from conftest import LakeDriver, depth, signup
from lakehouse.errors import LockedError
from lakehouse.io import delta_log, ops
from lakehouse.io.locks import table_lock

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.concurrency]

TABLE = contender.TABLE
NAMES = ("left", "right")


# ------------------------------------------------------------------- one round, in here


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> LakeDriver:
    lake = new_lake(tmp_path / "lake", spark)
    lake.land("user_signups/1.jsonl", [signup("a")])
    return lake


def test_a_table_that_is_being_written_is_locked(lake, monkeypatch, capsys):
    with table_lock(lake.settings, TABLE):
        done = Command(lake, monkeypatch, capsys)("run", TABLE)
        error = failure(lake.try_run(TABLE), TABLE)
    assert done.code == LockedError.exit_code
    assert isinstance(error, LockedError)
    assert error.details["table"] == TABLE
    assert "LAKEHOUSE_LOCK_TIMEOUT_S" in done.err
    assert lake.open().states.published(TABLE) is None


def test_a_second_run_may_queue_behind_the_first(lake):
    patient = lake.settings.model_copy(update={"lock_timeout_s": 120.0})
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with table_lock(lake.settings, TABLE):
            held.set()
            release.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    threading.Timer(0.5, release.set).start()
    LakeDriver(patient, lake.registry, lake.spark).run(TABLE)
    holder.join()
    assert len(lake.rows(TABLE)) == 1


def test_every_holder_of_a_lock_has_a_higher_token(lake):
    tokens = []
    for _ in range(3):
        with table_lock(lake.settings, TABLE) as token:
            tokens.append(token)
    assert tokens == sorted(set(tokens))


# ---------------------------------------------------------------- many rounds, two processes


@dataclass(frozen=True)
class Aftermath:
    """What two processes left of a table.

    Attributes:
        codes: Exit codes and errors, counted.
        overwritten: Commits a process believes to have made, whose file holds somebody else's.
        doubled: Versions of the table that hold a row twice.
        lost: Landed rows that no published row shows, before anybody runs again.
    """

    codes: Counter[tuple[int, str | None]]
    overwritten: int
    doubled: int
    lost: int


def _contend(lake: LakeDriver, folder: Path, mode: str, rounds: int, **settings: Any) -> Aftermath:
    folder.mkdir()
    processes = [
        subprocess.Popen(
            [sys.executable, str(Path(contender.__file__)), name, str(rounds), str(folder), mode],
            env=environment(lake, **settings),
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in NAMES
    ]
    try:
        reports = [
            json.loads(line)
            for process in processes
            for line in process.communicate()[0].splitlines()
        ]
        assert [process.returncode for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return _aftermath(lake, reports, rounds)


def _aftermath(lake: LakeDriver, reports: list[dict[str, Any]], rounds: int) -> Aftermath:
    uri = lake.settings.table_uri(TABLE)
    newest = delta_log.latest_version(uri) or 0
    notes = delta_log.notes(uri, 0, newest)
    makers = {v: note.get("run_id") for v, note in enumerate(notes, start=1)}
    repeated = (
        "SELECT count(*) AS n FROM (SELECT _row_id FROM t GROUP BY _row_id HAVING count(*) > 1)"
    )
    doubled = [v for v in range(1, newest + 1) if ops.query_delta(uri, repeated, v)[0]["n"]]
    landed = 2 * rounds * contender.ROWS_A_ROUND
    return Aftermath(
        codes=Counter((report["code"], report["error"]) for report in reports),
        overwritten=sum(
            makers.get(report["version"]) != report["run_id"]
            for report in reports
            if report["version"] is not None
        ),
        doubled=len(doubled),
        lost=landed - len({row["user_id"] for row in lake.rows(TABLE)}),
    )


def _assert_whole(lake: LakeDriver, rounds: int) -> None:
    """Every landed row once, and the runs' figures add up to them."""
    lake.run(TABLE)
    landed = [
        f"{name}-{number}-{i}"
        for name in NAMES
        for number in range(rounds)
        for i in range(contender.ROWS_A_ROUND)
    ]
    assert sorted(row["user_id"] for row in lake.rows(TABLE)) == sorted(landed)
    query = f"SELECT sum(rows_loaded) AS n FROM t WHERE table_name = '{TABLE}'"
    assert ops.read(lake.settings, "runs", query)[0]["n"] == len(landed)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("patience", [0, 120], ids=["turned away", "queueing"])
def test_with_the_lock_there_is_no_anomaly(spark, tmp_path, patience):
    rounds = depth(5, 50)
    lake = new_lake(tmp_path / "lake", spark)
    found = _contend(lake, tmp_path / "meet", "locked", rounds, lock_timeout_s=patience)
    allowed = {(0, None)} if patience else {(0, None), (75, "LockedError")}
    assert set(found.codes) <= allowed, found
    assert (found.overwritten, found.doubled) == (0, 0), found
    if patience:
        assert found.lost == 0
    _assert_whole(lake, rounds)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_without_the_lock_there_are_anomalies(spark, tmp_path):
    """The control: the same processes, the same rounds, only the lock is a no-op."""
    lake = new_lake(tmp_path / "lake", spark)
    found = _contend(lake, tmp_path / "meet", "unlocked", depth(5, 50))
    print(found)  # noqa: T201  # which anomalies, for the reader of a failure
    assert found.overwritten + found.doubled > 0, found
