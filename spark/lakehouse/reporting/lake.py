"""Published tables as plain rows, read without Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakehouse.io import ops
from lakehouse.io.damage import assert_intact
from lakehouse.io.state import State, StateStore

if TYPE_CHECKING:
    from lakehouse.settings import Settings


class PublishedLake:
    """What readers may see of a lake; a table that is not published has no rows."""

    def __init__(self, settings: Settings) -> None:
        """Keep where to look; published states are read once, so that a report is one picture."""
        self.settings = settings
        self._store = StateStore(settings)
        self._states: dict[str, State | None] = {}

    def state(self, table: str) -> State | None:
        """The published state of a table."""
        if table not in self._states:
            self._states[table] = self._store.published(table)
        return self._states[table]

    def rows(self, table: str, query: str) -> list[dict[str, Any]]:
        """Rows of a SQL query over the published version of a table, which it calls `t`.

        Raises:
            DamagedTableError: Some of the version is not there any more.
        """
        state = self.state(table)
        if state is None:
            return []
        uri = self.settings.table_uri(table)
        try:
            return ops.query_delta(uri, query, state.version)
        except Exception:
            assert_intact(table, uri, state)
            raise

    def one(self, table: str, query: str) -> dict[str, Any]:
        """The only row of an aggregate; empty when the table is not published."""
        rows = self.rows(table, query)
        return rows[0] if rows else {}

    def kept(self, table: str, query: str) -> list[dict[str, Any]]:
        """Rows of a query over the newest version of `ops.x` or `quarantine.x`."""
        return ops.query_delta(self.settings.table_uri(table), query)
