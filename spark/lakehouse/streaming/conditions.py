"""What of a stream is worth an alert: lag, rejects, freshness, red gates, anomalies.

Each condition is looked at after each batch; of one that a batch says nothing about nothing is
seen, and what is known of it stays.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from lakehouse.catalog.status import Status
from lakehouse.errors import LakehouseError
from lakehouse.metrics.live import METRICS
from lakehouse.observability.alerts import Severity
from lakehouse.observability.incidents import Observation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from lakehouse.engine.outcome import Outcome
    from lakehouse.settings import Settings
    from lakehouse.streaming.telemetry import Measured

RUNBOOKS = "spark/docs/runbooks"
CONSUMER_LAG = f"{RUNBOOKS}/consumer-lag.md"
REAL_TIME_DELAY = f"{RUNBOOKS}/real-time-delay.md"
DEAD_LETTERS = f"{RUNBOOKS}/dead-letters.md"
REPAIR = f"{RUNBOOKS}/repair-one-table.md"
MUCH_LAG, MUCH_LATER, MANY_REJECTED_PCT = 10, 6, 50.0
"""Of a limit this many times is critical; of rejects this share, at which the gate is red, too."""
GROWS = 5
"""In so many batches on end more must wait than in the one before."""
RECENT, FEWEST = 100, 20
"""The share of rejects is that of so many of the newest records, and none of fewer."""
PATIENCE = 3
"""Attempts on end that must fail where the next one may mend it."""


@dataclass
class Conditions:
    """The conditions of one topic, with what they remember of the batches before.

    Attributes:
        settings: Has the limits.
        topic: What is consumed.
        fine_at: When a batch last ended well, or nothing was to be consumed.
        is_whole: Whether the newest batch ended well.
    """

    settings: Settings
    topic: str
    fine_at: datetime
    is_whole: bool = True
    _waiting: deque[int] = field(default_factory=lambda: deque(maxlen=GROWS + 1))
    _records: deque[tuple[int, int]] = field(default_factory=deque)
    _failed: dict[str, int] = field(default_factory=dict)

    def idle(self, now: datetime) -> list[Observation]:
        """Nothing waits: all is consumed, and in all tables if the newest batch ended well."""
        self._waiting.append(0)
        self._failed.pop(self._key("stream"), None)
        names = ["lag", "stream"]
        if self.is_whole:
            self.fine_at = now
            names.append("freshness")
        return [Observation(self._key(name)) for name in names]

    def after(self, made: Measured) -> list[Observation]:
        """What a batch says of each condition."""
        seen = [self._lag(made), self._freshness(made), self._rejected(made), self._stream(made)]
        tables = (self._table(outcome) for outcome in made.batch.outcomes)
        return [each for each in (*seen, *tables) if each is not None]

    def _key(self, name: str) -> str:
        return f"{name}:{self.topic}"

    def _lag(self, made: Measured) -> Observation | None:
        if not made.batch.lag:
            return None
        waiting, most = made.waiting, self.settings.alert_lag_records
        self._waiting.append(waiting)
        steps = list(self._waiting)
        grows = len(steps) > GROWS and all(a < b for a, b in pairwise(steps))
        if waiting <= most and not grows:
            return Observation(self._key("lag"))
        where = ", ".join(f"{p}: {n:,}" for p, n in made.batch.lag.items() if n)
        limit = f"more than {most:,}" if waiting > most else f"more in each of {GROWS} batches"
        return Observation(
            self._key("lag"),
            Severity.CRITICAL if waiting > MUCH_LAG * max(most, 1) else Severity.WARNING,
            f"{self.topic}: consumption is behind",
            f"{waiting:,} records wait, {limit} (by partition: {where}).",
            CONSUMER_LAG,
        )

    def _freshness(self, made: Measured) -> Observation | None:
        late, self.is_whole = made.freshness.p50_s, made.error is None
        if self.is_whole:
            self.fine_at = made.ended_at
            told = "half of the newest events were older than that when they could be read"
        else:
            late = (made.ended_at - self.fine_at).total_seconds()
            told = "no batch ended well for so long"
            if late <= self.settings.alert_freshness_s:
                return None
        if late is None:
            return None
        limit = self.settings.alert_freshness_s
        if late <= limit:
            return Observation(self._key("freshness"))
        return Observation(
            self._key("freshness"),
            Severity.CRITICAL if late > MUCH_LATER * limit else Severity.WARNING,
            f"{self.topic}: live figures are late",
            f"{late:,.0f} s: {told}; the limit is {limit:,.0f} s.",
            REAL_TIME_DELAY,
        )

    def _rejected(self, made: Measured) -> Observation | None:
        if not made.n_records or made.batch.error is not None:
            return None
        self._records.append((made.n_records, made.n_rejected))
        while sum(n for n, _ in self._records) - self._records[0][0] >= RECENT:
            self._records.popleft()
        n, rejected = (sum(each) for each in zip(*self._records, strict=True))
        if n < FEWEST:
            return None
        share, limit = 100 * rejected / n, self.settings.alert_rejected_pct
        if share <= limit:
            return Observation(self._key("rejected"))
        return Observation(
            self._key("rejected"),
            Severity.CRITICAL if share >= MANY_REJECTED_PCT else Severity.WARNING,
            f"{self.topic}: many records are rejected",
            f"{rejected:,} of the newest {n:,} records, {share:.1f} %; the limit is {limit:g} %.",
            DEAD_LETTERS,
        )

    def _stream(self, made: Measured) -> Observation | None:
        """A look at the topic that failed, or tables that another process holds."""
        error = made.batch.error
        if error is not None and made.batch.outcomes and not _may_retry(error):
            return None  # the table's own
        return self._failing(
            self._key("stream"),
            error,
            f"{self.topic}: nothing can be consumed",
            CONSUMER_LAG,
        )

    def _table(self, outcome: Outcome) -> Observation | None:
        if outcome.outcome not in {Status.UPDATED, Status.UNCHANGED, Status.FAILED}:
            return None
        return self._failing(
            f"table:{outcome.table}", outcome.error, f"{outcome.table} is red", REPAIR
        )

    def _failing(
        self, key: str, error: Exception | None, title: str, runbook: str
    ) -> Observation | None:
        if error is None:
            self._failed.pop(key, None)
            return Observation(key)
        self._failed[key] = self._failed.get(key, 0) + 1
        if not _may_retry(error):
            return Observation(key, Severity.CRITICAL, title, str(error), runbook)
        if self._failed[key] < PATIENCE:
            return None
        return Observation(key, Severity.WARNING, title, str(error), runbook)


def _may_retry(error: Exception) -> bool:
    return isinstance(error, LakehouseError) and error.retry


def anomalies(rows: Iterable[Mapping[str, Any]], newest: datetime) -> Iterator[Observation]:
    """Whether each watched figure is unusual in the window that ended last.

    Args:
        rows: The last unusual window of each figure that ever was, of `gold.live_anomalies`.
        newest: When the last window of all ended.
    """
    last = {row["metric_name"]: row for row in rows if row["window_end"] >= newest}
    for name in METRICS:
        row = last.get(name)
        if row is None:
            yield Observation(f"anomaly:{name}")
            continue
        yield Observation(
            f"anomaly:{name}",
            Severity.CRITICAL if row["severity"] == "critical" else Severity.WARNING,
            f"{name} is unusual: a {row['direction']}",
            f"{row['value']:,.4g} where {row['expected']:,.4g} was expected, in the ten minutes "
            f"that ended {row['window_end']:%Y-%m-%d %H:%M} UTC.",
            REAL_TIME_DELAY,
        )
