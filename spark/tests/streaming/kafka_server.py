"""A real Kafka for the tests of topics: one a test process. Tests use topics of their own names."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from lakehouse.io.kafka import client_config
from lakehouse.settings import load_settings
from lakehouse.streaming.broker import Broker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lakehouse.settings import Settings


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """A broker of a lake of its own."""
    with tempfile.TemporaryDirectory() as folder:
        own = Broker.of(load_settings(root=folder))
        own.up()
        yield own
        own.down()


@pytest.fixture
def kafka_lake(broker: Broker) -> Settings:
    """Settings of the lake whose broker that is; it runs, whatever the test before did."""
    broker.up()
    return load_settings(root=str(broker.home.parent))


def produce(settings: Settings, topic: str, values: Sequence[bytes], partition: int = 0) -> None:
    """Send messages to a partition, and wait until the broker has them."""
    producer = Producer(client_config(settings) | {"acks": "all"})
    for value in values:
        producer.produce(topic, value, partition=partition)
    assert producer.flush(30) == 0


def consume(settings: Settings, topic: str, n: int, partition: int = 0) -> list[bytes | None]:
    """The first messages of a partition."""
    own = {"group.id": "tests", "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    consumer = Consumer(client_config(settings) | own)
    try:
        consumer.assign([TopicPartition(topic, partition, 0)])
        found = consumer.consume(n, timeout=30)
        assert [message.error() for message in found] == [None] * len(found)
        return [message.value() for message in found]
    finally:
        consumer.close()
