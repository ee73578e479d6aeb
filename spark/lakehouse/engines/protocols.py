"""What the machinery asks of an engine: two small protocols.

Frames are PySpark's, in every engine: what can be said with a frame's own methods is not here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence
    from contextlib import AbstractContextManager
    from datetime import date, timedelta

    from pyspark.sql import Column, DataFrame

    from lakehouse.io.delta_log import Span
    from lakehouse.landing.reader import Part
    from lakehouse.spec import Column as TableColumn
    from lakehouse.spec import Source, Table

Metadata = dict[str, Any]
"""What a commit says of itself."""


class Store(Protocol):
    """Versions of Delta tables at their places."""

    def read(self, uri: str, version: int | None = None, span: Span | None = None) -> DataFrame:
        """A version, by default the newest; with a span, at least all rows of its days."""
        ...

    def changes(self, uri: str, after: int, until: int) -> DataFrame | None:
        """Rows that versions in (after, until] inserted, updated and deleted, by `_change_type`.

        None when the history needed is gone: the caller recomputes everything.
        """
        ...

    def totals(self, uri: str, version: int, dates: Sequence[str]) -> tuple[int, dict[str, date]]:
        """Rows of a version and the newest value of its dates."""
        ...

    def create(self, uri: str, table: Table) -> None:
        """The empty table of a spec."""
        ...

    def append(self, rows: DataFrame, uri: str, metadata: Metadata, n: int | None = None) -> int:
        """Add rows, known to be `n` where that is told, in one commit.

        Returns:
            How many they were.
        """
        ...

    def merge(  # noqa: PLR0913  # what to write, where, and what is known of it
        self,
        staged: DataFrame,
        uri: str,
        table: Table,
        metadata: Metadata,
        *,
        span: Span | None,
        n: int,
    ) -> None:
        """Apply `n` differences, which may be known to lie in some days, in one commit."""
        ...

    def replace_where(  # noqa: PLR0913  # what to write, where, and what the table is like
        self,
        rows: DataFrame | None,
        uri: str,
        where: str,
        metadata: Metadata,
        *,
        columns: Sequence[TableColumn],
        indexed: Sequence[str],
    ) -> None:
        """Put rows, or none, in place of those that a predicate selects.

        The first rows create the table, with these columns, and statistics of the indexed ones.
        """
        ...

    def restore(self, uri: str, version: int) -> None:
        """Make an old version the newest again."""
        ...

    def optimize(self, uri: str, metadata: Metadata, by: Sequence[str] = ()) -> None:
        """Few large files in place of many small ones, in one commit that changes no row.

        Rows that are near each other by some columns come to lie together (Z-order).
        """
        ...

    def vacuum(self, uri: str, retention: timedelta) -> None:
        """Delete files that no version younger than the retention needs; makes no commit."""
        ...


class ObservedCounts(Protocol):
    """Aggregates over the rows of a frame, taken while they are computed for something else."""

    rows: DataFrame
    """The frame to use in place of the one that was given."""

    def values(self) -> dict[str, Any]:
        """The aggregates; call it after `rows` were computed."""
        ...

    def counts(self) -> dict[str, int]:
        """The same as whole numbers."""
        ...


class Engine(Protocol):
    """What computes: as one run of a table uses it. It starts when first needed."""

    @property
    def store(self) -> Store:
        """Where tables are."""
        ...

    def doing(self, verb: str) -> AbstractContextManager[None]:
        """What the engine does meanwhile carries the table and this verb."""
        ...

    def landed(self, parts: Sequence[Part], source: Source, max_record_bytes: int) -> DataFrame:
        """The records of landing files, judged: `reader.schema` says what is known of each."""
        ...

    def rejudged(self, held: DataFrame, source: Source, max_record_bytes: int) -> DataFrame:
        """The same of rejected records, as the quarantine keeps them."""
        ...

    def none_of(self, table: Table) -> DataFrame:
        """The columns of a table, without a row."""
        ...

    def planned(
        self, make: Callable[..., DataFrame], *rows: DataFrame | None, about: Hashable
    ) -> DataFrame:
        """What `make(about, *rows)` returns, which computes nothing.

        An engine may plan it once for all rows of the same columns, so a function of a module is
        what it takes: what it returns follows from its arguments alone.
        """
        ...

    def keep(self, rows: DataFrame) -> DataFrame:
        """The rows, computed once."""
        ...

    def kept_meanwhile(self, rows: DataFrame) -> AbstractContextManager[DataFrame]:
        """The rows, computed once and kept on disk until the end of the block."""
        ...

    def observe(self, rows: DataFrame, /, **aggregates: Column) -> ObservedCounts:
        """Take aggregates over rows on their way."""
        ...

    def few(self, rows: DataFrame, n: int) -> DataFrame:
        """Narrow rows for a side of a join, known to be `n`: sent everywhere where they fit."""
        ...

    def by_day(
        self, rows: DataFrame, table: Table, drivers: DataFrame, day: str | None, n: int
    ) -> DataFrame:
        """Order the rows of a first load by the table's day, by what a day's `n` drivers weigh."""
        ...


class Host(Protocol):
    """The engine of a lake: started at its first use, and closed with the lake."""

    def start(self) -> object:
        """Start it now."""
        ...

    def engine(self, table: str) -> Engine:
        """The engine as one run of a table uses it; not started yet."""
        ...

    def forget(self) -> None:
        """A run of a table is over: let go of what it made."""
        ...

    def register(self, name: str, uri: str, version: int) -> None:
        """Let a version of a table be known to SQL by its name."""
        ...

    def sql(self, query: str) -> DataFrame:
        """Rows of a query over what is registered."""
        ...

    def error(self, error: Exception) -> Exception | None:
        """The error in our words when it says that the engine died under us, else None."""
        ...

    def close(self) -> None:
        """Stop what was started."""
        ...
