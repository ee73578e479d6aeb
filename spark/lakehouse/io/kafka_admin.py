"""An admin client of brokers whose errors a person can act on: away, or a setting of ours.

librdkafka tries a refused login again and again and calls it a timeout; why it was refused it tells
by the way, to whoever listens.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, NewTopic

from lakehouse.errors import BrokerError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import OffsetSpec, TopicDescription

PATIENCE_S = 10.0
STEP_S = 1.0
"""A refused login is told after this; librdkafka alone would try it again and again."""
_IS_INTERNAL = "__"
_MOST_SAID = 100
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
_UNREACHABLE = KafkaError._TRANSPORT  # noqa: SLF001  # same


def refused(servers: str, reasons: Iterable[KafkaError]) -> ConfigError | None:
    """The error of what no waiting mends; None where none of the reasons is of that kind."""
    for reason in reasons:
        if reason.code() in _OURS_TO_MEND:
            return ConfigError(f"Kafka at {servers} refused: {reason.str()}", servers=servers)
    return None


class Admin:
    """An admin client. Each question may raise ConfigError or BrokerError."""

    def __init__(self, config: Mapping[str, Any], patience_s: float = PATIENCE_S) -> None:
        """Nothing is asked yet.

        Args:
            config: Of a client.
            patience_s: Within this a broker answers, or it is away.
        """
        self._servers = str(config["bootstrap.servers"])
        self._patience_s = patience_s
        self._said: deque[KafkaError] = deque(maxlen=_MOST_SAID)
        # Its own lines on stderr say less than our error.
        mine: dict[str, Any] = {"error_cb": self._said.append, "log_level": 0}
        self._client = AdminClient({**config, **mine})

    def partitions(self) -> dict[str, int]:
        """Number of partitions by topic, Kafka's own topics left out."""
        self._listen()
        deadline = time.monotonic() + self._patience_s
        while True:
            try:
                found = self._client.list_topics(timeout=STEP_S).topics
            except KafkaException as error:
                told = self._told(error)
                if isinstance(told, ConfigError) or time.monotonic() > deadline:
                    raise told from error
            else:
                shown = (name for name in found if not name.startswith(_IS_INTERNAL))
                return {name: len(found[name].partitions) for name in shown}

    def describe(self, name: str) -> TopicDescription | None:
        """A topic, its id and its partitions; None where there is none of this name."""
        self._listen()
        asked = TopicCollection([name])
        try:
            told = self._client.describe_topics(asked, request_timeout=self._patience_s)
            found: TopicDescription = told[name].result()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return None
            raise self._told(error) from error
        return found

    def offsets(
        self,
        partitions: Iterable[TopicPartition],
        spec: OffsetSpec,
        isolation: IsolationLevel = IsolationLevel.READ_UNCOMMITTED,
    ) -> dict[tuple[str, int], int]:
        """Offset by topic and partition."""
        asked = dict.fromkeys(partitions, spec)
        if not asked:
            return {}
        self._listen()
        try:
            answers = self._client.list_offsets(
                asked, isolation_level=isolation, request_timeout=self._patience_s
            )
            return {(it.topic, it.partition): of.result().offset for it, of in answers.items()}
        except KafkaException as error:
            raise self._told(error) from error

    def make(self, name: str, n_partitions: int) -> bool:
        """Make a topic, known to the broker when this ends; False where it is there."""
        self._listen()
        new = NewTopic(name, num_partitions=n_partitions)  # copies: as many as the broker's default
        made = self._client.create_topics(
            [new], operation_timeout=self._patience_s, request_timeout=self._patience_s
        )
        try:
            made[name].result()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                return False
            raise self._told(error) from error
        return True

    def _listen(self) -> None:
        """Forget what was said before this question: a login that was refused may be right now."""
        self._client.poll(0)
        self._said.clear()

    def _told(self, error: KafkaException) -> BrokerError | ConfigError:
        """What a question's error means.

        A handshake that breaks off because the broker ends is called a failed login, too: what was
        said before the broker could not be reached at all counts for nothing.
        """
        self._client.poll(0)
        last: list[KafkaError] = []
        for reason in self._said:
            last = [reason] if reason.code() == _UNREACHABLE else [*last, reason]
        reasons = [*last, error.args[0]]
        away = f"Kafka at {self._servers} does not answer: {reasons[0].str()}"
        return refused(self._servers, reasons) or BrokerError(
            away, servers=self._servers, reason=reasons[0].str()
        )
