"""Spark as one run of a table uses it.

What a Spark job is about is written on the job, the table and what is being done to it: Spark shows
it on its web page and keeps it in the event log, where `lakehouse report` finds it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pyspark import StorageLevel
from pyspark.sql import functions as F

from lakehouse.engines.spark import landing, layout
from lakehouse.engines.spark.observed_counts import SparkObservedCounts
from lakehouse.engines.spark.session import relabel
from lakehouse.engines.spark.store import SparkStore

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from pyspark.sql import Column, DataFrame, SparkSession

    from lakehouse.landing.reader import Part
    from lakehouse.spec import Source, Table

_FEW_ROWS = 1_000_000
"""Of a column or two: they fit into every task (50 MB)."""


class SparkEngine:
    """The engine as one run of a table uses it: a session of its own, whose jobs say what they do.

    The session starts when first asked for; what was being done by then is put on it. Labels belong
    to a thread, in the engine as well: a run of a table keeps to one.
    """

    def __init__(self, table: str, start: Callable[[], SparkSession]) -> None:
        """Nothing is started yet."""
        self._table = table
        self._start = start
        self._spark: SparkSession | None = None
        self._label: str | None = None

    @property
    def spark(self) -> SparkSession:
        """The session, started when first needed."""
        if self._spark is None:
            self._spark = self._start()
            relabel(self._spark, None, self._label)
        return self._spark

    @contextmanager
    def doing(self, verb: str) -> Iterator[None]:
        """Jobs that this thread starts meanwhile carry the table and the verb."""
        outer = self._label
        self._put(f"{self._table}: {verb}")
        try:
            yield
        finally:
            self._put(outer)

    @property
    def store(self) -> SparkStore:
        """Tables, by this session."""
        return SparkStore(self.spark)

    def landed(self, parts: Sequence[Part], source: Source, max_record_bytes: int) -> DataFrame:
        """The records of landing files, read in tasks."""
        return landing.landed(self.spark, parts, source, max_record_bytes)

    def rejudged(self, held: DataFrame, source: Source, max_record_bytes: int) -> DataFrame:
        """Rejected records, judged again in tasks."""
        return landing.rejudged(held, source, max_record_bytes)

    def none_of(self, table: Table) -> DataFrame:
        """The columns of a table, without a row."""
        columns = ", ".join(f"`{each.name}` {each.type}" for each in table.stored_columns)
        return self.spark.createDataFrame([], columns)

    def planned(
        self, make: Callable[..., DataFrame], *rows: DataFrame | None, about: Hashable
    ) -> DataFrame:
        """What the function makes: Spark plans quickly."""
        return make(about, *rows)

    def keep(self, rows: DataFrame) -> DataFrame:
        """The rows, computed once."""
        return rows.localCheckpoint()

    @contextmanager
    def kept_meanwhile(self, rows: DataFrame) -> Iterator[DataFrame]:
        """The rows, computed once and kept on disk until the end of the block."""
        kept = rows.persist(StorageLevel.DISK_ONLY)
        try:
            with landing.translated():
                yield kept
        finally:
            kept.unpersist()

    def observe(self, rows: DataFrame, /, **aggregates: Column) -> SparkObservedCounts:
        """Take aggregates over rows on their way."""
        return SparkObservedCounts(rows, **aggregates)

    def few(self, rows: DataFrame, n: int) -> DataFrame:
        """Narrow rows for a side of a join, known to be `n`: sent to every task where they fit."""
        return F.broadcast(rows) if n <= _FEW_ROWS else rows

    def by_day(
        self, rows: DataFrame, table: Table, drivers: DataFrame, day: str | None, n: int
    ) -> DataFrame:
        """Order the rows of a first load by the table's day; see `layout.by_day`."""
        return layout.by_day(rows, table, drivers, day, n)

    def _put(self, label: str | None) -> None:
        if self._spark is not None:
            relabel(self._spark, self._label, label)
        self._label = label
