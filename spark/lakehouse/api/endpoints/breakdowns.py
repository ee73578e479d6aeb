"""Sums over some parts of a mart whose rows are combinations of all of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lakehouse.api.listing import IS_COMPLETE, Listing
from lakehouse.io.sql import quoted

if TYPE_CHECKING:
    from collections.abc import Collection

    from lakehouse.api.caching import Strategy
    from lakehouse.spec import Column

DAY = "metric_date"
ADDED = ("n_sessions", "n_page_views", "n_bounces", "n_engaged", "n_converted", "n_conversions")
"""Whole numbers of sessions, whose sums over parts are those of the whole."""
MONEY, SECONDS, AVERAGE = "revenue", "duration_s", "avg_duration_s"
DISTINCT = ("n_visitors", "n_new_visitors")
"""One visitor may be in several parts: their sum is no number of visitors, and none is told."""


@dataclass(frozen=True)
class Sums:
    """A mart of sessions by combinations of parts.

    Attributes:
        listing: Its rows as they are; in sums, parts and visitors are null.
        parts: The parts.
    """

    listing: Listing
    parts: tuple[str, ...]

    @classmethod
    def of(cls, table: str, cache: Strategy, parts: tuple[str, ...]) -> Sums:
        """Of a table."""
        listing = Listing.of(table, cache, day=DAY)
        columns = tuple(
            replace(each, nullable=True, doc=f"{each.doc} Null in sums over all of them.")
            if each.name in {*parts, *DISTINCT, AVERAGE}
            else each
            for each in listing.columns
        )
        return cls(replace(listing, columns=columns), parts)

    def by(self, chosen: Collection[str]) -> Listing:
        """One row a day and value of the chosen parts; of none chosen, the rows as they are."""
        if not chosen:
            return self.listing
        told = ", ".join(self._told(column, chosen) for column in self.listing.columns)
        keys = ", ".join(map(quoted, (DAY, "view", *dict.fromkeys(chosen))))
        [table] = self.listing.tables
        return replace(self.listing, sql=f"(SELECT {told} FROM {{{table}}} AS r GROUP BY {keys})")

    def _told(self, column: Column, chosen: Collection[str]) -> str:
        name = quoted(column.name)
        if column.name in {DAY, "view", *chosen}:
            return name
        kind = {"bigint": "BIGINT", "string": "VARCHAR"}.get(column.type, column.type.upper())
        if column.name in self.parts or column.name in DISTINCT:
            return f"CAST(NULL AS {kind}) AS {name}"
        if column.name == IS_COMPLETE:
            return f"bool_and({name}) AS {name}"
        if column.name == AVERAGE:
            seconds, n = f"sum({quoted(SECONDS)})", f"sum({quoted('n_sessions')})"
            return f"CAST({seconds} AS DOUBLE PRECISION) / NULLIF({n}, 0) AS {name}"
        if column.name not in (*ADDED, MONEY, SECONDS):
            raise AssertionError(f"{column.name}: nobody said whether it can be summed up")
        return f"CAST(sum({name}) AS {kind}) AS {name}"
