"""Marts of the lake itself: DuckDB over the files of the published versions.

For whoever runs no database. The versions are fixed when a reading begins; their files are kept by
`lakehouse maintain` for longer than any reading lasts.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
from deltalake import DeltaTable
from pyarrow import dataset

from lakehouse.api.marts import EVERYBODY, TENANT, Publication, Rows
from lakehouse.catalog import restated
from lakehouse.errors import StorageError, UpstreamMissingError
from lakehouse.io import delta_log, files
from lakehouse.io.ops import INSTANT
from lakehouse.io.sql import literal, quoted
from lakehouse.io.state import StateStore

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from lakehouse.api.marts import Stop
    from lakehouse.catalog.registry import Registry
    from lakehouse.io.state import State
    from lakehouse.settings import Settings

MOST_VERSIONS = 256
"""Versions whose files are remembered: a table's log is read once a publication."""


class LakeReading:
    """Tables of the lake, each at a version."""

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        marts: LakeMarts,
        tenant: str,
        publications: dict[str, Publication],
    ) -> None:
        """Keep the versions."""
        self.connection = cursor
        self._marts, self._tenant = marts, tenant
        self.publications: Mapping[str, Publication] = publications

    def relation(self, table: str) -> str:
        """See `Reading`."""
        spec, published = self._marts.registry[table].table, self.publications[table]
        scan = self._marts.scan(self.connection, published)
        if self._tenant == EVERYBODY or TENANT not in spec.column_names:
            return scan
        return f"(SELECT * FROM {scan} WHERE {quoted(TENANT)} = {literal(self._tenant)})"

    def dataset(self, table: str) -> dataset.Dataset:
        """A table as Arrow reads it: all rows, whoever asks."""
        return self._marts.dataset(self.publications[table])

    def rows(self, sql: str, values: Sequence[object]) -> Rows:
        """See `Reading`."""
        # Through Arrow: DuckDB itself needs another library for moments with a time zone.
        found: pa.Table = self.connection.sql(sql, params=list(values)).to_arrow_table()
        columns = [_in_utc(column).to_pylist() for column in found.columns]
        return Rows(tuple(found.column_names), list(zip(*columns, strict=True)))


class LakeMarts:
    """See `Marts`."""

    kind = "lake"

    def __init__(self, settings: Settings, registry: Registry) -> None:
        """Open a DuckDB in memory; nothing is read yet."""
        self.registry = registry
        self._settings, self._states = settings, StateStore(settings)
        self._duckdb = duckdb.connect(config={"memory_limit": settings.duckdb_memory})
        # Files of Delta tables never change: what DuckDB knows of one stays true.
        self._duckdb.execute("SET GLOBAL parquet_metadata_cache = true")
        self._paths = lru_cache(maxsize=MOST_VERSIONS)(self._paths_of)
        self._dates = lru_cache(maxsize=MOST_VERSIONS)(self._dates_of)

    def publications(self) -> dict[str, Publication]:
        """See `Marts`."""
        found = ((name, self._states.published(name)) for name in self.registry.served)
        return {name: self._publication(state) for name, state in found if state}

    @contextmanager
    def reading(self, tables: Collection[str], tenant: str, stop: Stop) -> Iterator[LakeReading]:
        """See `Marts`."""
        published = {name: self._published(name) for name in tables}
        cursor = self._duckdb.cursor()
        stop.by(cursor.interrupt)
        try:
            yield LakeReading(cursor, self, tenant, published)
        except duckdb.InterruptException as error:
            raise StorageError("the lake does not answer in time") from error
        except (duckdb.IOException, duckdb.BinderException, OSError) as error:
            message = f"the lake cannot be read: {str(error).splitlines()[0]}"
            raise StorageError(message) from error
        finally:
            stop.by(None)
            cursor.close()

    def close(self) -> None:
        """See `Marts`."""
        self._duckdb.close()

    def scan(self, cursor: duckdb.DuckDBPyConnection, published: Publication) -> str:
        """A version as SQL names it."""
        paths = self._paths(published.table, published.version, published.table_id)
        uri = self._settings.table_uri(published.table)
        if not paths:
            return self._nothing(published.table)
        if files.is_local(uri):
            # By name: files of before a column was added do not have it.
            by_name = ", union_by_name = true" if len(paths) > 1 else ""
            return f"read_parquet([{', '.join(map(literal, paths))}]{by_name})"
        name = f"files_of_{published.table.replace('.', '_')}"
        cursor.register(name, self.dataset(published))
        return quoted(name)

    def dataset(self, published: Publication) -> dataset.Dataset:
        """A version as Arrow reads it."""
        uri = self._settings.table_uri(published.table)
        table = DeltaTable(
            uri, version=published.version, storage_options=files.storage_options(uri)
        )
        return table.to_pyarrow_dataset()

    def _nothing(self, table: str) -> str:
        columns = ", ".join(
            f"CAST(NULL AS {each.type}) AS {quoted(each.name)}"
            for each in self.registry[table].table.columns
        )
        return f"(SELECT {columns} WHERE false)"

    def _published(self, name: str) -> Publication:
        state = self._states.published(name)
        if state is None:
            message = f"{name} was never published; run `lakehouse run +{name}`"
            raise UpstreamMissingError(message, table=name)
        return self._publication(state)

    def _publication(self, state: State) -> Publication:
        dates = self._dates(state.table, state.version, state.published_at)
        return Publication(
            state.table,
            state.version,
            state.table_id,
            dates.as_of,
            dates.restated_at,
            state.published_moment,
            state.rows,
        )

    def _dates_of(self, table: str, _version: int, _published_at: str | None) -> restated.Dates:
        state = self._states.published(table)
        assert state is not None  # noqa: S101  # its caller has just read it
        return restated.dates_of(self._settings, self._states, self.registry[table].table, state)

    def _paths_of(self, table: str, version: int, _table_id: str | None) -> tuple[str, ...]:
        uri = self._settings.table_uri(table)
        opened = DeltaTable(uri, version=version, storage_options=files.storage_options(uri))
        if opened.protocol().reader_features or opened.metadata().partition_columns:
            raise StorageError(f"{table}: its files alone do not tell its rows", table=table)
        return tuple(delta_log.files_of(opened, uri))


def _in_utc(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Moments as they are told: DuckDB puts them in this machine's time zone."""
    return column.cast(INSTANT) if pa.types.is_timestamp(column.type) else column
