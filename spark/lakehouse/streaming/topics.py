"""The topics of this lake's brokers: what there is, and making one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from lakehouse.errors import BrokerError, ConfigError
from lakehouse.io.kafka import client_config

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lakehouse.settings import Settings

PATIENCE_S = 10.0
STEP_S = 1.0
"""A refused login is told after this; librdkafka alone would try it again and again."""
_IS_INTERNAL = "__"
_OURS_TO_MEND = {
    KafkaError.INVALID_PARTITIONS,
    KafkaError.POLICY_VIOLATION,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TOPIC_EXCEPTION,  # its name
    KafkaError._AUTHENTICATION,  # noqa: SLF001  # librdkafka's own errors begin with _
    KafkaError._SSL,  # noqa: SLF001  # same
}
"""What the broker would say again: of a name, a right or a login."""


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
    client = _Client(settings)
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
    client = _Client(settings)
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


class _Client:
    """An admin client that raises what a person can act on."""

    def __init__(self, settings: Settings) -> None:
        config = client_config(settings)
        self._bootstrap = config["bootstrap.servers"]
        self._said: list[KafkaError] = []
        # Its own lines on stderr say less than our error.
        self._admin = AdminClient(config | {"error_cb": self._said.append, "log_level": 0})

    def partitions(self) -> dict[str, int]:
        """Number of partitions by topic."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                found = self._admin.list_topics(timeout=STEP_S).topics
            except KafkaException as error:
                told = self._told(error)
                if isinstance(told, ConfigError) or time.monotonic() > deadline:
                    raise told from error
            else:
                shown = (name for name in found if not name.startswith(_IS_INTERNAL))
                return {name: len(found[name].partitions) for name in shown}

    def offsets(
        self, partitions: Iterable[TopicPartition], spec: OffsetSpec
    ) -> dict[tuple[str, int], int]:
        """Offset by topic and partition."""
        asked = dict.fromkeys(partitions, spec)
        if not asked:
            return {}
        answers = self._admin.list_offsets(asked, request_timeout=PATIENCE_S)
        try:
            return {(it.topic, it.partition): of.result().offset for it, of in answers.items()}
        except KafkaException as error:
            raise self._told(error) from error

    def make(self, name: str, n_partitions: int) -> bool:
        """Make a topic, known to the broker when this ends; False where it is there."""
        new = NewTopic(name, num_partitions=n_partitions)  # copies: as many as the broker's default
        made = self._admin.create_topics(
            [new], operation_timeout=PATIENCE_S, request_timeout=PATIENCE_S
        )
        try:
            made[name].result()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                return False
            raise self._told(error) from error
        return True

    def _told(self, error: KafkaException) -> BrokerError | ConfigError:
        self._admin.poll(0)
        reasons = [*self._said, error.args[0]]
        for reason in reasons:
            if reason.code() in _OURS_TO_MEND:
                return ConfigError(f"Kafka at {self._bootstrap} refused: {reason.str()}")
        return BrokerError(f"Kafka at {self._bootstrap} does not answer: {reasons[0].str()}")
