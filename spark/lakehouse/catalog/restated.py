"""Two dates of a published version: the newest day that counts in it, and its last restatement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from lakehouse.catalog.freshness import data_through
from lakehouse.io import ops
from lakehouse.io.sql import literal

if TYPE_CHECKING:
    from lakehouse.io.state import State, StateStore
    from lakehouse.settings import Settings
    from lakehouse.spec import Table


@dataclass(frozen=True)
class Dates:
    """What readers are told of a version beside its rows.

    Attributes:
        as_of: Newest day that counts in it, where it has one.
        restated_at: When a figure that had been final last changed, UTC; None = never.
    """

    as_of: date | None
    restated_at: datetime | None


def dates_of(settings: Settings, states: StateStore, table: Table, state: State) -> Dates:
    """Those of a published version."""
    through = data_through(table, states)
    found = ops.read(
        settings,
        "metric_restatements",
        "SELECT max(restated_at) AS at FROM t "
        f"WHERE table_name = {literal(table.name)} AND version <= {state.version}",
    )
    restated = found[0]["at"] if found and table.final else None
    return Dates(date.fromisoformat(through[:10]) if through else None, restated)
