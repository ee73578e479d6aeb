"""The topics of this lake's brokers: what there is, and making one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from confluent_kafka import TopicPartition
from confluent_kafka.admin import OffsetSpec

from lakehouse.errors import ConfigError
from lakehouse.io.kafka import client_config
from lakehouse.io.kafka_admin import Admin

if TYPE_CHECKING:
    from lakehouse.settings import Settings


@dataclass(frozen=True)
class Held:
    """What a partition holds.

    Attributes:
        topic: Its topic.
        partition: Its number.
        low: Offset of the oldest message that is there.
        high: Offset that the next message gets; low and high are equal where there is none.
    """

    topic: str
    partition: int
    low: int
    high: int


def topics(settings: Settings) -> list[Held]:
    """Every partition of every topic, Kafka's own topics left out.

    Raises:
        ConfigError: No broker is there, or it refuses the login.
        BrokerError: The broker does not answer.
    """
    client = Admin(client_config(settings))
    found = client.partitions()
    every = [TopicPartition(name, number) for name, n in found.items() for number in range(n)]
    low, high = (
        client.offsets(every, spec) for spec in (OffsetSpec.earliest(), OffsetSpec.latest())
    )
    return sorted(
        (Held(name, number, low[name, number], high[name, number]) for name, number in low),
        key=lambda held: (held.topic, held.partition),
    )


def create(settings: Settings, name: str, n_partitions: int) -> bool:
    """Make a topic unless it is there; whether it had to be made.

    Raises:
        ConfigError: It is there with another number of partitions, its name is none, or no broker
            is there.
        BrokerError: The broker does not answer.
    """
    client = Admin(client_config(settings))
    if client.make(name, n_partitions):
        return True
    there = client.partitions()[name]
    if there != n_partitions:
        raise ConfigError(
            f"topic {name} is there with {there} partitions, not {n_partitions}, and stays as it is"
            f": with more, keys would move. Use `--partitions {there}`, or another name",
            topic=name,
            partitions=there,
        )
    return False
