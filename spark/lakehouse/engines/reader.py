"""Reading a lake from notebooks and scripts: published versions only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from lakehouse.catalog.registry import registry
from lakehouse.engines.spark import delta
from lakehouse.engines.spark.session import start_session
from lakehouse.errors import UpstreamMissingError
from lakehouse.io.state import StateStore

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from lakehouse.settings import Settings


class LakeReader:
    """Published tables as frames and as SQL views; a context manager."""

    def __init__(self, settings: Settings) -> None:
        """Start the engine and register every published table under its name."""
        self.settings = settings
        self.states = StateStore(settings)
        self.spark: SparkSession = start_session(settings)
        self.refresh()

    def refresh(self) -> None:
        """Point the views at what is published now."""
        for layer in {name.partition(".")[0] for name in registry().entries}:
            self.spark.sql(f"CREATE DATABASE IF NOT EXISTS {layer}")
        for name in registry().entries:
            if state := self.states.published(name):
                where = delta.quoted(self.settings.table_uri(name))
                self.spark.sql(
                    f"CREATE OR REPLACE VIEW {name} AS "
                    f"SELECT * FROM {where} VERSION AS OF {state.version}"
                )

    def table(self, name: str, version: int | None = None) -> DataFrame:
        """A table at its published version, or at an older one.

        Raises:
            UnknownTableError: No such table.
            UpstreamMissingError: It was never published.
        """
        entry = registry()[name]
        state = self.states.published(entry.table.name)
        if state is None:
            message = f"{name} was never published; run `lakehouse run +{name}`"
            raise UpstreamMissingError(message, table=name)
        where = self.settings.table_uri(name)
        return delta.read(self.spark, where, state.version if version is None else version)

    def sql(self, query: str) -> DataFrame:
        """Rows of a query over the published tables."""
        return self.spark.sql(query)

    def close(self) -> None:
        """Stop the engine."""
        self.spark.stop()

    def __enter__(self) -> Self:
        """Already open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the engine."""
        self.close()
