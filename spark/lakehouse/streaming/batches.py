"""A source's topic, consumed batch after batch: each is an ordinary run of the tables that follow.

So whatever holds for a run holds for a batch: gates, quarantine, locks, recovery, and that what was
consumed stands in the commit of the rows. A process that is killed anywhere goes on where readers
are; there is no checkpoint beside the tables that could say something else.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse.engine.job import new_request
from lakehouse.errors import ConfigError, LakehouseError, LockedError
from lakehouse.io.locks import table_lock
from lakehouse.landing.feeds import parts_of, topic_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from threading import Event

    from lakehouse.engine.lake import Lake
    from lakehouse.engine.outcome import Outcome
    from lakehouse.landing.topic import Topic, TopicArrivals

LONGEST_PAUSE_S = 60.0
"""Between attempts while something is away that may come back."""


@dataclass(frozen=True)
class Batch:
    """One run of the tables, or an attempt at it.

    Attributes:
        n: Offsets it consumed.
        waiting: Offsets that were there behind them when it began.
        seconds: How long it took.
        outcomes: What became of each table, the one that consumes first; empty where nothing ran.
        error: What kept that one; others fail for reasons of their own.
    """

    n: int = 0
    waiting: int = 0
    seconds: float = 0.0
    outcomes: tuple[Outcome, ...] = ()
    error: Exception | None = None

    @property
    def may_retry(self) -> bool:
        """Whether the same batch may succeed without a person's help."""
        return isinstance(self.error, LakehouseError) and self.error.retry


@dataclass(frozen=True)
class Consumption:
    """A table that consumes a topic, and the tables that follow.

    Attributes:
        lake: The lake.
        first: The bronze table.
        names: It, and what is to be made after each batch, upstream first.
        interval_s: Seconds from the beginning of a batch to that of the next, at least.
    """

    lake: Lake
    first: str
    names: tuple[str, ...]
    interval_s: float

    @property
    def topic(self) -> Topic:
        """The topic.

        Raises:
            ConfigError: No broker is known.
        """
        source = self.lake.registry[self.first].table.source
        if source is None or not source.topic:
            raise ConfigError(f"{self.first} has no topic")
        topic = topic_of(source, self.lake.settings)
        if topic.config is None:
            raise ConfigError(
                f"no broker of topic {topic.name} is known: start one with `lakehouse kafka up`, "
                "or set LAKEHOUSE_KAFKA_BOOTSTRAP"
            )
        return topic

    def look(self) -> TopicArrivals:
        """What there is that was not consumed.

        Raises:
            UpstreamMissingError: The broker does not answer.
            InputQualityError: Records are gone, and nobody accepted that.
        """
        published = self.lake.states.published(self.first)
        _, offsets = parts_of(published.position if published else None)
        return self.topic.look(offsets)

    def batches(self, stop: Event, *, once: bool) -> Iterator[Batch]:
        """Run the tables for each batch, until told to stop.

        Args:
            stop: Set to end after the batch that is being made.
            once: End when all that was there at the start is consumed.

        Raises:
            LakehouseError: What no retry can help.
        """
        to_go = self._backlog() if once else 0
        pause, is_first = self.interval_s, True
        while not stop.is_set():
            began = time.monotonic()
            batch = self._next(is_first=is_first)
            if batch is not None:
                yield batch
                to_go -= batch.n
                if batch.error is not None and (once or not batch.may_retry):
                    raise batch.error
                is_first = batch.error is not None
                pause = min(2 * pause, LONGEST_PAUSE_S) if is_first else self.interval_s
            if once and to_go <= 0:
                return
            stop.wait(0 if once else max(pause - (time.monotonic() - began), 0))

    def _backlog(self) -> int:
        arrivals = self.look()
        return arrivals.n + arrivals.waiting

    def _next(self, *, is_first: bool) -> Batch | None:
        """The next batch; None where there is nothing to do.

        The first one runs where anything ever arrived: files may have landed, or a run died.
        """
        began = time.monotonic()
        try:
            arrivals = self.look()
        except LakehouseError as error:
            return Batch(seconds=time.monotonic() - began, error=error)
        if not ((is_first and arrivals.ever) or arrivals.has_new):
            return None
        outcomes = self.lake.run(self.names, new_request())
        first = next(each for each in outcomes if each.table == self.first)
        others = (each for each in outcomes if each is not first)
        return Batch(
            n=0 if first.error else arrivals.n,
            waiting=arrivals.waiting,
            seconds=time.monotonic() - began,
            outcomes=(first, *others),
            error=first.error,
        )


@contextmanager
def alone(lake: Lake, topic: str) -> Iterator[None]:
    """Be the only process of this lake that consumes a topic.

    Raises:
        LockedError: Another one does; names it.
    """
    try:
        with table_lock(lake.settings, f"stream.{topic}"):
            yield
    except LockedError as error:
        if error.details.get("table") != f"stream.{topic}":
            raise
        raise LockedError(
            f"topic {topic} is being consumed by another process (pid {error.details['pid']}); "
            "stop that one first",
            topic=topic,
            pid=error.details["pid"],
        ) from None
