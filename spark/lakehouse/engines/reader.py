"""Reading a lake from notebooks and scripts: published versions only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from lakehouse.catalog.registry import registry
from lakehouse.engines.choice import host_of, prepare
from lakehouse.errors import UpstreamMissingError
from lakehouse.io.state import StateStore

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.settings import Settings


class LakeReader:
    """Published tables as frames and as SQL views; a context manager."""

    def __init__(self, settings: Settings) -> None:
        """Start the engine and register every published table under its name."""
        prepare(settings)
        self.settings = settings
        self.states = StateStore(settings)
        self._host = host_of(settings, None)
        self.refresh()

    def refresh(self) -> None:
        """Point the views at what is published now."""
        for name in registry().entries:
            if state := self.states.published(name):
                self._host.register(name, self.settings.table_uri(name), state.version)

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
        store = self._host.engine(name).store
        return store.read(where, state.version if version is None else version)

    def sql(self, query: str) -> DataFrame:
        """Rows of a query over the published tables."""
        return self._host.sql(query)

    def close(self) -> None:
        """Stop the engine."""
        self._host.close()

    def __enter__(self) -> Self:
        """Already open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the engine."""
        self.close()
