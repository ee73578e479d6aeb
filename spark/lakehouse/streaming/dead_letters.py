"""Dead letters: rejected records of a topic, sent to its topic of dead letters, and taken up.

What to send is what stands in the quarantine and not in the table of dead letters: nobody has to
remember anything, so a process that is killed between the two leaves nothing out. It may send a
letter twice; coordinates, part and attempt say that it is one, and the table has it once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from lakehouse.catalog import dead_letters
from lakehouse.catalog.dead_letters import REPLAYED, Letter
from lakehouse.engine.job import new_request
from lakehouse.errors import BrokerError, ConfigError
from lakehouse.io import delta_log, kafka, ops
from lakehouse.io.fault_points import fault_point
from lakehouse.landing.messages import OURS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lakehouse.engine.lake import Lake
    from lakehouse.engine.outcome import Outcome
    from lakehouse.settings import Settings
    from lakehouse.spec import Table

PATIENCE_S = 30.0
ROOM_BYTES = 65_536
"""For headers of ours in a message that is as long as its topic allows."""
LONGEST = 1_000_000_000
"""Bytes of a message that the producer lets pass (its highest): the broker has its own limit."""
_HELD = """
    SELECT source_file, source_line, reasons, raw, header, run_id, quarantined_at,
        regexp_replace(source_file, '@[0-9]+(#[0-9]+)?$', '') AS place,
        substr(md5(raw), 1, 12) AS part,
        coalesce(regexp_match(header, '"attempts": ([0-9]+)')[1], '1') AS attempts
    FROM t WHERE layout = 'topic'
"""
_KNOWN = """
    SELECT *, kafka_topic || '/' || CAST(kafka_partition AS VARCHAR) AS place FROM k
"""
_IS_SAME = "h.place = k.place AND h.source_line = k.kafka_offset AND h.part = k.part"
_UNSENT = f"""
    SELECT h.* FROM ({_HELD}) h LEFT ANTI JOIN ({_KNOWN}) k
    ON {_IS_SAME} AND h.attempts = CAST(k.attempts AS VARCHAR) AND k.status = 'dead'
"""
_GONE = f"""
    SELECT k.kafka_topic, k.kafka_partition, k.kafka_offset, k.part, max(k.attempts) AS attempts
    FROM ({_KNOWN}) k LEFT ANTI JOIN ({_HELD}) h ON {_IS_SAME}
    GROUP BY k.kafka_topic, k.kafka_partition, k.kafka_offset, k.part
    HAVING min(k.status) = max(k.status) AND max(k.status) = 'dead'
"""


@dataclass(frozen=True)
class Message:
    """What is sent.

    Attributes:
        partition: To this partition, that of the record.
        key: The record's key.
        value: Its value; None of one that was replayed.
        headers: Its headers, then ours.
    """

    partition: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, str | bytes | None]]


def bring(lake: Lake, name: str) -> list[Outcome]:
    """Send the dead letters of a table that nobody has yet, and take them into their own table.

    Args:
        lake: The lake.
        name: The bronze table that rejected them.

    Returns:
        What became of the table of dead letters; empty where there was nothing to do.

    Raises:
        BrokerError: The broker does not answer.
        ConfigError: It refuses; says what to do.
    """
    table = lake.registry[name].table
    keeper = dead_letters.table_of(lake.registry, table) if dead_letters.topic_of(table) else None
    if keeper is None or kafka.find(lake.settings) is None:
        return []
    fault_point("before_dead_letters", name)
    n = send(lake, table, keeper)
    if not n:
        return []
    fault_point("dead_letters_sent", name)
    return lake.run([keeper.name], new_request())


def send(lake: Lake, table: Table, keeper: Table) -> int:
    """Send what the table of dead letters does not have; how many.

    Raises:
        BrokerError: The broker does not answer.
        ConfigError: It refuses; says what to do.
    """
    waiting = list(_waiting(lake, table, keeper))
    if not waiting or table.source is None:
        return 0
    name = dead_letters.topic_of(table)
    return _produce(lake.settings, name, table.source.topic, waiting)


def _waiting(lake: Lake, table: Table, keeper: Table) -> Iterator[Message]:
    """Letters of the published version that the table of letters does not have."""
    published = lake.states.published(table.name)
    uri = lake.settings.table_uri(f"quarantine.{table.noun}")
    newest = delta_log.latest_version(uri)
    if published is None or published.quarantine is None or newest is None:
        return
    tables = {"t": (uri, min(published.quarantine, newest))}  # a repaired one counts from 0
    kept = lake.states.published(keeper.name)
    if kept is None:
        rows = ops.query_tables(tables, _HELD)
    else:
        tables["k"] = (lake.settings.table_uri(keeper.name), kept.version)
        rows = ops.query_tables(tables, _UNSENT)
    for row in rows:
        letter, part = Letter.of(row), row["part"]
        told = letter.told | {f"{OURS}part": part}
        headers = [*letter.beside.headers, *((name, text.encode()) for name, text in told.items())]
        yield Message(letter.partition, letter.beside.key, letter.value, headers)
    for row in ops.query_tables(tables, _GONE) if kept else ():
        told = {
            "topic": row["kafka_topic"],
            "partition": row["kafka_partition"],
            "offset": row["kafka_offset"],
            "part": row["part"],
            "status": REPLAYED,
            "attempts": row["attempts"] + 1,
        }
        headers = [(OURS + name, str(value).encode()) for name, value in told.items()]
        yield Message(row["kafka_partition"], None, None, headers)


def _produce(settings: Settings, name: str, source: str, messages: Iterable[Message]) -> int:
    """Send messages, in the order of their partitions, and wait until the broker has them all."""
    config = kafka.client_config(settings)
    n_partitions = _made(config, name, source)
    producer = Producer(
        config | {"enable.idempotence": True, "message.max.bytes": LONGEST},
        logger=kafka.silent(),
    )
    refused: list[KafkaError] = []

    def told(error: KafkaError | None, _: object) -> None:
        if error is not None:
            refused.append(error)

    n = 0
    for each in messages:
        _put(producer, name, each.partition % n_partitions, each, told)
        n += 1
    if n and (left := producer.flush(PATIENCE_S)):
        raise BrokerError(
            f"Kafka at {config['bootstrap.servers']} took {n - left:,} of {n:,} dead letters in "
            f"{PATIENCE_S:.0f} s; the next run sends the others"
        )
    if refused:
        raise _refusal(name, refused)
    return n


def _put(
    producer: Producer,
    name: str,
    partition: int,
    message: Message,
    told: Callable[[KafkaError | None, object], None],
) -> None:
    """Hand a message to the producer, as soon as its queue has room."""
    while True:
        try:
            producer.produce(
                name,
                message.value,
                message.key,
                partition,
                on_delivery=told,
                headers=message.headers,
            )
        except BufferError:
            producer.poll(1)
        else:
            producer.poll(0)
            return


def _made(config: kafka.ClientConfig, name: str, source: str) -> int:
    """Partitions of the topic of dead letters, made like the topic of the records where missing."""
    admin = AdminClient(config, logger=kafka.silent())
    try:
        about = admin.list_topics(timeout=PATIENCE_S).topics
        if name in about and about[name].error is None:
            return len(about[name].partitions)
        n = max(len(about[source].partitions), 1) if source in about else 1
        limits = {"max.message.bytes": str(_longest(admin, source) + ROOM_BYTES)}
        new = NewTopic(name, num_partitions=n, config=limits)
        admin.create_topics([new], operation_timeout=PATIENCE_S)[name].result(PATIENCE_S)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:  # made meanwhile
            return _made(config, name, source)
        raise _refusal(name, [error.args[0]]) from error
    return n


def _longest(admin: AdminClient, topic: str) -> int:
    """Bytes of the longest message that a topic takes."""
    asked = ConfigResource(ResourceType.TOPIC, topic)
    told = admin.describe_configs([asked])[asked].result(PATIENCE_S)
    return int(told["max.message.bytes"].value)


def _refusal(name: str, errors: list[KafkaError]) -> BrokerError | ConfigError:
    reason = errors[0]
    if reason.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        return ConfigError(
            f"topic {name} does not take {len(errors):,} dead letters, as they are too long; the "
            f"quarantine has them. Raise its max.message.bytes above that of the records' topic",
            topic=name,
        )
    return BrokerError(f"topic {name} took not all dead letters: {reason.str()}; run again")
