"""DuckDB as a lake uses it: one in the process, for one run of a table after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlglot

from lakehouse.engines.duckdb.engine import DuckdbEngine
from lakehouse.engines.duckdb.frames import Frames
from lakehouse.engines.duckdb.readers import Readers
from lakehouse.engines.duckdb.store import DuckdbStore

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.settings import Settings


class DuckdbHost:
    """The engine of a lake, started at its first use."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is started yet."""
        self._settings = settings
        self._frames: Frames | None = None
        self._readers = Readers()

    def start(self) -> Frames:
        """The frames of this process, started when first needed."""
        if self._frames is None:
            self._frames = Frames(self._settings)
        return self._frames

    def engine(self, table: str) -> DuckdbEngine:  # noqa: ARG002  # no query is labelled
        """The engine as one run of a table uses it; what the one before kept goes."""
        if self._frames is not None:
            self._frames.begin()
        return DuckdbEngine(self.start, self._readers)

    def forget(self) -> None:
        """What the run made goes."""
        if self._frames is not None:
            self._frames.forget()

    def register(self, name: str, uri: str, version: int) -> None:
        """Let a version of a table be known to SQL by its name."""
        frames = self.start()
        query = DuckdbStore(frames).query(uri, version)
        frames.connection.execute(f"CREATE SCHEMA IF NOT EXISTS {name.partition('.')[0]}")
        frames.connection.execute(f"CREATE OR REPLACE VIEW {name} AS {query}")

    def sql(self, query: str) -> DataFrame:
        """Rows of a query over what is registered, in Spark's SQL."""
        (ours,) = sqlglot.transpile(query, read="spark", write="duckdb")
        return self.start().of_query(ours)

    def error(self, error: Exception) -> Exception | None:  # noqa: ARG002  # it lives and dies with us
        """Nothing dies under us."""
        return None

    def close(self) -> None:
        """Remove what was kept, and end what was started."""
        self._readers.close()
        if self._frames is not None:
            self._frames.close()
            self._frames = None
