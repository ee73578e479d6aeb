"""Records of a partition of a Kafka topic as rows of texts."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from lakehouse.errors import InputQualityError
from lakehouse.io.kafka import config_of, silent
from lakehouse.landing.messages import Beside, beside, record_of
from lakehouse.landing.reader.json_format import Objects
from lakehouse.landing.reader.taken import Taken
from lakehouse.landing.topic import away
from lakehouse.settings import current_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from confluent_kafka import Consumer, Message

    from lakehouse.landing.reader.records import Part
    from lakehouse.landing.topic import Range
    from lakehouse.spec import Source

AT_ONCE = 10_000
"""Messages that are taken apart at once, at most."""
SILENCE_S = 60.0
"""So long nothing may come of a record that is there: then its broker is away."""
POLL_S = 0.5
FETCH_WAIT_MS = 10
_ANY = 1 << 40
"""Bytes of the longest record of a source that takes whole messages: the broker has limits."""
_MAGIC, _SCHEMA_ID_BYTES = 0, 4
_NOTHING = b"null"
"""Stands for no text at all: no object, either, but a record."""


class Messages:
    """Values of messages, each a JSON object, or several in an array or an envelope.

    Of a source of whole messages each is one record, whatever its value holds.
    """

    def __init__(self, source: Source, *, longest: int) -> None:
        """Keep what a record is."""
        self._are_whole = source.whole_messages
        self._objects = Objects(source, longest=_ANY if self._are_whole else longest)

    def taken(
        self,
        values: Sequence[bytes | None],
        offsets: Sequence[int],
        about: Callable[[int], Beside],
    ) -> Taken:
        """The records of messages; one without a value (a tombstone) is left out.

        Args:
            values: The values.
            offsets: And offsets.
            about: What else there is of a message, by its place among these.
        """
        if self._are_whole:
            texts = [record_of(value, about(n)) for n, value in enumerate(values)]
        else:
            texts = [(value or b"")[_frame(value or b"") :] or _NOTHING for value in values]
        sizes = np.array([len(text) for text in texts], np.int64)
        ends = np.cumsum(sizes + 1) - 1
        starts = ends - sizes
        data = b"\n".join(texts)
        taken = self._objects.taken(data, starts, ends, len(data))
        record = np.searchsorted(starts, taken.starts, side="right") - 1
        taken.elements = np.asarray(offsets, np.int64)[record]
        # What is kept of a reject is the message as it came.
        other = [value is not None and value != texts[n] for n, value in enumerate(values)]
        for row in np.flatnonzero(np.array(other, np.bool_)[record]).tolist():
            taken.unfolded.setdefault(row, values[record[row]] or b"")
        is_nothing = [value is None and not self._are_whole for value in values]
        taken.left_out = np.array(is_nothing, np.bool_)[record]
        taken.beside = lambda row: str(about(record[row]))
        return taken


def _beside(others: Sequence[tuple[Any, Any, tuple[int, int]]], n: int) -> Beside:
    return beside(*others[n])


def _frame(value: bytes) -> int:
    """Bytes before the text of a message that a registry's serializer wrote: its schema's id."""
    is_framed = len(value) > _SCHEMA_ID_BYTES and value[0] == _MAGIC
    return 1 + _SCHEMA_ID_BYTES if is_framed else 0


def read(part: Part, source: Source, *, longest: int) -> Iterator[tuple[int, Taken]]:
    """The records of a range of offsets, some at once, each time with the bytes before them.

    Raises:
        ConfigError: The broker refuses the login, or the topic.
        UpstreamMissingError: The broker does not answer.
        InputQualityError: Records were deleted while they were read.
    """
    messages, before = Messages(source, longest=longest), 0
    for found in polled(part):
        values = [message.value() for message in found]
        # Few are asked for: a message with its value would stay as long as its rows wait.
        others = [(each.key(), each.headers(), each.timestamp()) for each in found]
        taken = messages.taken(
            values,
            [message.offset() or 0 for message in found],
            partial(_beside, others),
        )
        yield before, taken
        before += taken.used + 1


def polled(part: Part | Range) -> Iterator[list[Message]]:
    """The messages of a range of offsets, some at once.

    Raises:
        UpstreamMissingError: The broker does not answer.
        InputQualityError: Records were deleted meanwhile.
    """
    from confluent_kafka import (  # noqa: PLC0415  # only a topic needs it
        Consumer,
        KafkaException,
        TopicPartition,
    )

    from lakehouse.io.kafka_admin import refused  # noqa: PLC0415  # same

    servers, topic, partition = part.uri.removeprefix("kafka://").split("/")
    consumer = Consumer(
        # In a task of a cluster: where the brokers are was told, how to log in is in its settings.
        config_of(current_settings(), servers)
        | {
            "group.id": "lakehouse",  # librdkafka wants one; nobody joins it
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            # At the end of a range a fetch waits for more, and what is asked next waits for it.
            "fetch.wait.max.ms": FETCH_WAIT_MS,
            "isolation.level": "read_committed",
        },
        logger=silent(),
    )
    end, heard = part.end or 0, time.monotonic()
    try:
        consumer.assign([TopicPartition(topic, int(partition), part.start)])
        reached = part.start
        while reached < end:
            # It waits for as many as are asked for: never ask for more than there are.
            messages = consumer.consume(min(AT_ONCE, end - reached), POLL_S)
            reached = max([reached, *(_behind(message, part) for message in messages)])
            found = [m for m in messages if m.error() is None and (m.offset() or 0) < end]
            if messages:
                heard = time.monotonic()
            elif time.monotonic() - heard > SILENCE_S:
                raise away(servers, f"no record of {part.path} came for {SILENCE_S:.0f} s")
            if found:
                yield found
        _assert_still_there(consumer, part, TopicPartition(topic, int(partition)))
    except KafkaException as error:
        reason = error.args[0]
        raise refused(servers, [reason]) or away(servers, reason.str()) from error
    finally:
        consumer.close()


def _behind(message: Message, part: Part | Range) -> int:
    """The offset up to which a message, or what stands for one, says that all was told.

    Raises:
        InputQualityError: Records were deleted.
        KafkaException: What no waiting mends.
    """
    from confluent_kafka import KafkaError, KafkaException  # noqa: PLC0415  # only a topic needs it

    error, offset = message.error(), message.offset() or 0
    if error is None:
        return offset + 1
    if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # its name
        return offset
    if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001  # same
        raise _deleted(part)
    if not error.retriable():
        raise KafkaException(error)
    return 0


def _assert_still_there(consumer: Consumer, part: Part | Range, where: Any) -> None:  # noqa: ANN401  # untyped
    """Nothing of the range was deleted while it was read: a gap may have been records."""
    low, _ = consumer.get_watermark_offsets(where, timeout=SILENCE_S)
    if low > part.start:
        raise _deleted(part)


def _deleted(part: Part | Range) -> InputQualityError:
    return InputQualityError(
        f"records of {part.path} were deleted while they were read; run again, which says how many",
        path=part.path,
    )
