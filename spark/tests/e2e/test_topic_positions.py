"""Where a topic is not the one that was consumed so far, and how much of it a run takes."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourceType,
)
from streaming.topic_records import PATIENCE_S, TABLE, TOPIC, Records, page_view, told
from support import failure, lakehouse, new_lake

from lakehouse.catalog import views
from lakehouse.engine.job import new_request
from lakehouse.errors import InputQualityError, OutputQualityError
from lakehouse.io.kafka import client_config
from lakehouse.landing import topic, topic_bytes
from lakehouse.landing.feeds import parts_of
from lakehouse.landing.reader import rejudge
from lakehouse.landing.topic import Offsets, Topic

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

    from conftest import LakeDriver
    from lakehouse.streaming.broker import Broker

pytestmark = [pytest.mark.kafka, pytest.mark.turns(4), pytest.mark.spark, pytest.mark.timeout(900)]

BROKEN = [b"{broken %d" % n for n in range(6)]


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path, records: Records, broker: Broker) -> LakeDriver:
    return new_lake(tmp_path / "lake", spark, kafka_bootstrap=broker.bootstrap)


def accepting(lake: LakeDriver) -> LakeDriver:
    return replace(lake, settings=lake.settings.model_copy(update={"topic_accept_loss": True}))


def ids(lake: LakeDriver) -> list[str]:
    return sorted(row["event_id"] for row in lake.rows(TABLE))


def raws(lake: LakeDriver) -> list[bytes]:
    rows = views.rejected(lake.registry[TABLE].table, lake.settings, None)
    return sorted(row["raw"] for row in rows)


def consumed(lake: LakeDriver) -> Offsets:
    state = lake.open().states.published(TABLE)
    _, offsets = parts_of(state.position if state else None)
    assert offsets is not None
    return offsets


# ------------------------------------------------------------- offsets that begin anew


def from_a_topic_made_again(lake: LakeDriver, records: Records) -> None:
    """Consume the start of a topic, and then that of its successor, in a full refresh."""
    records.send(page_view(1), BROKEN[0], page_view(2))
    lake.run(TABLE)
    records.make()
    records.send(page_view(3), BROKEN[1], page_view(4))
    accepting(lake).run(TABLE, full_refresh=True)


def test_records_of_a_topic_made_again_do_not_replace_those_at_the_same_offsets(lake, records):
    from_a_topic_made_again(lake, records)
    assert ids(lake) == ["e1", "e2", "e3", "e4"]
    assert raws(lake) == BROKEN[:2]
    assert str(consumed(lake)).partition(":")[0].endswith("#1")
    records.send(page_view(5), BROKEN[2])
    lake.run(TABLE)
    lake.run(TABLE, full_refresh=True)
    assert ids(lake) == ["e1", "e2", "e3", "e4", "e5"]
    assert raws(lake) == BROKEN[:3]


@pytest.mark.slow
def test_control_without_the_era_in_their_names_they_do(lake, records, monkeypatch):
    monkeypatch.setattr(topic, "_mark", lambda _: "")
    from_a_topic_made_again(lake, records)
    assert (ids(lake), raws(lake)) == (["e3", "e4"], [BROKEN[1]])


def test_a_position_is_read_back_with_its_era_and_without():
    for era in (0, 2):
        position = Offsets(TOPIC, "Ab-_9", {0: 5, 1: 7}, era)
        assert Offsets.parse(str(position)) == position


# The ends of what a broker says to have, without the broker: it does not lose records on demand.
BOUNDS: dict[int, tuple[int, int]] = {0: (0, 5), 1: (9, 20), 2: (3, 4)}


@pytest.fixture
def bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic, "_there", lambda *_: ("id", BOUNDS))


def test_all_that_is_gone_is_told_at_once_and_accepted_at_once(bounds):
    """Partition 0 ends before what was consumed, 1 begins after it, and 2 was added since."""
    before = Offsets(TOPIC, "id", {0: 8, 1: 6})
    asked = Topic(TOPIC, {"bootstrap.servers": "here"})
    with pytest.raises(InputQualityError) as caught:
        asked.look(before)
    for told_ in ("0: 8 > 5", "6 offsets", "1: 6 to 8", "2: 0 to 2"):
        assert told_ in str(caught.value)
    found = replace(asked, accepts_loss=True).look(before)
    assert [(each.start, each.end) for each in found.ranges] == [(0, 5), (9, 20), (3, 4)]
    assert found.offsets == Offsets(TOPIC, "id", {0: 5, 1: 20, 2: 4}, era=1)
    assert found.ranges[0].path == f"{TOPIC}/0@0#1"


def test_what_was_deleted_alone_begins_no_era(bounds):
    asked = Topic(TOPIC, {"bootstrap.servers": "here"}, accepts_loss=True)
    found = asked.look(Offsets(TOPIC, "id", {0: 5, 1: 6, 2: 4}))
    assert found.offsets == Offsets(TOPIC, "id", {0: 5, 1: 20, 2: 4})


def test_a_reject_has_no_day_even_where_its_offset_looks_like_one(lake, records):
    records.send(BROKEN[0], page_view(1))
    lake.run(TABLE)
    (row,) = views.rejected(lake.registry[TABLE].table, lake.settings, None)
    held = {"raw": told(page_view(1)), "layout": "topic", "header": None}
    place = {"source_file": f"{TOPIC}/0@20260105", "source_line": 20260107}
    source = lake.registry[TABLE].table.source
    assert row["source_file"] == f"{TOPIC}/0@0"
    (judged,) = rejudge([_Rows([held | place])], source, max_record_bytes=1000)  # type: ignore[list-item]
    assert judged.to_pylist()[0]["_file_date"] is None
    assert judged.to_pylist()[0]["_delivered_on"] is None


class _Rows(list[dict[str, Any]]):
    def to_pylist(self) -> list[dict[str, Any]]:
        return list(self)


# --------------------------------------------------------------- partitions, compaction


def test_partitions_that_are_added_meanwhile_are_consumed_from_their_start(lake, records):
    records.send(*(page_view(n) for n in range(6)))
    lake.run(TABLE)
    more_partitions(records, 5)
    for n, partition in enumerate((3, 4, 3, 0), start=6):
        records.producer.produce(TOPIC, told(page_view(n)), partition=partition)
    assert records.producer.flush(PATIENCE_S) == 0
    assert lake.run(TABLE)[TABLE].account.rows_loaded == 4
    assert ids(lake) == [f"e{n}" for n in range(10)]


def test_records_that_were_deleted_from_an_added_partition_are_not_passed_over(lake, records):
    records.send(page_view(1))
    lake.run(TABLE)
    more_partitions(records, 4)
    for n in range(3):
        records.producer.produce(TOPIC, told(page_view(10 + n)), partition=3)
    assert records.producer.flush(PATIENCE_S) == 0
    records.delete_before(3, 2)
    error = failure(lake.try_run(TABLE), TABLE)
    assert isinstance(error, InputQualityError)
    assert "2 offsets" in str(error)
    assert "3: 0 to 1" in str(error)
    accepting(lake).run(TABLE)
    assert ids(lake) == ["e1", "e12"]


def more_partitions(records: Records, n: int) -> None:
    records.admin.create_partitions([NewPartitions(TOPIC, n)])[TOPIC].result(PATIENCE_S)
    deadline = time.monotonic() + PATIENCE_S
    while len(records.producer.list_topics(TOPIC, timeout=PATIENCE_S).topics[TOPIC].partitions) < n:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.slow
def test_gaps_that_compaction_left_are_no_loss(lake, records):
    """Of each key the last record stays; a tombstone, and what has its key, goes."""
    wanted = {
        "cleanup.policy": "compact",
        "segment.ms": "100",
        "min.cleanable.dirty.ratio": "0.001",
        "max.compaction.lag.ms": "100",
        "delete.retention.ms": "100",
    }
    entries = [_setting(*each) for each in wanted.items()]
    topic_ = ConfigResource(ResourceType.TOPIC, TOPIC, incremental_configs=entries)
    records.admin.incremental_alter_configs([topic_])[topic_].result(PATIENCE_S)
    for n in range(9):
        records.producer.produce(TOPIC, told(page_view(n)), key="one", partition=0)
    records.producer.produce(TOPIC, None, key="other", partition=0)
    assert records.producer.flush(PATIENCE_S) == 0
    deadline = time.monotonic() + 4 * PATIENCE_S
    n = 9
    while (first := first_offset(records, lake)) < 8:
        assert time.monotonic() < deadline, "the broker compacts"
        time.sleep(1)
        records.producer.produce(TOPIC, told(page_view(n)), key=f"roll {n}", partition=0)
        assert records.producer.flush(PATIENCE_S) == 0
        n += 1
    account = lake.run(TABLE)[TABLE].account
    assert account.rows_loaded + account.rows_left_out >= n - 8
    assert consumed(lake).next[0] == n + 1
    assert "e0" not in ids(lake)
    assert first >= 8
    assert lake.run(TABLE)[TABLE].outcome == "unchanged"


def _setting(name: str, value: str) -> ConfigEntry:
    return ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)


def first_offset(records: Records, lake: LakeDriver) -> int:
    """Of the first record that is there: compaction leaves the start of a partition at 0."""
    from confluent_kafka import Consumer, TopicPartition  # noqa: PLC0415  # only here

    own = {"group.id": "tests", "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    consumer = Consumer(client_config(lake.settings) | own)
    try:
        consumer.assign([TopicPartition(TOPIC, 0, 0)])
        (message,) = consumer.consume(1, timeout=PATIENCE_S)
        return int(message.offset() or 0)
    finally:
        consumer.close()


# --------------------------------------------------------------------- a share of bytes


def bounded(lake: LakeDriver, n_bytes: int) -> LakeDriver:
    return replace(lake, settings=lake.settings.model_copy(update={"topic_most_bytes": n_bytes}))


def long_view(n: int, n_bytes: int) -> bytes:
    """A page view of so many bytes."""
    bare = len(told(page_view(n, padding="")))
    return told(page_view(n, padding="x" * (n_bytes - bare)))


def put(records: Records, partition: int, *values: bytes) -> None:
    for value in values:
        records.producer.produce(TOPIC, value, partition=partition)
    assert records.producer.flush(PATIENCE_S) == 0


@pytest.mark.spark_too
def test_a_range_ends_before_the_record_with_which_it_would_be_too_long(lake, records):
    """600 bytes for 6 offsets: 300 for each partition, which are one record and three."""
    records.producer.produce(TOPIC, told(page_view(9)), partition=2)
    put(records, 2)
    lake.run(TABLE)
    put(records, 0, long_view(0, 280), long_view(1, 280), long_view(2, 280))
    put(records, 1, *(told({}) + b" " * 98 for _ in range(3)))
    outcome = bounded(lake, 600).run(TABLE)[TABLE]
    assert "4 new offsets" in outcome.reason
    assert "2 wait" in outcome.reason
    assert consumed(lake).next == {0: 1, 1: 3, 2: 1}
    bounded(lake, 600).run(TABLE)
    assert consumed(lake).next == {0: 3, 1: 3, 2: 1}, "600 for one partition"
    assert ids(lake) == ["e0", "e1", "e2", "e9"]
    assert len(raws(lake)) == 3


@pytest.mark.slow
def test_a_record_longer_than_all_bytes_does_not_block_its_partition(lake, records):
    put(records, 0, long_view(0, 5000), long_view(1, 5000), long_view(2, 300))
    for n in (1, 2, 3):
        bounded(lake, 500).run(TABLE)
        assert consumed(lake).next[0] == n


@pytest.mark.slow
def test_a_run_that_died_weighs_anew_and_nothing_is_read_twice(lake, records, monkeypatch):
    """What died had other bytes to spend: its ranges were other ones, from the same offsets."""
    put(records, 0, *(long_view(n, 300) for n in range(4)), *BROKEN[:3])
    put(records, 1, *(long_view(n, 300) for n in range(4, 8)), *BROKEN[3:])
    done = lakehouse(
        lake,
        *("stream", "--once", "--most-bytes", "2000"),
        kafka_bootstrap=lake.settings.kafka_bootstrap,
        fault=f"before_publish@{TABLE}",
    )
    assert done.code == -9, done.err
    small = ("stream", "--once", "--json", "--most-bytes", "900")
    done = lakehouse(lake, *small, kafka_bootstrap=lake.settings.kafka_bootstrap)
    assert done.code == 0, done.err
    assert done.out.count('"consumed"') > 2
    assert ids(lake) == [f"e{n}" for n in range(8)]
    assert raws(lake) == sorted(BROKEN)


def test_batches_hold_no_more_bytes_than_allowed_and_all_comes_through(lake, records):
    sizes = [200 + 37 * n % 800 for n in range(120)]
    values = [long_view(n, size) for n, size in enumerate(sizes)]
    for n, value in enumerate(values):
        records.producer.produce(TOPIC, value, partition=n % 2)
    assert records.producer.flush(PATIENCE_S) == 0
    asked = topic_of(lake)
    found, taken = asked.look(None), []
    while True:
        ranges = topic_bytes.within(found, 20_000)
        held = [
            size
            for each in ranges.ranges
            for n, size in enumerate(sizes)
            if n % 2 == each.partition and each.start <= n // 2 < each.end
        ]
        assert sum(held) <= 20_000
        assert ranges.n + ranges.waiting == found.n
        taken += held
        if not ranges.waiting:
            break
        found = asked.look(ranges.offsets)
    assert sorted(taken) == sorted(sizes)


@pytest.mark.slow
def test_control_with_a_count_alone_a_batch_is_as_long_as_its_records(lake, records):
    put(records, 0, *(long_view(n, 5000) for n in range(10)))
    counted = lake.settings.model_copy(update={"topic_most_records": 10})
    replace(lake, settings=counted).run(TABLE)
    assert consumed(lake).next[0] == 10, "50,000 bytes"


def topic_of(lake: LakeDriver) -> Topic:
    from lakehouse.landing.feeds import topic_of as of  # noqa: PLC0415  # shorter to say

    source = lake.registry[TABLE].table.source
    assert source is not None
    return of(source, lake.settings)


# ------------------------------------------------------------- the clock of the machine


@pytest.mark.slow
def test_a_clock_of_the_machine_that_jumps_moves_no_row(lake, records, tmp_path, spark, broker):
    """Batches of a year before, of a year after and of now again, against one run of now."""
    rows = [page_view(n, f"d{n % 3}") for n in range(12)]
    now = new_request().started_at
    shifts: list[int] = [0, -1, 1, 0]
    with lake.open() as opened:
        for number, years in enumerate(shifts):
            records.send(*rows[3 * number : 3 * number + 3])
            moment = now.replace(year=now.year + years)
            request = replace(new_request(), started_at=moment)
            outcomes = opened.run([TABLE, "silver.web_identities", "silver.web_events"], request)
            errors = [each.error for each in outcomes if each.error is not None]
            if years < 0:  # by that clock all rows are of the future, and none may not be published
                assert all(isinstance(error, OutputQualityError) for error in errors), errors
                assert outcomes[0].error is None
            else:
                assert errors == []
    other = new_lake(tmp_path / "other", spark, kafka_bootstrap=broker.bootstrap)
    other.run("+silver.web_events")
    for table in (TABLE, "silver.web_events"):
        assert rows_of(lake, table) == rows_of(other, table)
    assert len(lake.rows("silver.web_events")) == 12


def rows_of(lake: LakeDriver, table: str) -> list[str]:
    return sorted(json.dumps(row, default=str, sort_keys=True) for row in lake.rows(table))


def test_a_topic_that_begins_with_nothing_but_poison_is_consumed_all_the_same(lake, records):
    records.send(*BROKEN)
    assert lake.run(TABLE)[TABLE].account.rows_quarantined == len(BROKEN)
    assert raws(lake) == sorted(BROKEN)
    records.send(page_view(1))
    assert lake.run(TABLE)[TABLE].account.rows_in == 1
    assert ids(lake) == ["e1"]
    assert raws(lake) == sorted(BROKEN)
