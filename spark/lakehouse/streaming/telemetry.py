"""What a batch was like, as a row of `ops.stream_batches`: how much, how long, how fresh.

How fresh its events were is read from the files that its commit added, one column of them: exact,
milliseconds on either engine, and no work for Spark.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from lakehouse.catalog.status import Status
from lakehouse.io import delta_log, files
from lakehouse.spec.changes import CHANGE_TYPE, INSERT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from lakehouse.engine.outcome import Outcome
    from lakehouse.settings import Settings
    from lakehouse.spec import Table
    from lakehouse.streaming.batches import Batch

MICROS = 1_000_000
Micros: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"


@dataclass(frozen=True)
class Freshness:
    """How long before they could be read the events of a batch had happened.

    Attributes:
        n: Events that count: none of the future.
        oldest_event_at: The first of them.
        newest_event_at: The last.
        p50_s: Seconds that half of them had happened before.
        p99_s: The same for 99 % of them.
    """

    n: int = 0
    oldest_event_at: datetime | None = None
    newest_event_at: datetime | None = None
    p50_s: float | None = None
    p99_s: float | None = None


@dataclass(frozen=True)
class Measured:
    """A batch in figures.

    Attributes:
        topic: What it consumed.
        table: The bronze table.
        batch: The batch.
        ended_at: When its tables could be read, in the serving database, too.
        freshness: Of its new events.
        n_records: Records that it read.
        n_rejected: Of which rejected.
    """

    topic: str
    table: str
    batch: Batch
    ended_at: datetime
    freshness: Freshness = field(default_factory=Freshness)
    n_records: int = 0
    n_rejected: int = 0

    @property
    def waiting(self) -> int:
        """Offsets that were there when it began and are unconsumed."""
        return sum(self.batch.lag.values())

    @property
    def error(self) -> Exception | None:
        """What went wrong first: with consuming, or with a table that follows."""
        errors = (each.error for each in self.batch.outcomes)
        return self.batch.error or next(filter(None, errors), None)

    @property
    def row(self) -> dict[str, Any]:
        """The row of `ops.stream_batches`."""
        outcomes = self.batch.outcomes
        by_partition = {str(partition): n for partition, n in self.batch.lag.items()}
        return {
            "topic": self.topic,
            "table_name": self.table,
            "run_id": outcomes[0].run_id if outcomes else "",
            "started_at": self.batch.started_at,
            "ended_at": self.ended_at,
            "seconds": round(self.batch.seconds, 3),
            "n": self.batch.n,
            "waiting": self.waiting if self.batch.lag else None,
            "waiting_by_partition": json.dumps(by_partition) if by_partition else None,
            "oldest_event_at": self.freshness.oldest_event_at,
            "newest_event_at": self.freshness.newest_event_at,
            "freshness_p50_s": self.freshness.p50_s,
            "freshness_p99_s": self.freshness.p99_s,
            "n_rejected": self.n_rejected,
            "error": str(self.error) if self.error else None,
        }


def measured(
    settings: Settings, topic: str, table: Table, batch: Batch, ended_at: datetime
) -> Measured:
    """A batch in figures."""
    if not batch.outcomes:
        return Measured(topic, table.name, batch, ended_at)
    first = batch.outcomes[0]
    account = first.account
    return Measured(
        topic,
        table.name,
        batch,
        ended_at,
        # Where a table failed, readers of it do not have the events yet.
        freshness=Freshness()
        if any(each.outcome.is_failure for each in batch.outcomes)
        else freshness(settings, table, first, ended_at),
        n_records=account.rows_in - account.rows_rejected_again,
        n_rejected=account.rows_quarantined - account.rows_rejected_again,
    )


def freshness(
    settings: Settings, table: Table, outcome: Outcome, published_at: datetime
) -> Freshness:
    """How fresh the rows were that a run added, when they were published.

    Events that had not happened by then have a clock that is wrong, and count for nothing.
    """
    if outcome.outcome is not Status.UPDATED or outcome.state is None:
        return Freshness()
    state = outcome.state
    micros = moments(settings, table, state.base or 0, state.version)
    now = round(published_at.timestamp() * MICROS)
    micros = micros[micros <= now]
    if not len(micros):
        return Freshness()
    p50, p99 = np.quantile((now - micros) / MICROS, (0.5, 0.99)).tolist()
    oldest, newest = (
        pa.scalar(int(each), pa.timestamp("us", tz="UTC")).as_py()
        for each in (micros.min(), micros.max())
    )
    return Freshness(len(micros), oldest, newest, round(p50, 3), round(p99, 3))


def moments(settings: Settings, table: Table, after: int, until: int) -> Micros:
    """When the events happened that versions in (after, until] added, in microseconds since 1970.

    Empty, too, where the table tells no moment, or nobody knows any more what was added.
    """
    moment, none = moment_of(table), np.empty(0, np.int64)
    if moment is None:
        return none
    feed = delta_log.feed(settings.table_uri(table.name), after, until)
    return none if feed is None else np.concatenate([none, *_moments(feed, moment)])


def moment_of(table: Table) -> str | None:
    """The column that tells when an event happened: of a table laid out by `x_date`, `x_at`."""
    noun = (table.day or "").removesuffix("_date")
    names = {column.name for column in table.columns}
    return f"{noun}_at" if f"{noun}_at" in names else None


def _moments(feed: delta_log.Feed, column: str) -> Iterator[Micros]:
    """The moments of inserted rows, in microseconds since 1970."""
    for path in feed.added:
        yield _micros(_columns(path, [column])[column])
    for path in feed.described:
        found = _columns(path, [column, CHANGE_TYPE])
        kinds = found[CHANGE_TYPE].to_pylist()
        yield _micros(found[column])[np.array([kind == INSERT for kind in kinds], np.bool_)]


def _columns(uri: str, names: list[str]) -> Mapping[str, pa.ChunkedArray]:
    filesystem, path = files.locate(uri)
    with filesystem.open_input_file(path) as file:
        found = parquet.ParquetFile(file).read(columns=names)
    return {name: found.column(name) for name in names}


def _micros(told: pa.ChunkedArray) -> Micros:
    known = told.cast(pa.timestamp("us", tz="UTC")).drop_null()
    found: Micros = known.cast(pa.int64()).to_numpy()
    return found
