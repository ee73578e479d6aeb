"""How a table stands in the serving database."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Serve:
    """A copy for readers of SQL; its grain is its key.

    Args:
        indexes: Columns of further indexes, for the filters and orders of those who read it.
        by_year_of: Date column of the grain by whose years it is partitioned; empty for a table
            that does not grow with time.
    """

    indexes: tuple[tuple[str, ...], ...] = ()
    by_year_of: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column it names."""
        named = [name for index in self.indexes for name in index]
        return (*named, self.by_year_of) if self.by_year_of else tuple(named)
