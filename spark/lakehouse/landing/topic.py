"""A Kafka topic as a feed: a position stands for the offset that comes next in each partition.

A record is consumed when a version of its table is published whose position is behind it. Kafka is
asked for nothing but records: no offsets are committed there and nobody joins a group, so there is
one truth about what was consumed, and it stands in the commit that has the rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

from lakehouse.errors import BrokerError, InputQualityError, UpstreamMissingError
from lakehouse.landing.content import Content

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from lakehouse.io.kafka_admin import Admin

LAYOUT = "topic"
PATIENCE_S = 5.0
"""Within this a broker answers, or it is away."""
REMEDY = (
    "to go on with what there is, and keep what was consumed, run "
    "`lakehouse stream --once --accept-loss`, which says what was lost in ops.runs"
)


@dataclass(frozen=True)
class Offsets:
    """How far a topic was consumed.

    Attributes:
        topic: Its name.
        identity: Kafka's own id of the topic, which one that is made anew does not share.
        next: Of each partition the offset that comes next.
        era: How often its offsets began anew: an offset of one era is another record in the next.
    """

    topic: str
    identity: str
    next: Mapping[int, int]
    era: int = 0

    def __str__(self) -> str:
        """As one text without a blank, to be kept in a position."""
        told = ",".join(f"{partition}={offset}" for partition, offset in sorted(self.next.items()))
        return f"{self.topic}/{self.identity}{_mark(self.era)}:{told}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read back what `str` wrote."""
        where, _, told = text.rpartition(":")
        topic, _, named = where.partition("/")
        identity, _, era = named.partition("#")
        pairs = (pair.split("=") for pair in told.split(",") if pair)
        offsets = {int(partition): int(offset) for partition, offset in pairs}
        return cls(topic, identity, offsets, int(era or 0))


def _mark(era: int) -> str:
    return f"#{era}" if era else ""


@dataclass(frozen=True)
class Range:
    """Records of a partition that one run reads, as a landing file is read.

    Attributes:
        servers: Where its brokers are.
        topic: Name of the topic.
        partition: Number of the partition.
        start: Offset of the first.
        end: Offset behind the last.
        era: That of its offsets.
    """

    servers: str
    topic: str
    partition: int
    start: int
    end: int
    era: int = 0
    size: int = 0
    known: None = None
    """Nobody knows its content before it is read."""

    @property
    def path(self) -> str:
        """Its name: a run that died and its successor begin at one offset, so they share it.

        Records of another era do not: theirs must not replace what was read before.
        """
        return f"{self.topic}/{self.partition}@{self.start}{_mark(self.era)}"

    @property
    def uri(self) -> str:
        """Where its records are."""
        return f"kafka://{self.servers}/{self.topic}/{self.partition}"

    @property
    def day(self) -> date | None:
        """Records of a topic are of no day."""
        return None

    @property
    def content(self) -> Content:
        """How they are written."""
        return Content("", LAYOUT)


@dataclass(frozen=True)
class TopicArrivals:
    """What a topic holds compared with what was consumed.

    Attributes:
        offsets: What is consumed when the ranges are; None of a topic that never had a record.
        ranges: What to read.
        waiting: Records that are there and beyond this run's share.
        lost: What is gone before it was consumed, in words; nobody gets so far who did not accept.
        was_consumed: Whether anything was, before.
        ends: Of each partition the offset that its next record gets.
    """

    offsets: Offsets | None = None
    ranges: tuple[Range, ...] = ()
    waiting: int = 0
    lost: str = ""
    was_consumed: bool = False
    ends: Mapping[int, int] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Offsets to read."""
        return sum(each.end - each.start for each in self.ranges)

    def lag(self, consumed: Offsets | None = None) -> dict[int, int]:
        """Of each partition the records that are there and behind what was consumed.

        Args:
            consumed: How far that is by now; by default as far as when it was looked.
        """
        if not self.ends or self.offsets is None:
            return {}
        is_alike = consumed is not None and consumed.identity == self.offsets.identity
        starts = {each.partition: each.start for each in self.ranges}
        reached = starts | dict(consumed.next if consumed and is_alike else {})
        return {p: max(end - reached.get(p, end), 0) for p, end in sorted(self.ends.items())}

    @property
    def ever(self) -> bool:
        """Whether any record arrived, now or before."""
        return self.was_consumed or bool(self.ranges)

    @property
    def has_new(self) -> bool:
        """Whether there is something to consume, or a loss to write down."""
        return bool(self.ranges or self.lost)

    @property
    def news(self) -> str:
        """What is new, and what waits, in words."""
        if self.offsets is None or not self.has_new:
            return ""
        told = f"{self.n:,} new offset{'s'[: self.n != 1]} of {self.offsets.topic}"
        later = f", {self.waiting:,} wait for the next run" if self.waiting else ""
        return "; ".join(filter(None, [f"{told}{later}", self.lost]))


@dataclass(frozen=True)
class Topic:
    """A topic, and how to ask for it.

    Attributes:
        name: Its name.
        config: Of a client; None where no broker is known.
        most: Offsets that a run reads at most; 0 = all that are there.
        most_bytes: Bytes of keys and values that it reads at most, the first record of each
            partition aside; 0 = all. Nobody knows them before they are read: see `topic_bytes`.
        accepts_loss: Go on where records are gone before they were consumed.
    """

    name: str
    config: Mapping[str, Any] | None = field(default=None, repr=False)
    most: int = 0
    most_bytes: int = 0
    accepts_loss: bool = False

    def look(self, consumed: Offsets | None) -> TopicArrivals:
        """Compare what is there with what was consumed.

        Raises:
            ConfigError: The broker refuses the login, or the topic.
            UpstreamMissingError: The broker does not answer.
            InputQualityError: The topic is another one by now, or records were deleted before they
                were consumed, and nobody accepted that.
        """
        unchanged = TopicArrivals(consumed, was_consumed=consumed is not None)
        found = self.there()
        if found is None:
            return unchanged
        identity, bounds = found
        start, era, lost = self._start(consumed, identity, bounds)
        ranges, waiting = self._ranges(start, bounds, era)
        ends = {each.partition: each.end for each in ranges}
        if not ends and consumed is None:
            return unchanged
        reached = Offsets(self.name, identity, start | ends, era)
        highs = {partition: high for partition, (_, high) in bounds.items()}
        return TopicArrivals(reached, ranges, waiting, lost, consumed is not None, highs)

    def there(self) -> tuple[str, dict[int, tuple[int, int]]] | None:
        """Kafka's id of it, and the first and the next offset of each partition.

        None without the topic, and where no broker is known.

        Raises:
            ConfigError: The broker refuses the login, or the topic.
            UpstreamMissingError: The broker does not answer.
        """
        return None if self.config is None else _there(self.config, self.name)

    def _start(
        self, consumed: Offsets | None, identity: str, bounds: Mapping[int, tuple[int, int]]
    ) -> tuple[dict[int, int], int, str]:
        """Where reading begins in each partition, the era, and what is gone by then, in words."""
        lows = {partition: low for partition, (low, _) in bounds.items()}
        if consumed is None:
            return lows, 0, ""
        if consumed.identity != identity:
            told = (
                f"topic {self.name} is another one than was consumed (its id was "
                f"{consumed.identity} and is {identity}): it was deleted and made again"
            )
            self._stop_unless_accepted(told)
            return lows, consumed.era + 1, told
        # A partition that was added since began at 0, whatever it holds by now.
        start = {partition: consumed.next.get(partition, 0) for partition in lows}
        beyond = {p: (start[p], high) for p, (_, high) in bounds.items() if start[p] > high}
        gone = {p: (start[p], low) for p, low in lows.items() if start[p] < low}
        if not beyond and not gone:
            return start, consumed.era, ""
        told = "; ".join(filter(None, [self._told_beyond(beyond), self._told_gone(gone)]))
        self._stop_unless_accepted(told)
        begun = start | {p: lows[p] for p in (*beyond, *gone)}
        return begun, consumed.era + bool(beyond), told

    def _told_beyond(self, beyond: Mapping[int, tuple[int, int]]) -> str:
        told = ", ".join(f"{p}: {start:,} > {high:,}" for p, (start, high) in beyond.items())
        return told and f"topic {self.name} ends before what was consumed (partition {told})"

    def _told_gone(self, gone: Mapping[int, tuple[int, int]]) -> str:
        n = sum(low - start for start, low in gone.values())
        told = ", ".join(f"{p}: {start:,} to {low - 1:,}" for p, (start, low) in gone.items())
        return told and (
            f"{n:,} offsets of topic {self.name} were deleted before they were consumed "
            f"(partition {told})"
        )

    def _stop_unless_accepted(self, told: str) -> None:
        if not self.accepts_loss:
            raise InputQualityError(f"{told}; {REMEDY}", topic=self.name)

    def _ranges(
        self, start: Mapping[int, int], bounds: Mapping[int, tuple[int, int]], era: int
    ) -> tuple[tuple[Range, ...], int]:
        """What to read of each partition, and how many offsets wait then.

        Each partition gets of a run's share as much as it has of the backlog, so that all of them
        arrive in the present together.
        """
        servers = str((self.config or {})["bootstrap.servers"])
        backlog = {p: high - start[p] for p, (_, high) in bounds.items() if high > start[p]}
        n = sum(backlog.values())
        share = min(1.0, self.most / n) if self.most and n else 1.0
        taken = {p: max(1, int(waits * share)) for p, waits in backlog.items()}
        ranges = tuple(
            Range(servers, self.name, p, start[p], start[p] + taken[p], era) for p in sorted(taken)
        )
        return ranges, n - sum(taken.values())


def _there(config: Mapping[str, Any], name: str) -> tuple[str, dict[int, tuple[int, int]]] | None:
    """A topic's id, and the first and the next offset of each partition; None without the topic.

    The next offset is the end of what is decided: records of open transactions wait.

    Raises:
        ConfigError: The broker refuses the login, or the topic.
        UpstreamMissingError: It does not answer.
    """
    from confluent_kafka import (  # noqa: PLC0415  # most commands reach no broker
        IsolationLevel,
        TopicPartition,
    )
    from confluent_kafka.admin import OffsetSpec  # noqa: PLC0415  # same

    admin = _admin(tuple(sorted(config.items())))
    try:
        about = admin.describe(name)
        if about is None:
            return None
        partitions = [TopicPartition(name, each.id) for each in about.partitions]
        lows, highs = (
            admin.offsets(partitions, spec, IsolationLevel.READ_COMMITTED)
            for spec in (OffsetSpec.earliest(), OffsetSpec.latest())
        )
    except BrokerError as error:
        raise away(config["bootstrap.servers"], str(error.details["reason"])) from error
    return str(about.topic_id), {p: (lows[name, p], highs[name, p]) for _, p in sorted(lows)}


@lru_cache(maxsize=4)
def _admin(config: tuple[tuple[str, Any], ...]) -> Admin:
    from lakehouse.io.kafka_admin import Admin  # noqa: PLC0415  # most commands reach no broker

    return Admin(dict(config), PATIENCE_S)


def away(servers: str, reason: str) -> UpstreamMissingError:
    """The error of a broker that does not answer."""
    return UpstreamMissingError(
        f"Kafka at {servers} does not answer: {reason}; run again when it does", servers=servers
    )
