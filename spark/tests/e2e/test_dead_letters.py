"""Poison in a topic on a real Kafka: dead letters in their table and topic, and replays."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from streaming.topic_records import make_anew
from support import lakehouse, new_lake

from lakehouse.catalog import views
from lakehouse.engine.maintenance import maintain
from lakehouse.io.fault_points import LETTER_POINTS, POINTS
from lakehouse.streaming import dead_letters
from lakehouse.streaming.dead_letters import bring

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

    from conftest import LakeDriver
    from lakehouse.streaming.broker import Broker

pytestmark = [pytest.mark.kafka, pytest.mark.turns(4), pytest.mark.spark, pytest.mark.timeout(900)]

TOPIC, TABLE, LETTERS = "topic_web_events", "bronze.web_events", "bronze.web_dead_letters"
DLQ = f"{TOPIC}.dlq"
PATIENCE_S = 30
MOMENT_MS = 1_767_607_200_000
ODD_KEY = b"\xff\x00key"
ODD_HEADERS = [("trace", b"\x00\xfe"), ("trace", None), ("schema_version", b"3"), ("empty", b"")]


def page_view(n: int, **more: Any) -> dict[str, Any]:
    return {
        "event_id": f"e{n}",
        "event_type": "page_view",
        "timestamp": f"2026-01-05T10:00:{n:02}Z",
        "anonymous_id": "d1",
        "properties": {"page_url": "https://www.example.com/"},
        **more,
    }


def told(row: dict[str, Any]) -> bytes:
    return json.dumps(row).encode()


WITHOUT_ID = told({key: value for key, value in page_view(30).items() if key != "event_id"})
UNKNOWN = told(page_view(31, event_type="no_such_type"))
LONG = b'{"event_id": "' + b"x" * 2_000_000 + b'"}'
FRAMED = b"\x00\x00\x00\x00\x07{"
POISON = {
    b"\xff\xfe": ["invalid_utf8"],
    b"{broken": ["malformed_row"],
    b"[1, 2]": ["malformed_row"],
    b"": ["malformed_row"],
    WITHOUT_ID: ["missing:event_id"],
    UNKNOWN: ["unknown:event_type"],
    LONG: ["missing:event_type", "missing:timestamp", "missing:anonymous_id_or_user_id"],
    FRAMED: ["malformed_row"],
}


class Topics:
    """The topics of web events and of their dead letters on a broker, made anew."""

    def __init__(self, servers: str) -> None:
        reach = {"bootstrap.servers": servers, "log_level": 0}
        self.reach = reach
        self.admin = AdminClient(reach)
        self.producer = Producer(reach | {"acks": "all", "message.max.bytes": 4_000_000})

    def make(self, n_partitions: int = 2) -> None:
        limits = {"max.message.bytes": "2100000"}
        make_anew(self.admin, NewTopic(TOPIC, n_partitions, 1, config=limits), DLQ)

    def send(self, *values: bytes | None, **more: Any) -> None:
        """To partition 0, in order."""
        for value in values:
            self.producer.produce(TOPIC, value, **{"partition": 0, **more})
        assert self.producer.flush(PATIENCE_S) == 0

    def dead(self) -> list[Any]:
        """Messages of the topic of dead letters."""
        about = self.admin.list_topics(timeout=PATIENCE_S).topics
        if DLQ not in about:
            return []
        own = {"group.id": "t", "enable.auto.commit": False, "enable.partition.eof": True}
        consumer, found, ends = Consumer(self.reach | own), [], 0
        consumer.assign([TopicPartition(DLQ, n, 0) for n in about[DLQ].partitions])
        while ends < len(about[DLQ].partitions):
            message = consumer.poll(PATIENCE_S)
            assert message is not None
            if message.error() is None:
                found.append(message)
            else:
                ends += 1
        consumer.close()
        return found


@pytest.fixture
def topics(broker: Broker) -> Topics:
    broker.up()
    found = Topics(broker.bootstrap or "")
    found.make()
    return found


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path, topics: Topics, broker: Broker) -> LakeDriver:
    return new_lake(tmp_path / "lake", spark, kafka_bootstrap=broker.bootstrap)


def headers_of(message: Any) -> dict[str, str]:
    ours = (each for each in message.headers() if each[0].startswith("dead_letter."))
    return {name.removeprefix("dead_letter."): value.decode() for name, value in ours}


def letters(lake: LakeDriver) -> list[dict[str, Any]]:
    """Rows of the table of dead letters, by offset and attempt."""
    rows = lake.rows(LETTERS)
    return sorted(rows, key=lambda row: (row["kafka_offset"], row["attempts"]))


def brought(lake: LakeDriver) -> int:
    """New rows of the table of dead letters."""
    with lake.open() as opened:
        outcomes = bring(opened, TABLE)
    assert [outcome.error for outcome in outcomes] == [None] * len(outcomes)
    return sum(outcome.account.rows_loaded for outcome in outcomes)


@pytest.mark.spark_too
def test_each_poison_is_one_row_and_one_message_and_good_ones_pass(lake, topics):
    good = [told(page_view(n)) for n in range(len(POISON) + 1)]
    topics.send(good[0])
    for n, value in enumerate(POISON, 1):
        topics.send(value, key=ODD_KEY, headers=ODD_HEADERS, timestamp=MOMENT_MS + n)
        topics.send(good[n])
    topics.send(None, key=b"tombstone")
    account = lake.run(TABLE)[TABLE].account
    assert (account.rows_loaded, account.rows_quarantined, account.rows_left_out) == (9, 8, 1)
    assert brought(lake) == 8
    rows = letters(lake)
    assert [row["kafka_offset"] for row in rows] == [1, 3, 5, 7, 9, 11, 13, 15]
    assert {(row["kafka_topic"], row["kafka_partition"]) for row in rows} == {(TOPIC, 0)}
    assert [row["value"] for row in rows] == [*POISON]
    assert [row["reason"] for row in rows] == [", ".join(reasons) for reasons in POISON.values()]
    classes = ["invalid_utf8", *3 * ["malformed_row"], "missing", "unknown", "missing"]
    assert [row["reason_class"] for row in rows] == [*classes, "malformed_row"]
    assert {row["key"] for row in rows} == {ODD_KEY}
    assert [row["kafka_at_ms"] for row in rows] == [MOMENT_MS + n for n in range(1, 9)]
    assert {row["schema_version"] for row in rows} == {"3"}
    assert {(row["status"], row["attempts"]) for row in rows} == {("dead", 1)}
    as_told = '[["trace", "base64,AP4="], ["trace", null], ["schema_version", "base64,Mw=="], '
    assert {row["headers"] for row in rows} == {as_told + '["empty", "base64,"]]'}
    messages = sorted(topics.dead(), key=lambda m: int(headers_of(m)["offset"]))
    assert [message.value() for message in messages] == [*POISON]
    assert {message.key() for message in messages} == {ODD_KEY}
    assert all(message.headers()[:4] == ODD_HEADERS for message in messages)
    assert (
        headers_of(messages[0]).items()
        >= {
            "topic": TOPIC,
            "partition": "0",
            "offset": "1",
            "reason": "invalid_utf8",
            "reason_class": "invalid_utf8",
            "schema_version": "3",
            "attempts": "1",
            "status": "dead",
        }.items()
    )
    assert brought(lake) == 0
    assert len(topics.dead()) == 8, "nothing is sent twice"


def test_without_key_headers_and_version_nothing_is_told(lake, topics):
    topics.send(b"{", FRAMED, told(page_view(1)))
    lake.run(TABLE)
    brought(lake)
    plain, framed = letters(lake)
    assert (plain["key"], plain["headers"], plain["schema_version"]) == (None, "[]", None)
    assert framed["schema_version"] == "7", "the registry's id before the value"


def test_parts_of_one_message_are_letters_of_their_own(lake, topics):
    topics.send(told([page_view(1), page_view(2, event_type="a"), page_view(3, event_type="b")]))  # type: ignore[arg-type]  # an array, on purpose
    assert lake.run(TABLE)[TABLE].account.rows_loaded == 1
    assert brought(lake) == 2
    rows = letters(lake)
    assert [row["kafka_offset"] for row in rows] == [0, 0]
    assert {json.loads(row["value"])["event_type"] for row in rows} == {"a", "b"}


# -------------------------------------------------------------- killed between table and topic


def stream(lake: LakeDriver, *arguments: str, **settings: object) -> Any:
    settings = {"kafka_bootstrap": lake.settings.kafka_bootstrap} | settings
    return lakehouse(lake, "stream", "--once", *arguments, **settings)


@pytest.mark.parametrize("point", LETTER_POINTS)
def test_killed_before_or_after_sending_every_letter_is_a_row_once(lake, topics, point):
    topics.send(told(page_view(1)), b"{", UNKNOWN)
    done = stream(lake, fault=f"{point}@{TABLE}")
    assert done.code == -signal.SIGKILL, done.err
    assert len(lake.rows(TABLE)) == 1, "the rows are published"
    assert lake.open().states.published(LETTERS) is None
    done = stream(lake)
    assert done.code == 0, done.err
    assert [row["kafka_offset"] for row in letters(lake)] == [1, 2]
    sent = [(headers_of(each)["offset"], headers_of(each)["part"]) for each in topics.dead()]
    assert len(set(sent)) == 2, "one that came twice can be told by its coordinates"
    assert len(sent) == (2 if point == LETTER_POINTS[0] else 4)


def test_control_one_that_sends_what_its_own_run_rejected_leaves_letters_out(
    lake, topics, monkeypatch
):
    """Without the comparison of quarantine and table, a killed run's letters are lost."""
    topics.send(told(page_view(1)), b"{")
    stream(lake, fault=f"{LETTER_POINTS[0]}@{TABLE}")
    topics.send(told(page_view(2)), UNKNOWN)
    run_id = lake.run(TABLE)[TABLE].run_id
    held = dead_letters._HELD
    monkeypatch.setattr(dead_letters, "_HELD", f"{held} AND run_id = '{run_id}'")
    brought(lake)
    assert [row["kafka_offset"] for row in letters(lake)] == [3]
    monkeypatch.undo()
    brought(lake)
    assert [row["kafka_offset"] for row in letters(lake)] == [1, 3]


# ------------------------------------------------------------------------------------ replays


def dlq(lake: LakeDriver, *arguments: str, **settings: object) -> Any:
    settings = {"kafka_bootstrap": lake.settings.kafka_bootstrap} | settings
    return lakehouse(lake, "dlq", *arguments, **settings)


LONGER = told(page_view(5, note="x" * 2_000))
"""A good event, were it allowed to be so long."""
SHORT = {"max_line_bytes": 1_024}


@pytest.fixture
def rejected(lake: LakeDriver, topics: Topics) -> LakeDriver:
    """A lake that rejected two events, one of which is fine by other settings."""
    topics.send(told(page_view(1)), LONGER, UNKNOWN)
    done = stream(lake, **SHORT)
    assert done.code == 0, done.err
    assert [row["reason"] for row in letters(lake)] == ["line_too_long", "unknown:event_type"]
    return lake


@pytest.mark.spark_too
def test_a_replay_loads_what_passes_once_and_counts_the_attempts_of_the_others(rejected, topics):
    lake = rejected
    done = dlq(lake, "replay", "--dry-run", "--json")
    verdicts = [(row["verdict"], row["n"]) for row in json.loads(done.out)]
    assert sorted(verdicts) == [("accepted", 1), ("unknown:event_type", 1)]
    assert len(lake.rows(TABLE)) == 1, "a dry run changes nothing"
    done = dlq(lake, "replay")
    assert done.code == 0, done.err
    assert {row["event_id"] for row in lake.rows(TABLE)} == {"e1", "e5"}
    found = [(row["kafka_offset"], row["status"], row["attempts"]) for row in letters(lake)]
    assert found == [(1, "dead", 1), (1, "replayed", 2), (2, "dead", 1), (2, "dead", 2)]
    done = dlq(lake, "replay")
    assert done.code == 0, done.err
    assert len(lake.rows(TABLE)) == 2, "a second replay adds nothing"
    found = [(row["kafka_offset"], row["status"], row["attempts"]) for row in letters(lake)]
    assert found[2:] == [(2, "dead", 1), (2, "dead", 2), (2, "dead", 3)]
    (left,) = views.rejected(lake.registry[TABLE].table, lake.settings, None)
    assert left["raw"] == UNKNOWN
    assert [headers_of(each)["status"] for each in topics.dead()].count("replayed") == 1


def test_a_replay_of_one_reason_leaves_the_others_as_they_are(rejected):
    done = dlq(rejected, "replay", "--reason", "unknown")
    assert done.code == 0, done.err
    found = [(row["kafka_offset"], row["status"], row["attempts"]) for row in letters(rejected)]
    assert found == [(1, "dead", 1), (2, "dead", 1), (2, "dead", 2)]
    done = dlq(rejected, "replay", "--reason", "no_such")
    assert "of that reason" in done.err
    done = dlq(rejected, "replay", "--reason", "line_too_long")
    assert done.code == 0, done.err
    assert len(rejected.rows(TABLE)) == 2


@pytest.mark.parametrize("point", POINTS)
def test_a_replay_that_is_killed_loses_nothing(rejected, point):
    """A record that it accepted stands nowhere but in the version that nobody published."""
    done = dlq(rejected, "replay", fault=f"{point}@{TABLE}")
    assert done.code == -signal.SIGKILL, done.err
    done = stream(rejected)
    assert done.code == 0, done.err
    done = dlq(rejected, "replay")
    assert done.code == 0, done.err
    assert {row["event_id"] for row in rejected.rows(TABLE)} == {"e1", "e5"}
    (left,) = views.rejected(rejected.registry[TABLE].table, rejected.settings, None)
    assert left["raw"] == UNKNOWN


def test_list_counts_and_show_prints_what_came(lake, topics):
    key, headers = b"\x1b[31mk\xff", [("h", b"\x07")]
    topics.send(
        told(page_view(1)), b"{\x1b[2J", b"{", key=key, headers=headers, timestamp=MOMENT_MS
    )
    topics.send(WITHOUT_ID, timestamp=MOMENT_MS + 60_000)
    lake.run(TABLE)
    (first, second) = json.loads(dlq(lake, "list", "--json").out)
    assert (first["reason_class"], first["n"], first["attempts"]) == ("malformed_row", 2, 1)
    assert first["oldest"] == first["newest"] == "2026-01-05T10:00:00+00:00"
    assert (second["reason_class"], second["oldest"]) == ("missing", "2026-01-05T10:01:00+00:00")
    done = dlq(lake, "show", f"{TOPIC}/0@1")
    assert "\x1b" not in done.out, "what data says is shown, never obeyed"
    assert "malformed_row" in done.out
    assert "value (5 bytes):" in done.out
    (row,) = json.loads(dlq(lake, "show", "--reason", "missing:event_id", "--json").out)
    assert (row["coordinates"], row["value"]) == (f"{TOPIC}/0@3", WITHOUT_ID.decode())
    assert row["key"] is None
    assert dlq(lake, "show", "nowhere").code == 78


def test_after_maintenance_letters_are_found_and_a_replay_works(rejected):
    with rejected.open() as opened:
        maintain(opened, [TABLE], with_ops=False)
    assert brought(rejected) == 0
    done = dlq(rejected, "replay")
    assert done.code == 0, done.err
    assert [row["status"] for row in letters(rejected)] == ["dead", "replayed", "dead", "dead"]
