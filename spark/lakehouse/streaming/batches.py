"""A source's topic, consumed batch after batch: each is an ordinary run of the tables that follow.

So whatever holds for a run holds for a batch: gates, quarantine, locks, recovery, and that what was
consumed stands in the commit of the rows. A process that is killed anywhere goes on where readers
are; there is no checkpoint beside the tables that could say something else.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lakehouse.engine.job import new_request
from lakehouse.engine.maintenance import maintain
from lakehouse.errors import ConfigError, LakehouseError, LockedError, WriteConflictError
from lakehouse.io import kafka
from lakehouse.io.locks import table_lock
from lakehouse.landing.feeds import parts_of, topic_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from threading import Event

    from lakehouse.engine.lake import Lake
    from lakehouse.engine.outcome import Outcome
    from lakehouse.landing.topic import Offsets, Topic, TopicArrivals

_BUSY = (LockedError, WriteConflictError)
LONGEST_PAUSE_S = 60.0
"""Between attempts while something is away that may come back."""
_OPS = "ops"
"""The turn of the lake's own tables."""


@dataclass(frozen=True)
class Batch:
    """One run of the tables, or an attempt at it.

    Attributes:
        n: Offsets it consumed.
        waiting: Offsets that were there behind them when it began.
        seconds: How long it took.
        outcomes: What became of each table, the one that consumes first; empty where nothing ran.
        error: What kept that one, or a look at the topic; others fail for reasons of their own.
        is_last: No other follows it, as its error needs a person.
        lag: Of each partition the offsets of those seen when it began that are unconsumed after it;
            empty where nobody could look.
        started_at: When it began.
    """

    n: int = 0
    waiting: int = 0
    seconds: float = 0.0
    outcomes: tuple[Outcome, ...] = ()
    error: Exception | None = None
    is_last: bool = False
    lag: Mapping[int, int] = field(default_factory=dict)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def waits_for_others(self) -> bool:
        """Whether somebody else wrote a table: it can be made soon, whatever comes by the topic."""
        return any(isinstance(each.error, _BUSY) for each in self.outcomes)


def _nobody(lag: Mapping[int, int], *, is_idle: bool) -> None:
    """Hears of looks where nobody watches."""


@dataclass(frozen=True)
class Consumption:
    """A table that consumes a topic, and the tables that follow.

    Attributes:
        lake: The lake.
        first: The bronze table.
        names: It, and what is to be made after each batch, upstream first.
        interval_s: Seconds from the beginning of a batch to that of the next, at least.
        looked: Told of each look at the topic: of each partition the offsets that are unconsumed,
            and whether there is nothing to do.
    """

    lake: Lake
    first: str
    names: tuple[str, ...]
    interval_s: float
    looked: Callable[..., None] = _nobody

    @property
    def topic(self) -> Topic:
        """The topic.

        Raises:
            ConfigError: No broker is known.
        """
        kafka.bootstrap(self.lake.settings)
        source = self.lake.registry[self.first].table.source
        if source is None or not source.topic:
            raise ConfigError(f"{self.first} has no topic")
        return topic_of(source, self.lake.settings)

    @property
    def consumed(self) -> Offsets | None:
        """How far the published version is; None before the first record."""
        published = self.lake.states.published(self.first)
        return parts_of(published.position if published else None)[1]

    def look(self) -> TopicArrivals:
        """What there is that was not consumed.

        Raises:
            UpstreamMissingError: The broker does not answer.
            InputQualityError: Records are gone, and nobody accepted that.
        """
        return self.topic.look(self.consumed)

    def batches(self, stop: Event, *, once: bool) -> Iterator[Batch]:
        """Run the tables for each batch, until told to stop.

        The first one runs where anything ever arrived: files may have landed, or a run died.

        Args:
            stop: Set to end after the batch that is being made.
            once: End when all that was there at the start is consumed, or at the first error.
        """
        to_go, pause, must_run, n_batches = None, self.interval_s, True, 0
        while not stop.is_set():
            began = time.monotonic()
            batch, backlog = self._next(must_run=must_run, once=once)
            if to_go is None:
                to_go = backlog
            if batch is not None:
                yield batch
                if batch.is_last:
                    return
                if not batch.error:
                    self._keep_up(n_batches := n_batches + 1)
                to_go -= batch.n
                must_run = batch.error is not None or batch.waits_for_others
                away = batch.error is not None
                pause = min(max(2 * pause, 1), LONGEST_PAUSE_S) if away else self.interval_s
            if once and (batch is None or to_go <= 0):
                return
            stop.wait(0 if once else max(pause - (time.monotonic() - began), 0))

    def _keep_up(self, n_batches: int) -> None:
        """Merge the small files that batches leave; tables take turns, as the next batch waits."""
        due = whose_turn((*self.names, _OPS), self.lake.settings.stream_upkeep_every, n_batches)
        if due:
            tables = [name for name in due if name != _OPS]
            maintain(self.lake, tables, with_ops=_OPS in due, in_order=False)

    def _next(self, *, must_run: bool, once: bool) -> tuple[Batch | None, int]:
        """The next batch, or None where there is nothing to do; and what was there before it."""
        began, started_at = time.monotonic(), datetime.now(UTC)
        try:
            arrivals = self.look()
        except LakehouseError as error:
            is_last = once or not error.retry
            return Batch(error=error, is_last=is_last, started_at=started_at), 0
        is_idle = not ((must_run and arrivals.ever) or arrivals.has_new)
        self.looked(arrivals.lag(), is_idle=is_idle)
        if is_idle:
            return None, 0
        outcomes = self.lake.run(self.names, new_request())
        first = next(each for each in outcomes if each.table == self.first)
        others = (each for each in outcomes if each is not first)
        may_retry = isinstance(first.error, LakehouseError) and first.error.retry
        n = 0 if first.error else arrivals.n + self._more_than(arrivals)
        batch = Batch(
            n=n,
            waiting=max(arrivals.n + arrivals.waiting - n, 0),
            seconds=time.monotonic() - began,
            outcomes=(first, *others),
            error=first.error,
            is_last=first.error is not None and (once or not may_retry),
            lag=arrivals.lag(self.consumed),
            started_at=started_at,
        )
        return batch, arrivals.n + arrivals.waiting

    def _more_than(self, arrivals: TopicArrivals) -> int:
        """Offsets that a run consumed beside those that were seen before it: it looks again.

        Fewer than none where it was the bytes that ended it.
        """
        seen, reached = arrivals.offsets, self.consumed
        if seen is None or reached is None:
            return 0
        return sum(reached.next.values()) - sum(seen.next.values())


def whose_turn(names: Sequence[str], every: int, n: int) -> list[str]:
    """Those whose turn comes after the n-th batch: each once in so many, in no more than it takes.

    Args:
        names: All of them.
        every: Batches from one turn to the next; 0 = never.
        n: From 1.
    """
    return [name for i, name in enumerate(names) if every and (n - 1 - i) % every == 0]


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
