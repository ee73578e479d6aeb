"""DuckDB as one run of a table uses it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lakehouse.engines.duckdb.readers import Task, write
from lakehouse.engines.duckdb.store import LAID_OUT, DuckdbStore
from lakehouse.engines.layout import ROWS_A_FILE
from lakehouse.landing import reader

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from pyspark.sql import Column, DataFrame

    from lakehouse.engines.duckdb.frames import Frames
    from lakehouse.engines.duckdb.readers import Readers
    from lakehouse.landing.reader import Part
    from lakehouse.spec import Source, Table

ON_DISK = "_lakehouse_on_disk"
"""Attribute of a frame whose rows lie in files of our own."""


class DuckdbObservedCounts:
    """Aggregates over rows, by a query of their own when they are asked for.

    It reads the columns that it counts by. Rows that were kept for it had all of them.
    """

    def __init__(self, frames: Frames, rows: DataFrame, aggregates: dict[str, Column]) -> None:
        """Keep what to count."""
        self.rows = frames.once(rows)
        self._frames = frames
        self._aggregates = aggregates

    def values(self) -> dict[str, Any]:
        """The aggregates."""
        columns = [column.alias(name) for name, column in self._aggregates.items()]
        row = self._frames.as_kept(self.rows).agg(*columns).first()
        return row.asDict() if row else {}

    def counts(self) -> dict[str, int]:
        """The aggregates as whole numbers."""
        return {name: int(value or 0) for name, value in self.values().items()}


class DuckdbEngine:
    """The engine as one run of a table uses it; the process has one DuckDB, started when needed."""

    def __init__(self, start: Callable[[], Frames], readers: Readers) -> None:
        """Nothing is started yet."""
        self._start = start
        self._readers = readers

    @property
    def frames(self) -> Frames:
        """The connection, started when first needed."""
        return self._start()

    @property
    def store(self) -> DuckdbStore:
        """Where tables are."""
        return DuckdbStore(self.frames)

    @contextmanager
    def doing(self, verb: str) -> Iterator[None]:  # noqa: ARG002  # DuckDB's queries carry no labels
        """Nothing is labelled."""
        yield

    def landed(self, parts: Sequence[Part], source: Source, max_record_bytes: int) -> DataFrame:
        """The records of landing files, read side by side and kept on disk."""
        folder = self.frames.scratch / self.frames.name()
        folder.mkdir(parents=True)
        tasks = [
            Task(share, source, max_record_bytes, str(folder / f"{number}.parquet"))
            for number, share in enumerate(reader.shared(parts))
        ]
        self._readers.run(tasks)
        rows = self.frames.of_files([each.path for each in tasks], reader.types(source))
        setattr(rows, ON_DISK, True)
        return rows

    def rejudged(self, held: DataFrame, source: Source, max_record_bytes: int) -> DataFrame:
        """Rejected records, judged again."""
        path = self.frames.scratch / f"{self.frames.name()}.parquet"
        batches = self.frames.arrow(held).to_batches()
        judged = reader.rejudge(batches, source, max_record_bytes=max_record_bytes)
        write(str(path), judged, reader.schema(source))
        return self.frames.of_files([str(path)], reader.types(source))

    def none_of(self, table: Table) -> DataFrame:
        """The columns of a table, without a row."""
        return self.frames.of_files([], {each.name: each.type for each in table.stored_columns})

    def planned(
        self, make: Callable[..., DataFrame], *rows: DataFrame | None, about: Hashable
    ) -> DataFrame:
        """What a function makes of rows, by the plan of before where there is one."""
        return self.frames.planned(make, rows, about)

    def keep(self, rows: DataFrame) -> DataFrame:
        """The rows, computed once."""
        return self.frames.kept(rows)

    @contextmanager
    def kept_meanwhile(self, rows: DataFrame) -> Iterator[DataFrame]:
        """The rows, computed once; what lies in files of our own is."""
        yield rows if ON_DISK in vars(rows) else self.frames.kept(rows)

    def observe(self, rows: DataFrame, /, **aggregates: Column) -> DuckdbObservedCounts:
        """Take aggregates over rows."""
        return DuckdbObservedCounts(self.frames, rows, aggregates)

    def few(self, rows: DataFrame, n: int) -> DataFrame:  # noqa: ARG002  # DuckDB plans joins itself
        """The rows."""
        return rows

    def by_day(
        self,
        rows: DataFrame,
        table: Table,
        drivers: DataFrame,  # noqa: ARG002  # the rows themselves are counted
        day: str | None,
        n: int,
    ) -> DataFrame:
        """Rows that are to lie in files by their table's day."""
        if table.day and day and not table.is_small and n >= 2 * ROWS_A_FILE:
            setattr(rows, LAID_OUT, table.day)
        return rows
