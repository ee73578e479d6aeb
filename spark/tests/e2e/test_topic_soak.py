"""Hundreds of small batches: commits, files and memory stay bounded."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from streaming.topic_records import TABLE, Records, page_view
from support import new_lake

from conftest import depth
from lakehouse.engine import plan
from lakehouse.io import ops
from lakehouse.io.locks import table_lock
from lakehouse.streaming.batches import Consumption

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from conftest import LakeDriver
    from lakehouse.streaming.batches import Batch
    from lakehouse.streaming.broker import Broker

pytestmark = [pytest.mark.kafka, pytest.mark.turns(4), pytest.mark.spark, pytest.mark.timeout(3600)]

LAST = "silver.web_events"
EVERY = 10
"""Batches from one upkeep to the next, here."""
CHECKPOINTS = 20
"""Commits from one checkpoint to the next."""
MIB = 1 << 20


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path, records: Records, broker: Broker) -> LakeDriver:
    own = {"kafka_bootstrap": broker.bootstrap, "stream_upkeep_every": EVERY}
    return new_lake(tmp_path / "lake", spark, **own)


def soaked(
    lake: LakeDriver, records: Records, n: int, last: str = LAST
) -> tuple[list[Batch], list[int]]:
    """Batches of three records each, and the memory after each of them."""
    names = tuple(plan.select(lake.registry, [f"+{last}"]))
    process, done, memory = psutil.Process(), [], []
    stop = threading.Event()
    with lake.open() as opened:
        consumption = Consumption(opened, TABLE, names, interval_s=0.05)
        records.send(*(page_view(k, f"d{k}") for k in range(3)))
        for batch in consumption.batches(stop, once=False):
            assert batch.error is None
            done.append(batch)
            memory.append(process.memory_info().rss)
            if len(done) == n:
                stop.set()
            else:
                first = 3 * len(done)
                records.send(*(page_view(k, f"d{k % 7}") for k in range(first, first + 3)))
    return done, memory


def files_of(lake: LakeDriver) -> dict[str, int]:
    """Data files of the newest version of each table that the batches made, and of their ops."""
    tables = [name for name in plan.select(lake.registry, [f"+{LAST}"]) if exists(lake, name)]
    own = [f"ops.{name}" for name in ops.SCHEMAS]
    return {name: ops.size(lake.settings.table_uri(name)).files for name in (*tables, *own)}


def exists(lake: LakeDriver, table: str) -> bool:
    return lake.open().states.published(table) is not None


def behind_checkpoint(lake: LakeDriver, table: str) -> int:
    """Commits that a reader of the newest version has to read one by one."""
    log = Path(lake.settings.table_uri(table)) / "_delta_log"
    checkpoints = [int(path.name[:20]) for path in log.glob("*.checkpoint.parquet")]
    newest = max(int(path.stem) for path in log.glob("*.json"))
    return newest - max(checkpoints, default=-1)


@pytest.mark.slow
def test_files_commits_and_memory_stay_bounded_over_many_batches(lake, records):
    n = depth(40, 240)
    done, memory = soaked(lake, records, n)
    upkeeps = n // EVERY
    for table, n_files in files_of(lake).items():
        assert n_files <= 8 * EVERY, table  # a table has several rows of ops a batch
    for table in (TABLE, LAST):
        assert lake.commits(table) <= n + 2 * upkeeps + 2, "one a batch, and those of upkeep"
        assert behind_checkpoint(lake, table) <= CHECKPOINTS + 1
        assert files_of(lake)[table] <= 2 * EVERY
    assert sum(batch.n for batch in done) == len(lake.rows(TABLE)) == 3 * n
    early, late = max(memory[n // 6 : n // 3]), max(memory[-n // 6 :])
    assert late - early < 150 * MIB, [each // MIB for each in memory[:: n // 12]]


@pytest.mark.slow
def test_control_without_upkeep_there_is_a_file_a_batch(lake, records):
    never = lake.settings.model_copy(update={"stream_upkeep_every": 0})
    n = 2 * EVERY + 5
    soaked(replace(lake, settings=never), records, n, TABLE)
    assert files_of(lake)[TABLE] >= n


@pytest.mark.slow
def test_small_files_are_merged_on_the_way_and_nothing_else_changes(lake, records):
    often = lake.settings.model_copy(update={"stream_upkeep_every": 2})
    small = replace(lake, settings=often)
    done, _ = soaked(small, records, 5, TABLE)
    assert files_of(lake)[TABLE] < 5
    assert [batch.n for batch in done] == [3] * 5
    assert len(lake.rows(TABLE)) == 15
    assert lake.run(TABLE)[TABLE].outcome == "unchanged"


def test_a_table_that_somebody_else_wrote_is_made_without_waiting_for_a_record(lake, records):
    names = tuple(plan.select(lake.registry, ["+silver.web_events"]))
    records.send(page_view(1))
    stop = threading.Event()
    outcomes = []
    with lake.open() as opened:
        batches = Consumption(opened, TABLE, names, 0.05).batches(stop, once=False)
        with table_lock(lake.settings, "silver.web_events"):
            outcomes.append(next(batches))
        assert outcomes[0].waits_for_others
        assert not exists(lake, "silver.web_events")
        alarm = threading.Timer(60, stop.set)
        alarm.start()
        outcomes.append(next(batches))
        alarm.cancel()
    assert outcomes[1].n == 0
    assert len(lake.rows("silver.web_events")) == 1
