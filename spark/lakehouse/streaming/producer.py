"""Synthetic visits that happen now: web events sent to the topic at a chosen rate.

Visits are those of the generator. Each begins when its turn comes, and its events keep their
distances, so that sessions, page views and attention are as true as in generated files. A device
that was offline in the files is not here: everything is sent within seconds.
"""

from __future__ import annotations

import heapq
import itertools
import json
import random
import re
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, Producer

from lakehouse.errors import BrokerError
from lakehouse.io import kafka
from lakehouse.synthetic import Arguments, generate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from threading import Event

    from lakehouse.settings import Settings

EVENTS_A_WORLD = 20_000
"""Of the generator, at once; when their visits have begun, another world is made."""
EVENTS_A_USER = 20
MOST_WAIT_US = 3_000_000
"""Longest that an event waits on its device."""
TURNS = 20
AHEAD_US = 120_000_000
"""Visits that began at most so long before the start are going on: the rate is soon right."""
IDS = ("event_id", "anonymous_id", "session_id", "page_view_id", "user_id", "order_id")
NAMED = frozenset({"user_id", "order_id"})
"""Ids that are no UUIDs."""
MOMENTS = ("timestamp", "sent_at", "received_at")
FLUSH_S = 30
PACE_S = 0.02
"""What is due within so short a time is sent together: waking for each event is dearer than it."""
_SLOT = "\ue000"
"""Stands before the name of what an event's line leaves open; in no text of the generator's."""


@dataclass(frozen=True)
class Happening:
    """An event of a visit.

    Attributes:
        after_us: When it happens, counted from the visit's begin.
        wait_us: How long after that it is received.
        off_us: How far the device's clock is ahead.
        line: The event as JSON, with `%(name)s` where its ids and moments stand.
        ids: Its ids.
    """

    after_us: int
    wait_us: int
    off_us: int
    line: str
    ids: Mapping[str, str]

    @property
    def received_us(self) -> int:
        """When it is received, counted from the visit's begin."""
        return self.after_us + self.wait_us

    def told(self, began_us: int, salt: int) -> tuple[str, bytes]:
        """Its key and its line, where the visit began at a moment and is somebody else's."""
        happened = began_us + self.after_us
        received = happened + self.wait_us
        moments = (happened + self.off_us, received + self.off_us, received)
        values = {name: _salted(name, value, salt) for name, value in self.ids.items()}
        key = values.get("anonymous_id") or values.get("user_id") or ""
        values |= zip(MOMENTS, map(_iso, moments), strict=True)
        return key, (self.line % values).encode()


def _salted(name: str, value: str, salt: int) -> str:
    """The same id of somebody else; of nobody else with 0."""
    if name not in NAMED:
        return f"{int(value[:8], 16) ^ salt:08x}{value[8:]}"
    return f"{value}_{salt:x}" if salt else value


@dataclass
class Sent:
    """What was sent: good events, those that were sent once more, and broken ones."""

    events: int = 0
    repeated: int = 0
    broken: int = 0


def visits_of(seed: int) -> Iterator[tuple[list[Happening], int]]:
    """Visits without end, in the order of the generator's period, each with a salt of its ids.

    A world costs seconds: it comes several times, each time with other people.
    """
    for number in itertools.count():
        visits = _world(seed + number)
        salts = random.Random(seed + number)  # noqa: S311  # made-up ids
        for turn in range(TURNS):
            salt = salts.getrandbits(32) if turn else 0
            yield from ((visit, salt) for visit in visits)


def _world(seed: int) -> list[list[Happening]]:
    with tempfile.TemporaryDirectory() as folder:
        arguments = Arguments(
            users=EVENTS_A_WORLD // EVENTS_A_USER,
            events=EVENTS_A_WORLD,
            days=7,
            seed=seed,
            dirty=0,
            domains=("web",),
        )
        generate(arguments, Path(folder))
        lines = [
            json.loads(line)
            for path in sorted(Path(folder).glob("web_events*"))
            for line in path.read_text(encoding="utf-8").splitlines()
        ]
    by_visit: dict[str, list[dict[str, Any]]] = {}
    for told in lines:
        by_visit.setdefault(told["session_id"], []).append(told)
    return [_visit(told) for told in by_visit.values()]


def _visit(lines: list[dict[str, Any]]) -> list[Happening]:
    """The events of a visit, in the order of their reception."""
    placed = []
    for told in lines:
        device, sent, received = (
            _micros(told[name]) for name in ("timestamp", "sent_at", "received_at")
        )
        waited = sent - device
        placed.append((received - waited, device - received + waited, waited, told))
    began = min(happened for happened, *_ in placed)
    found = (
        Happening(happened - began, min(waited, MOST_WAIT_US), off, *_template(told))
        for happened, off, waited, told in placed
    )
    return sorted(found, key=lambda each: each.received_us)


def _template(told: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The line of an event with its ids and moments left open, and the ids."""
    ids: dict[str, str] = {}

    def opened(value: Any, name: str = "") -> Any:  # noqa: ANN401  # JSON is any
        if isinstance(value, dict):
            return {key: opened(inner, key) for key, inner in value.items()}
        if name in IDS and value:
            ids[name] = value
        elif name not in MOMENTS:
            return value
        return _SLOT + name

    line = json.dumps(opened(told), separators=(",", ":")).replace("%", "%%")
    return re.sub(r"\\ue000(\w+)", r"%(\1)s", line), ids


def received(seed: int, rate: float, start_us: int) -> Iterator[tuple[int, str, bytes]]:
    """Events in the order of reception, as many a second as the rate in the mean, without end.

    Visits begin at random (a Poisson process); those that began before the start go on.

    Yields:
        Microseconds since 1970, the key and the line of each event.
    """
    chance = random.Random(seed)  # noqa: S311  # made-up visits
    # The next event of each visit that goes on; a number of its own, so that no others compare.
    open_: list[tuple[int, int, int, int, list[Happening], int]] = []
    next_us, mean = float(start_us - AHEAD_US), 0.0
    for number, (visit, salt) in enumerate(visits_of(seed), start=1):
        mean += (len(visit) - mean) / number
        next_us += chance.expovariate(rate / mean) * 1_000_000
        while open_ and open_[0][0] <= next_us:
            moment, n, nth, began, events, other = open_[0]
            if nth + 1 < len(events):
                after = began + events[nth + 1].received_us
                heapq.heapreplace(open_, (after, n, nth + 1, began, events, other))
            else:
                heapq.heappop(open_)
            yield moment, *events[nth].told(began, other)
        began = int(next_us)
        for nth, event in enumerate(visit):
            if began + event.received_us >= start_us:
                first = (began + event.received_us, number, nth, began, visit, salt)
                heapq.heappush(open_, first)
                break


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How to send.

    Attributes:
        rate: Events a second.
        seconds: How long; None = until told to stop.
        ago: So many seconds ago it begins: what happened since is sent at once.
        seed: Of all that is random.
        broken: Share of events that are followed by a line that breaks off.
        repeated: Share that is sent once more.
    """

    rate: float
    seconds: float | None = None
    ago: float = 0.0
    seed: int = 1
    broken: float = 0.0
    repeated: float = 0.0


def produce(settings: Settings, topic: str, plan: Plan, stop: Event) -> Sent:
    """Send events as they happen until the time is over, or until told to stop.

    Args:
        settings: Where the topic is.
        topic: Its name.
        plan: How to send.
        stop: Set to end.

    Raises:
        ConfigError: No broker is known.
        BrokerError: Some did not arrive; says how many, and why.
    """
    sender = _Sender(settings, topic)
    sent, chance = Sent(), random.Random(plan.seed)  # noqa: S311  # made-up faults
    begin = time.time() - plan.ago
    for moment, key, line in received(plan.seed, plan.rate, int(begin * 1_000_000)):
        due = moment / 1_000_000
        if plan.seconds is not None and due > begin + plan.seconds:
            break
        while (now := time.time()) < due and not stop.is_set():
            sender.poll()
            stop.wait(min(max(due - now, PACE_S), 0.2))
        if stop.is_set() or sender.failed:
            break
        sender.send(key, line)
        sent.events += 1
        if chance.random() < plan.repeated:
            sender.send(key, line)
            sent.repeated += 1
        if chance.random() < plan.broken:
            sender.send(key, line[: len(line) // 2])
            sent.broken += 1
    sender.finish()
    return sent


class _Sender:
    """Sends to a topic, and keeps why what did not arrive did not."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self.failed: Counter[str] = Counter()
        self._topic = topic
        ours = {
            "enable.idempotence": True,
            "linger.ms": 20,
            "compression.type": "lz4",
            "delivery.report.only.error": True,
            "on_delivery": self._fail,
        }
        config = kafka.client_config(settings) | ours
        self._producer = Producer(config, logger=kafka.silent())

    def _fail(self, error: KafkaError, _: object) -> None:
        self.failed[error.str()] += 1

    def poll(self) -> None:
        self._producer.poll(0)

    def send(self, key: str, line: bytes) -> None:
        while True:
            try:
                self._producer.produce(self._topic, line, key.encode())
            except BufferError:  # the broker is slower than we are
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def finish(self) -> None:
        if left := self._producer.flush(FLUSH_S):
            self.failed[f"no answer within {FLUSH_S} s"] += left
        if self.failed:
            told = ", ".join(f"{reason} ({n:,})" for reason, n in self.failed.items())
            raise BrokerError(
                f"{self.failed.total():,} records did not reach {self._topic}: {told}; "
                "`lakehouse kafka topics` lists what is there",
                topic=self._topic,
            )


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _micros(text: str) -> int:
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)


def _iso(micros: int) -> str:
    second, rest = divmod(micros, 1_000_000)
    return f"{_second(second)}.{rest // 1000:03d}Z"


@lru_cache(maxsize=10_000)  # thousands of events tell the same few
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
