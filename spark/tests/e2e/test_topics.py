"""A source's topic on a real Kafka: what holds for landing files holds for records, once each."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Producer
from streaming.topic_records import PARTITIONS, PATIENCE_S, TABLE, TOPIC, Records, page_view, told
from support import command_line, environment, lakehouse, new_lake

from conftest import ON_DUCKDB
from lakehouse.catalog import views
from lakehouse.errors import InputQualityError, UpstreamMissingError
from lakehouse.io.fault_points import POINTS
from lakehouse.landing.feeds import parts_of
from lakehouse.streaming.batches import Consumption

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession

    from conftest import LakeDriver
    from lakehouse.streaming.broker import Broker

pytestmark = [pytest.mark.kafka, pytest.mark.turns(4), pytest.mark.spark, pytest.mark.timeout(900)]

COMPARED = (TABLE, "silver.web_events", *(("gold.web_5min",) if ON_DUCKDB else ()))
THROUGH = f"+{COMPARED[-1]}"


EVENTS = [page_view(n, f"d{n % 7}") for n in range(60)]
REJECTS: list[dict[str, Any] | bytes] = [
    b"{broken",
    b"",
    b"\xff\xfe",
    {key: value for key, value in page_view(90).items() if key != "event_id"},
    page_view(91, event_type="no_such_type"),
]
MIXED: list[dict[str, Any] | bytes] = [*EVENTS, *EVENTS[10:20], *REJECTS]


@pytest.fixture
def make(
    spark: SparkSession, tmp_path: Path, records: Records, broker: Broker
) -> Callable[[str], LakeDriver]:
    """Make lakes that consume the topic."""

    def made(name: str) -> LakeDriver:
        return new_lake(tmp_path / name, spark, kafka_bootstrap=broker.bootstrap)

    return made


@pytest.fixture
def lake(make: Callable[[str], LakeDriver]) -> LakeDriver:
    return make("lake")


def content(lake: LakeDriver) -> dict[str, list[Any]]:
    """Rows of the compared tables, and what was rejected why; not where it came from."""
    found: dict[str, list[Any]] = {table: lake.rows(table) for table in COMPARED}
    rejected = views.rejected(lake.registry[TABLE].table, lake.settings, None)
    found["rejected"] = [(row["raw"], row["reasons"]) for row in rejected]
    return {name: sorted(rows, key=repr) for name, rows in found.items()}


def consumed(lake: LakeDriver) -> int:
    """Offsets that the published version is behind."""
    state = lake.open().states.published(TABLE)
    _, offsets = parts_of(state.position if state else None)
    return sum(offsets.next.values()) if offsets else 0


def by_files(make: Callable[[str], LakeDriver], rows: list[Any]) -> dict[str, list[Any]]:
    """What a lake holds that got the same records by a file, those that a file can hold."""
    other = make("files")
    target = other.raw / "web_events/1.jsonl"
    target.parent.mkdir(parents=True)
    target.write_bytes(b"".join(told(row) + b"\n" for row in rows))
    without = replace(other, settings=other.settings.model_copy(update={"kafka_bootstrap": ""}))
    without.run(THROUGH)
    return content(without)


@pytest.mark.spark_too
def test_records_of_a_topic_end_where_those_of_a_file_do_however_they_are_cut(lake, make, records):
    rows = [row for row in MIXED if row != b""]  # an empty line of a file is no record
    expected = by_files(make, rows)
    for start, end in ((0, 5), (5, 50), (50, len(rows))):
        records.send(*rows[start:end])
        done = lake.run(THROUGH)[TABLE]
        assert done.account.rows_in == end - start
        assert done.account.balanced
    assert content(lake) == expected
    assert lake.run(THROUGH)[TABLE].outcome == "unchanged"


@pytest.mark.slow
def test_a_share_at_a_time_ends_where_all_at_once_does(lake, make, records):
    records.send(*MIXED)
    small = replace(lake, settings=lake.settings.model_copy(update={"topic_most_records": 20}))
    outcomes = []
    while consumed(lake) < len(MIXED):
        outcomes.append(small.run(TABLE)[TABLE])
    assert len(outcomes) >= len(MIXED) // (20 + PARTITIONS)
    assert sum(each.account.rows_in for each in outcomes) == len(MIXED)
    assert "wait for the next run" in outcomes[1].reason
    other = make("at once")
    other.run(THROUGH)
    lake.run(THROUGH)
    assert content(lake) == content(other)


def test_a_record_that_comes_by_both_is_one(lake, records):
    lake.land("web_events/1.jsonl", EVENTS[:30])
    records.send(*EVENTS[20:40])
    account = lake.run(TABLE)[TABLE].account
    assert (account.rows_loaded, account.rows_deduplicated) == (40, 10)
    lake.land("web_events/2.jsonl", EVENTS[30:45])
    account = lake.run(TABLE)[TABLE].account
    assert (account.rows_loaded, account.rows_deduplicated) == (5, 10)


@pytest.mark.slow
def test_rows_and_rejects_outlive_their_records(lake, records):
    """A rebuild asks the topic for nothing old: it may not be there any more."""
    records.send(*MIXED)
    lake.run(THROUGH)
    before = content(lake)
    for partition in range(PARTITIONS):
        records.delete_before(partition, -1)
    lake.run(THROUGH, full_refresh=True)
    assert content(lake) == before
    records.send(page_view(99))
    lake.run(TABLE, full_refresh=True)
    assert len(lake.rows(TABLE)) == len(before[TABLE]) + 1


def test_messages_without_a_value_are_left_out_and_framed_and_nested_ones_read(lake, records):
    framed = b"\x00\x00\x00\x00\x07" + told(page_view(1))
    several = told([page_view(2), page_view(3)])  # type: ignore[arg-type]  # an array, on purpose
    bad = b"\x00\x00\x00\x00\x07{"
    records.send(None, framed, several, None, bad)
    account = lake.run(TABLE)[TABLE].account
    assert (account.rows_in, account.rows_loaded, account.rows_left_out) == (6, 3, 2)
    assert {row["event_id"] for row in lake.rows(TABLE)} == {"e1", "e2", "e3"}
    (reject,) = views.rejected(lake.registry[TABLE].table, lake.settings, None)
    assert reject["raw"] == bad, "as it came, with what the serializer wrote before it"
    assert reject["source_file"] == f"{TOPIC}/1@0"
    assert reject["source_line"] == 1, "its offset"


def run_until(lake: LakeDriver, n: int) -> set[str]:
    """Ids of the events once there are so many: a broker decides a transaction a moment later."""
    deadline = time.monotonic() + PATIENCE_S
    while len(lake.rows(TABLE)) < n:
        assert time.monotonic() < deadline
        lake.run(TABLE)
    return {row["event_id"] for row in lake.rows(TABLE)}


def test_records_of_a_transaction_count_when_it_is_decided(lake, records, broker):
    producer = Producer({"bootstrap.servers": broker.bootstrap, "transactional.id": "t"})
    producer.init_transactions(PATIENCE_S)
    producer.begin_transaction()
    producer.produce(TOPIC, told(page_view(1)), partition=0)
    producer.flush(PATIENCE_S)
    records.send(page_view(2))  # behind it, in the same partition
    lake.land("web_events/1.jsonl", [page_view(9)])
    lake.run(TABLE)
    assert {row["event_id"] for row in lake.rows(TABLE)} == {"e9"}, "it is open: both wait"
    producer.abort_transaction(PATIENCE_S)
    assert run_until(lake, 2) == {"e9", "e2"}
    producer.begin_transaction()
    producer.produce(TOPIC, told(page_view(3)), partition=0)
    producer.commit_transaction(PATIENCE_S)
    assert run_until(lake, 3) == {"e9", "e2", "e3"}
    assert lake.run(TABLE)[TABLE].outcome == "unchanged"


def test_records_that_were_deleted_unconsumed_stop_it_until_somebody_accepts_that(lake, records):
    records.send(*EVENTS[:9])
    lake.run(TABLE)
    records.send(*EVENTS[9:30])
    records.delete_before(0, 5)  # of the partition's ten, three were consumed
    failed = lake.try_run(TABLE)[TABLE]
    assert isinstance(failed.error, InputQualityError)
    assert f"2 offsets of topic {TOPIC} were deleted before they were consumed" in str(failed.error)
    assert "--accept-loss" in str(failed.error)
    assert len(lake.rows(TABLE)) == 9
    accepting = lake.settings.model_copy(update={"topic_accept_loss": True})
    done = replace(lake, settings=accepting).run(TABLE)[TABLE]
    assert "0: 3 to 4" in done.reason
    assert len(lake.rows(TABLE)) == 28


def test_a_topic_that_was_made_again_stops_it_until_somebody_accepts_that(lake, records):
    records.send(*EVENTS[:30])
    lake.run(TABLE)
    records.make()
    records.send(*EVENTS[25:40])
    failed = lake.try_run(TABLE)[TABLE]
    assert isinstance(failed.error, InputQualityError)
    assert "was deleted and made again" in str(failed.error)
    accepting = lake.settings.model_copy(update={"topic_accept_loss": True})
    done = replace(lake, settings=accepting).run(TABLE)[TABLE]
    assert "made again" in done.reason
    assert len(lake.rows(TABLE)) == 40
    assert lake.run(TABLE)[TABLE].outcome == "unchanged", "what was accepted is not asked again"


@pytest.mark.slow
def test_a_broker_that_is_away_asks_for_a_retry(lake, records, broker):
    records.send(*EVENTS[:3])
    lake.run(TABLE)
    broker.down()
    failed = lake.try_run(TABLE)[TABLE]
    assert isinstance(failed.error, UpstreamMissingError)
    assert "does not answer" in str(failed.error)
    broker.up()
    assert lake.run(TABLE)[TABLE].outcome == "unchanged"


# ------------------------------------------------------------------------ lakehouse stream


def stream(lake: LakeDriver, *arguments: str, **settings: object) -> Any:
    settings = {"kafka_bootstrap": lake.settings.kafka_bootstrap} | settings
    return lakehouse(lake, "stream", "--json", *arguments, **settings)


def test_killed_anywhere_every_record_is_there_once(lake, make, records):
    rows = [*REJECTS, *EVENTS, *EVENTS[10:20]]  # rejects first: each attempt meets them again
    size = len(rows) // len(POINTS)
    for number, point in enumerate(POINTS):
        records.send(*rows[number * size : (number + 1) * size])
        done = stream(lake, "--once", fault=f"{point}@{TABLE}")
        assert done.code == -signal.SIGKILL, (point, done.err)
    done = stream(lake, "--once", "--through", COMPARED[-1])
    assert done.code == 0, done.err
    assert consumed(lake) == size * len(POINTS)
    other = make("undisturbed")
    other.run(THROUGH)
    assert content(lake) == content(other)
    rejected = views.rejected(lake.registry[TABLE].table, lake.settings, None)
    places = [(row["source_file"].partition("@")[0], row["source_line"]) for row in rejected]
    assert len(places) == len(set(places)), "no reject stands there twice"


def test_control_one_that_forgets_its_position_reads_all_again(lake, records):
    records.send(*EVENTS)
    lake.run(TABLE)
    states = lake.open().states
    state = states.published(TABLE)
    manifest, _ = parts_of(state.position)
    states.replace(replace(state, position=manifest))
    again = lake.run(TABLE)[TABLE]
    assert again.account.rows_deduplicated == len(EVENTS), "the identity of rows is the last net"


def test_a_second_one_is_told_and_a_signal_ends_the_first_after_its_batch(lake, records):
    records.send(*EVENTS)
    first = subprocess.Popen(
        command_line("stream", "--interval", "0.5"),
        env=environment(lake, kafka_bootstrap=lake.settings.kafka_bootstrap),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = first.stdout.readline()
        assert f"{TOPIC}: 60 offsets" in line
        assert "60 new" in line
        second = stream(lake, "--once")
        assert second.code == 75
        assert f"pid {first.pid}" in second.err
        records.send(page_view(70), b"{")
        line = first.stdout.readline()
        assert "1 new, 1 rejected" in line
    finally:
        first.send_signal(signal.SIGTERM)
        out, err = first.communicate(timeout=60)
    assert first.returncode == 0, out + err
    assert len(lake.rows(TABLE)) == 61


def test_once_takes_batches_until_all_that_was_there_is_consumed(lake, records):
    records.send(*EVENTS)
    done = stream(lake, "--once", "--most", "25")
    assert done.code == 0, done.err
    batches = [json.loads(text) for text in _objects(done.out)]
    assert sum(each["consumed"] for each in batches) == len(EVENTS)
    assert len(batches) >= 3


def test_what_comes_while_a_batch_runs_is_counted_and_ends_it_all_the_same(
    lake, records, monkeypatch
):
    """A run looks again: it may take more than was seen before it, and then all is consumed."""
    records.send(*EVENTS[:10])
    stop = threading.Event()
    with lake.open() as opened:
        run, consumption = opened.run, Consumption(opened, TABLE, (TABLE,), 0)

        def run_later(*arguments):
            records.send(*EVENTS[10:20])
            deadline = time.monotonic() + PATIENCE_S
            while consumption.look().n < 20:
                assert time.monotonic() < deadline, "the broker shows what it took"
            return run(*arguments)

        monkeypatch.setattr(opened, "run", run_later)
        alarm = threading.Timer(4 * PATIENCE_S, stop.set)
        alarm.start()
        done = list(consumption.batches(stop, once=True))
        alarm.cancel()
    assert not stop.is_set(), "it ended by itself"
    assert [batch.n for batch in done] == [20]


def test_a_batch_that_a_gate_finds_fault_with_says_so(lake, records):
    records.send(EVENTS[0])
    lake.run(TABLE)
    records.send(*REJECTS)
    done = lakehouse(lake, "stream", "--once", kafka_bootstrap=lake.settings.kafka_bootstrap)
    assert done.code == 0, done.err
    assert "of the input rows were quarantined" in " ".join((done.out + done.err).split())


def _objects(text: str) -> Iterator[str]:
    """The JSON objects that stand one after the other in a text."""
    decoder, place = json.JSONDecoder(), 0
    while text[place:].strip():
        place += len(text[place:]) - len(text[place:].lstrip())
        _, end = decoder.raw_decode(text, place)
        yield text[place:end]
        place = end


def test_a_topic_without_a_record_is_waited_for(lake, records):
    done = lakehouse(lake, "stream", "--once", kafka_bootstrap=lake.settings.kafka_bootstrap)
    assert (done.code, done.out) == (0, f"{TOPIC}: no record ever came\n"), done.err


def test_where_no_broker_is_known_it_says_how_to_get_one(lake):
    done = stream(lake, "--once", kafka_bootstrap="")
    assert done.code == 78
    assert "lakehouse kafka up" in done.err
