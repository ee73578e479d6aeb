"""The topic of web events on a real Kafka, and what is sent to it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from lakehouse.errors import UpstreamMissingError
from lakehouse.landing.topic import Topic

if TYPE_CHECKING:
    from lakehouse.streaming.broker import Broker

TOPIC, TABLE = "topic_web_events", "bronze.web_events"
PARTITIONS = 3
PATIENCE_S = 30


def page_view(n: int, who: str = "a", **more: Any) -> dict[str, Any]:
    return {
        "event_id": f"e{n}",
        "event_type": "page_view",
        "timestamp": f"2026-01-05T10:{n % 60:02}:{n // 60:02}Z",
        "anonymous_id": who,
        "properties": {"page_url": f"https://www.example.com/{n % 5}"},
        **more,
    }


def told(row: dict[str, Any] | bytes) -> bytes:
    return row if isinstance(row, bytes) else json.dumps(row).encode()


def make_anew(admin: AdminClient, new: NewTopic, *others: str) -> None:
    """Make a topic in place of one that is there; others go with that one."""
    there = {new.topic, *others} & admin.list_topics(timeout=PATIENCE_S).topics.keys()
    if there:
        for each in admin.delete_topics([*there]).values():
            each.result(PATIENCE_S)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            admin.create_topics([new])[new.topic].result(PATIENCE_S)
        except KafkaException:  # the old one is still going
            assert time.monotonic() < deadline
            time.sleep(0.2)
        else:
            return


class Records:
    """The topic of web events on a broker, made anew."""

    def __init__(self, servers: str) -> None:
        reach = {"bootstrap.servers": servers, "log_level": 0}
        self.admin = AdminClient(reach)
        self.topic = Topic(TOPIC, reach)
        self.producer = Producer(reach | {"acks": "all"})

    def make(self, **config: str) -> None:
        """Make it without a record, in place of one that is there."""
        before = self.topic.there()
        make_anew(self.admin, NewTopic(TOPIC, PARTITIONS, 1, config=config))
        deadline = time.monotonic() + PATIENCE_S
        while not self._is_new(before and before[0]):  # what is sent now could go to the old one
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def _is_new(self, before: str | None) -> bool:
        try:
            there = self.topic.there()
        except UpstreamMissingError:  # the broker does not lead its partitions yet
            return False
        return there is not None and there[0] != before and {*there[1].values()} == {(0, 0)}

    def send(self, *rows: dict[str, Any] | bytes | None) -> None:
        """Spread records over the partitions."""
        for n, row in enumerate(rows):
            value = None if row is None else told(row)
            self.producer.produce(TOPIC, value, key=f"{n}", partition=n % PARTITIONS)
        assert self.producer.flush(PATIENCE_S) == 0

    def delete_before(self, partition: int, offset: int) -> None:
        """What retention does."""
        self.admin.list_topics(TOPIC, timeout=PATIENCE_S)  # it remembers fewer partitions otherwise
        before = TopicPartition(TOPIC, partition, offset)
        self.admin.delete_records([before])[before].result(PATIENCE_S)


@pytest.fixture
def records(broker: Broker) -> Records:
    """The topic without a record, on a broker that runs, whatever the test before did."""
    broker.up()
    found = Records(broker.bootstrap or "")
    found.make()
    return found
