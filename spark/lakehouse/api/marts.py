"""The one way to read: published versions of marts, from the serving database or the lake itself.

A reading sees one publication of each of its tables from its beginning to its end.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

TENANT = "tenant_id"
"""Column of the tables whose rows belong to a tenant."""
EVERYBODY = "*"
"""Tenant of those who may see the rows of all."""


@dataclass(frozen=True)
class Publication:
    """A version of a table that readers see.

    Attributes:
        table: Table name.
        version: Its Delta version.
        table_id: Delta's id of the table, which one that is made anew does not share.
        data_as_of: Newest day that counts in it, where it has one.
        restated_at: When a final figure of it last changed; None = never.
        published_at: When it was published.
        rows: Its rows.
    """

    table: str
    version: int
    table_id: str | None
    data_as_of: date | None
    restated_at: datetime | None
    published_at: datetime | None
    rows: int

    @property
    def mark(self) -> str:
        """What tells it from every other one."""
        return f"{self.table}@{self.table_id or ''}:{self.version}:{self.data_as_of or ''}"


@dataclass(frozen=True)
class Rows:
    """What a query found: names of columns, and values in their order."""

    columns: tuple[str, ...]
    values: list[tuple[Any, ...]]


class Reading(Protocol):
    """Tables at one publication each."""

    publications: Mapping[str, Publication]

    def relation(self, table: str) -> str:
        """A table as SQL names it here: only the rows that the reader may see."""
        ...

    def rows(self, sql: str, values: Sequence[object]) -> Rows:
        """Answer SQL that is the same for every kind of marts; values stand as `$1`, `$2`, …."""
        ...


@dataclass
class Stop:
    """Ends a reading from outside, whatever its server does.

    Attributes:
        act: What ends it; None while there is nothing to end.
        is_asked: Whether its time is over.
    """

    act: Callable[[], None] | None = None
    is_asked: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def by(self, act: Callable[[], None] | None) -> None:
        """Keep what ends the reading; if its time is over, end it at once."""
        with self._lock:
            self.act = act
            if act and self.is_asked:
                act()

    def __call__(self) -> None:
        """End it."""
        with self._lock:
            self.is_asked = True
            if self.act:
                self.act()


class Marts(Protocol):
    """Published marts. Its methods wait: call them in threads."""

    kind: str

    def publications(self) -> dict[str, Publication]:
        """What is published now, by table.

        Raises:
            PublishError: The serving database does not answer.
            StorageError: The lake does not.
        """
        ...

    def reading(
        self, tables: Collection[str], tenant: str, stop: Stop
    ) -> AbstractContextManager[Reading]:
        """Read some tables.

        Args:
            tables: Every table that will be asked for.
            tenant: Whose rows, where they belong to somebody; `*` = everybody's.
            stop: Through which it can be ended.

        Raises:
            UpstreamMissingError: A table was never published.
            PublishError: The serving database does not answer.
            StorageError: The lake does not.
        """
        ...

    def close(self) -> None:
        """Give back connections."""
        ...
