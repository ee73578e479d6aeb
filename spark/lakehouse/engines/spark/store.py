"""Delta tables by Spark: the `Store` of a session."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from lakehouse.engines import commits
from lakehouse.engines.spark import delta
from lakehouse.io import delta_log

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, timedelta

    from pyspark.sql import DataFrame, SparkSession

    from lakehouse.io.delta_log import Span
    from lakehouse.spec import Column, Table

FEW_ROWS = 100_000
"""That the process which runs a table can hold and commit by itself."""


class SparkStore:
    """Versions of Delta tables, as a session reads and writes them."""

    def __init__(self, spark: SparkSession) -> None:
        """Keep the session."""
        self._spark = spark

    def read(self, uri: str, version: int | None = None, span: Span | None = None) -> DataFrame:
        """A version, by default the newest; with a span, at least all rows of its days."""
        return delta.read(self._spark, uri, version, span)

    def changes(self, uri: str, after: int, until: int) -> DataFrame | None:
        """Rows that versions in (after, until] inserted, updated and deleted."""
        return delta.changes(self._spark, uri, after, until)

    def totals(self, uri: str, version: int, dates: Sequence[str]) -> tuple[int, dict[str, date]]:
        """Rows of a version and the newest value of its dates."""
        return delta.totals(self._spark, uri, version, dates)

    def create(self, uri: str, table: Table) -> None:
        """The empty table of a spec."""
        commits.create(uri, table)

    def append(
        self, rows: DataFrame, uri: str, metadata: dict[str, Any], n: int | None = None
    ) -> int:
        """Add rows, in one commit; says how many they were."""
        if self._are_few(n, uri):
            found = rows.toArrow()
            commits.append(found, uri, metadata)
            return len(found)
        # Here, since a process on DuckDB may read this module, and SQLFrame has no observations.
        from lakehouse.engines.spark.observed_counts import (  # noqa: PLC0415
            SparkObservedCounts,
        )

        observed = SparkObservedCounts(rows, n=F.count(F.lit(1)))
        delta.append(observed.rows, uri, metadata)
        return observed.counts()["n"]

    def merge(  # noqa: PLR0913  # what to write, where, and what is known of it
        self,
        staged: DataFrame,
        uri: str,
        table: Table,
        metadata: dict[str, Any],
        *,
        span: Span | None,
        n: int,
    ) -> None:
        """Apply differences in one commit."""
        if self._are_few(n, uri):
            commits.merge(staged.toArrow(), uri, table, metadata, span=span)
        else:
            delta.merge(self._spark, staged, uri, table, metadata, span=span)

    def _are_few(self, n: int | None, uri: str) -> bool:
        """Whether so many rows are committed here, without a job of Spark's."""
        return n is not None and n <= FEW_ROWS and commits.takes_commits(uri)

    def replace_where(  # noqa: PLR0913  # what to write, where, and what the table is like
        self,
        rows: DataFrame | None,
        uri: str,
        where: str,
        metadata: dict[str, Any],
        *,
        columns: Sequence[Column],
        indexed: Sequence[str],
    ) -> None:
        """Put rows, or none, in place of those that a predicate selects."""
        exists = delta_log.latest_version(uri) is not None
        if rows is None:
            if exists and not self.read(uri).filter(where).isEmpty():
                self._spark.sql(f"DELETE FROM {delta.quoted(uri)} WHERE {where}")
            return
        with delta.translated(uri):
            if not exists:
                properties = {"delta.dataSkippingStatsColumns": ",".join(indexed)}
                commits.create_of(uri, columns, properties)
            (
                rows.write.format("delta")
                .mode("overwrite")
                .option("replaceWhere", where)
                .option("userMetadata", json.dumps(metadata))
                .save(uri)
            )

    def restore(self, uri: str, version: int) -> None:
        """Make an old version the newest again; metadata only."""
        delta.restore(self._spark, uri, version)

    def optimize(self, uri: str, metadata: dict[str, Any], by: Sequence[str] = ()) -> None:
        """Merge small files, in one commit that changes no row."""
        # Without an order it is copying: 43 files of a stream in 2 s instead of 35.
        if not by and commits.takes_commits(uri):
            commits.compact(uri, metadata)
            return
        delta.optimize(self._spark, uri, metadata, by)

    def vacuum(self, uri: str, retention: timedelta) -> None:
        """Delete files that no version younger than the retention needs."""
        if commits.takes_commits(uri):
            commits.vacuum(uri, retention)
            return
        delta.vacuum(self._spark, uri, retention)
