"""Delta tables by delta-rs, their rows by DuckDB: the `Store` of a process without a JVM."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake
from deltalake.transaction import AddAction, RemoveAction

from lakehouse.engines import commits, layout
from lakehouse.engines.columns import GROWN
from lakehouse.engines.commits import said, translated
from lakehouse.engines.duckdb.frames import sql_of, typed
from lakehouse.engines.layout import ROWS_A_FILE, stretches
from lakehouse.errors import SchemaMismatchError
from lakehouse.io import delta_log, files
from lakehouse.io.sql import literal, quoted
from lakehouse.spec.changes import CHANGE_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, timedelta

    from pyspark.sql import DataFrame

    from lakehouse.engines.duckdb.frames import Frames, Types
    from lakehouse.io.delta_log import Span
    from lakehouse.spec import Column, Table

LAID_OUT = "_lakehouse_day"
"""Attribute of a frame whose rows are to lie in files by this day."""


class DuckdbStore:
    """Versions of Delta tables, as this process reads and writes them."""

    def __init__(self, frames: Frames) -> None:
        """Keep the connection."""
        self._frames = frames

    def read(self, uri: str, version: int | None = None, span: Span | None = None) -> DataFrame:
        """A version, by default the newest; with a span, at least all rows of its days."""
        table = _opened(uri, version)
        paths = delta_log.files_of(table, uri, span)
        return self._frames.of_files(paths, _types(table), may_lack=_has_grown(table))

    def query(self, uri: str, version: int) -> str:
        """DuckDB's SQL for the rows of a version."""
        table = _opened(uri, version)
        paths = delta_log.files_of(table, uri)
        return self._frames.query_of_files(paths, _types(table), may_lack=_has_grown(table))

    def changes(self, uri: str, after: int, until: int) -> DataFrame | None:
        """Rows that versions in (after, until] inserted, updated and deleted."""
        feed = delta_log.feed(uri, after, until)
        if feed is None:
            return None
        table = _opened(uri, until)
        types, may_lack = _types(table), _has_grown(table)
        described = types | {CHANGE_TYPE: "string"}
        parts = [self._frames.query_of_files(feed.described, described, may_lack=may_lack)]
        for kind, paths in (("insert", feed.added), ("delete", feed.removed)):
            if paths:
                rows = self._frames.query_of_files(paths, types, may_lack=may_lack)
                parts.append(f"SELECT *, {literal(kind)} AS {CHANGE_TYPE} FROM ({rows})")
        return self._frames.of_sql(" UNION ALL ".join(parts), described)

    def totals(self, uri: str, version: int, dates: Sequence[str]) -> tuple[int, dict[str, date]]:
        """Rows of a version and the newest value of its dates."""
        known = delta_log.totals(uri, version, dates)
        if known is not None:
            return known
        newest = "".join(f", max({quoted(name)})" for name in dates)
        rows = sql_of(self.read(uri, version))
        found = self._frames.connection.execute(f"SELECT count(*){newest} FROM ({rows})").fetchone()
        n, *days = found or (0,)
        return n, {name: day for name, day in zip(dates, days, strict=True) if day}

    def create(self, uri: str, table: Table) -> None:
        """The empty table of a spec."""
        commits.create(uri, table)

    def append(
        self,
        rows: DataFrame,
        uri: str,
        metadata: dict[str, Any],
        n: int | None = None,  # noqa: ARG002  # any number is written the same way
    ) -> int:
        """Add rows, in one commit; none without rows. Says how many they were."""
        table = _opened(uri)
        day = vars(rows).get(LAID_OUT)  # a frame takes other names for columns
        if day:  # several files are several queries
            rows = self._frames.kept(rows)
        query = f"SELECT {typed(_types(table))} FROM ({sql_of(rows)})"
        with translated(uri):
            parts = [self._written(uri, part, table) for part in self._parts(query, day)]
            written = [each for each in parts if each]
            added: list[AddAction | RemoveAction] = [file for file, _ in written]
            if added:
                table.create_write_transaction(
                    added,
                    mode="append",
                    schema=table.schema(),
                    commit_properties=said(metadata),
                )
        return sum(n for _, n in written)

    def _parts(self, query: str, day: str | None) -> Iterator[str]:
        """Queries of the rows of one file each."""
        if day is None:
            yield query
            return
        counted = self._frames.connection.execute(
            f"SELECT {quoted(day)}, count(*) FROM ({query}) GROUP BY 1"
        ).fetchall()
        first = "-infinity"
        for stretch in stretches([(on, n) for on, n in counted if on], ROWS_A_FILE):
            where = f"{quoted(day)} > '{first}'::DATE AND {quoted(day)} <= '{stretch.last}'::DATE"
            for number in range(stretch.n_files):
                share = f"hash(whole) % {stretch.n_files} = {number}"
                yield f"SELECT * FROM ({query}) AS whole WHERE {where} AND {share}"
            first = str(stretch.last)
        yield f"SELECT * FROM ({query}) WHERE {quoted(day)} IS NULL"

    def _written(self, uri: str, query: str, table: DeltaTable) -> tuple[AddAction, int] | None:
        """Write the rows of a query into a file; with it how many they are, None for none."""
        name = f"part-{uuid.uuid4()}.parquet"
        filesystem, root = files.locate(uri)
        target = f"{root}/{name}" if files.is_local(uri) else str(self._frames.scratch / name)
        copy = f"COPY ({query}) TO {literal(target)} (FORMAT parquet, COMPRESSION snappy)"
        self._frames.connection.execute(copy)
        footer = pq.read_metadata(target)
        if not footer.num_rows:
            Path(target).unlink()
            return None
        _check_not_null(footer, table, uri)
        size = Path(target).stat().st_size
        if not files.is_local(uri):
            with filesystem.open_output_stream(f"{root}/{name}") as stream:
                stream.write(Path(target).read_bytes())
            Path(target).unlink()
        stats = json.dumps(_statistics(footer, table))
        added = AddAction(name, size, {}, int(time.time() * 1000), data_change=True, stats=stats)
        return added, footer.num_rows

    def merge(  # noqa: PLR0913  # what to write, where, and what is known of it
        self,
        staged: DataFrame,
        uri: str,
        table: Table,
        metadata: dict[str, Any],
        *,
        span: Span | None,
        n: int,  # noqa: ARG002  # as above
    ) -> None:
        """Apply differences in one commit."""
        commits.merge(self._frames.arrow(staged), uri, table, metadata, span=span)

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
                with translated(uri):
                    _opened(uri).delete(where, commit_properties=said(metadata))
            return
        with translated(uri):
            if not exists:
                commits.create_of(
                    uri, columns, {"delta.dataSkippingStatsColumns": ",".join(indexed)}
                )
            write_deltalake(
                _opened(uri),
                self._frames.arrow(rows),
                mode="overwrite",
                predicate=where,
                commit_properties=said(metadata),
            )

    def restore(self, uri: str, version: int) -> None:
        """Make an old version the newest again; metadata only."""
        with translated(uri):
            _opened(uri).restore(version)

    def optimize(self, uri: str, metadata: dict[str, Any], by: Sequence[str] = ()) -> None:
        """Merge small files, in one commit that changes no row."""
        table = _opened(uri)
        if not by:
            commits.compact(uri, metadata)
            return
        with translated(uri):
            table.optimize.z_order(
                [*by], target_size=layout.FILE_BYTES, commit_properties=said(metadata)
            )

    def vacuum(self, uri: str, retention: timedelta) -> None:
        """Delete files that no version younger than the retention needs; makes no commit."""
        _opened(uri)
        commits.vacuum(uri, retention)


def _opened(uri: str, version: int | None = None) -> DeltaTable:
    table = commits.opened(uri, version)
    features = table.protocol().reader_features
    if features:
        message = (
            f"{uri} uses {', '.join(features)}, which the DuckDB engine cannot read; "
            "run it with LAKEHOUSE_ENGINE=spark"
        )
        raise SchemaMismatchError(message, path=uri)
    return table


def _types(table: DeltaTable) -> Types:
    fields = json.loads(table.schema().to_json())["fields"]
    return {field["name"]: delta_log.type_name(field["type"]) for field in fields}


def _has_grown(table: DeltaTable) -> bool:
    """Whether files may lack columns that were added after them."""
    return table.metadata().configuration.get(GROWN) == "true"


def _check_not_null(footer: Any, table: DeltaTable, uri: str) -> None:  # noqa: ANN401  # of Parquet
    required = commits.required(table)
    for column, _, nulls in _chunks(footer):
        if nulls and column in required:
            raise commits.null_error(uri, column, nulls)


def _statistics(footer: Any, table: DeltaTable) -> dict[str, Any]:  # noqa: ANN401  # of Parquet
    """Minima, maxima and nulls of the columns that have them, as Delta writes them."""
    listed = table.metadata().configuration.get("delta.dataSkippingStatsColumns")
    indexed = set(listed.split(",")) if listed else set()
    low: dict[str, Any] = {}
    high: dict[str, Any] = {}
    nulls: dict[str, int] = {}
    unknown: set[str] = set()
    for column, found, n_nulls in _chunks(footer):
        if column not in indexed:
            continue
        nulls[column] = nulls.get(column, 0) + n_nulls
        if found is None:
            continue
        first, last = found
        if isinstance(first, str) and max(len(first), len(last)) > 32:  # noqa: PLR2004  # Delta's limit
            unknown.add(column)
        low[column] = min(low.get(column, first), first)
        high[column] = max(high.get(column, last), last)
    return {
        "numRecords": footer.num_rows,
        "minValues": {name: _as_json(v) for name, v in low.items() if name not in unknown},
        "maxValues": {name: _as_json(v) for name, v in high.items() if name not in unknown},
        "nullCount": nulls,
    }


def _chunks(footer: Any) -> Iterator[tuple[str, tuple[Any, Any] | None, int]]:  # noqa: ANN401  # same
    """Column, minimum and maximum, and nulls of each chunk of a file."""
    for group in range(footer.num_row_groups):
        row_group = footer.row_group(group)
        for number in range(row_group.num_columns):
            chunk = row_group.column(number)
            found = chunk.statistics
            if found is None or "." in chunk.path_in_schema:
                continue
            ends = (found.min, found.max) if found.has_min_max else None
            yield chunk.path_in_schema, ends, found.null_count or 0


def _as_json(value: Any) -> Any:  # noqa: ANN401  # whatever a column holds
    if hasattr(value, "isoformat"):
        if hasattr(value, "tzinfo"):
            return value.isoformat(timespec="microseconds").replace("+00:00", "Z")
        return value.isoformat()
    return float(value) if hasattr(value, "as_tuple") else value
