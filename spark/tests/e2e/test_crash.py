"""kill -9 at every kind of moment: a plain re-run ends where an undisturbed lake ends."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from support import (
    GROWTH,
    command_line,
    content,
    copy_lake,
    environment,
    lakehouse,
    land_interactions,
    land_small_data,
    new_lake,
)

from conftest import depth
from lakehouse.io.fault_points import POINTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspark.sql import SparkSession

    from conftest import LakeDriver

pytestmark = [pytest.mark.spark, pytest.mark.crash]

PATIENCE = 240
ONLY_BRONZE = {"between_quarantine_and_table"}
# In the order in which tables run: what ran before a kill has nothing to do after it.
SAMPLE = {
    1: [
        ("before_write", "bronze.conversions"),
        ("between_quarantine_and_table", "bronze.user_signups"),
        ("after_commit_before_gate", "silver.feature_states"),
    ],
    2: [
        ("between_quarantine_and_table", "bronze.conversions"),
        ("after_commit_before_gate", "bronze.feature_releases"),
        ("before_read", "bronze.feature_usage_events"),
        ("before_publish", "gold.feature_conversion_impact"),
    ],
}
EVERYWHERE = [
    (point, table)
    for table in GROWTH
    for point in POINTS
    if table.startswith("bronze.") or point not in ONLY_BRONZE
]


@pytest.fixture(scope="module")
def golden(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> dict[int, tuple[LakeDriver, dict[str, Any]]]:
    """Undisturbed lakes after one and after two drops, and what they hold."""
    lake = new_lake(tmp_path_factory.mktemp("golden") / "lake", spark)
    stages = {}
    for drop in (1, 2):
        land_small_data(lake, str(drop))
        lake.run()
        kept = copy_lake(lake, tmp_path_factory.mktemp("golden") / f"after {drop}")
        stages[drop] = (kept, content(kept))
    return stages


@pytest.fixture
def lake(golden: Any, tmp_path: Path) -> LakeDriver:
    """A lake with one drop published and one landed."""
    lake = copy_lake(golden[1][0], tmp_path / "lake")
    land_small_data(lake, "2")
    return lake


# ---------------------------------------------------------------- from within, by name


@pytest.mark.parametrize("point", ["between_quarantine_and_table"])
def test_a_re_run_after_a_kill_ends_in_the_golden_content(lake, golden, point):
    assert _killed_at(lake, point, "bronze.conversions")
    lake.run()
    assert content(lake) == golden[2][1]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_kills_one_after_the_other_end_in_the_golden_content(spark, golden, tmp_path):
    """One lake from nothing: every killed run leaves its ruin to the next one."""
    lake = new_lake(tmp_path / "lake", spark)
    for drop in (1, 2):
        land_small_data(lake, str(drop))
        for point, table in (SAMPLE[drop], EVERYWHERE)[depth(0, 1)]:
            assert _killed_at(lake, point, table), (drop, point, table)
        lake.run()
        assert content(lake) == golden[drop][1]


def _killed_at(lake: LakeDriver, point: str, table: str) -> bool:
    done = lakehouse(lake, "run", timeout=PATIENCE, fault=f"{point}@{table}", parallelism=1)
    return done.code == -signal.SIGKILL


# ------------------------------------------------------ from outside, by watching files


def _commits(table: Path) -> int:
    return len(list((table / "_delta_log").glob("*.json")))


def _new_files(table: Path, before: set[Path]) -> list[Path]:
    return [path for path in table.glob("*.parquet") if path not in before]


def _is_whole(path: Path) -> bool:
    data = path.read_bytes()
    return len(data) > 8 and data[-4:] == b"PAR1"


@contextmanager
def _running(lake: LakeDriver, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """`lakehouse` as a process group of its own; nothing of it is left afterwards."""
    process = subprocess.Popen(
        command_line("run", *arguments),
        env=environment(lake),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_for(process: subprocess.Popen[bytes], seen: Callable[[], bool]) -> bool:
    """Look until something is there, as fast as we can; False when the process ended before."""
    deadline = time.monotonic() + PATIENCE
    while not seen():
        if process.poll() is not None or time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


@pytest.mark.slow
@pytest.mark.parametrize("table", ["bronze.feature_usage_events", "silver.feature_states"])
@pytest.mark.parametrize(
    "moment",
    # DuckDB's process commits a millisecond after it wrote: nobody can look in between.
    ["mid data files", pytest.param("after files before commit", marks=pytest.mark.jvm)],
)
def test_a_kill_between_data_files_and_their_commit_leaves_no_trace(lake, golden, table, moment):
    if table.startswith("silver"):
        lake.run("bronze")
    folder = Path(lake.settings.table_uri(table))
    commits, before = _commits(folder), set(folder.glob("*.parquet"))

    def seen() -> bool:
        files = _new_files(folder, before)
        return bool(files) and (moment == "mid data files" or all(map(_is_whole, files)))

    with _running(lake, table) as process:
        assert _wait_for(process, seen)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert _new_files(folder, before), "killed too early"
    assert _commits(folder) == commits, "killed too late"
    lake.run()
    assert content(lake) == golden[2][1]


@pytest.mark.jvm
@pytest.mark.slow
def test_the_engine_does_not_outlive_its_process(lake):
    """Only Python is killed, in the middle of a write; Java sees its input end and goes, too."""
    folder = Path(lake.settings.table_uri("bronze.user_signups"))
    before = set(folder.glob("*.parquet"))
    with _running(lake, "bronze.user_signups") as process:
        assert _wait_for(process, lambda: bool(_new_files(folder, before)))
        java = psutil.Process(process.pid).children(recursive=True)
        assert "java" in {child.name() for child in java}
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        _, alive = psutil.wait_procs(java, timeout=PATIENCE)
        assert not alive


@pytest.mark.jvm
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_an_engine_that_outlives_its_process_for_a_moment_hurts_nothing(golden, tmp_path):
    """Only Python dies, in the middle of a write; the next run starts while Java may commit."""
    for number in range(depth(2, 10)):
        lake = copy_lake(golden[1][0], tmp_path / str(number))
        land_small_data(lake, "2")
        folder = Path(lake.settings.table_uri("bronze.user_signups"))
        before = set(folder.glob("*.parquet"))
        with _running(lake, "bronze.user_signups") as process:
            assert _wait_for(process, lambda f=folder, b=before: bool(_new_files(f, b)))
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            outcomes = lake.try_run()  # may find the stranger's commit and say: run again
            assert all(outcome.exit_code in {0, 75} for outcome in outcomes.values()), outcomes
        lake.run()
        assert content(lake) == golden[2][1]


# --------------------------------------------------------------------- at random times


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_kills_at_random_times_end_in_the_golden_content(spark, tmp_path):
    """A drop of both domains, a run, a kill, again and again; a run may outrun its kill."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201  # shown when the test fails
    chance = random.Random(seed)
    rounds = depth(3, 20)
    lake = new_lake(tmp_path / "lake", spark)
    longest = 0.0
    for drop in range(1, rounds + 1):
        land_small_data(lake, str(drop))
        land_interactions(lake, str(drop))
        started = time.monotonic()
        with _running(lake) as process, suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0, 1.2 * longest) if longest else PATIENCE)
            longest = max(longest, time.monotonic() - started)
    lake.run()
    undisturbed = new_lake(tmp_path / "undisturbed", spark)
    for drop in range(1, rounds + 1):
        land_small_data(undisturbed, str(drop))
        land_interactions(undisturbed, str(drop))
    undisturbed.run()
    assert content(lake) == content(undisturbed)
