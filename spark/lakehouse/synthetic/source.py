"""A landing source before it is delivered: clean rows as lines, in order of time."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lakehouse.synthetic.chance import Ints
from lakehouse.synthetic.text import Text

SLICE_ROWS = 250_000  # bounds the memory of a chunk of text; the bytes do not depend on it


@dataclass(frozen=True)
class Chunk:
    """Lines, each ending in a newline, that belong to one day."""

    day: int
    lines: Text


@dataclass(frozen=True, kw_only=True)
class Spoiling:
    """Kinds of malformed records of a source, and what makes a record one: it changes it."""

    kinds: tuple[str, ...]
    spoil: Callable[[dict[str, Any], str], None]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Clean rows of one landing source, days never going back.

    ``key``, ``date_field`` and ``number_field`` name the fields that dirt makes unreadable, unless
    the source has a ``spoiling`` of its own; ``may_be_late`` lets dirt delay rows. Half of the
    repeated rows tell another ``received_field``, if there is one.
    """

    name: str
    extension: Literal["json", "jsonl", "csv"]
    rows: int
    chunks: Iterable[Chunk]
    key: str
    date_field: str
    number_field: str | None = None
    columns: tuple[str, ...] = ()
    may_be_late: bool = True
    spoiling: Spoiling | None = None
    received_field: str | None = None

    @property
    def header(self) -> str:
        """First line of a CSV file; nothing for the others."""
        return ",".join(self.columns) + "\n" if self.columns else ""


def slices(sorted_day: Ints, days: int) -> Iterator[tuple[int, slice]]:
    """Each day and the rows that belong to it, in portions of at most SLICE_ROWS."""
    edges = np.searchsorted(sorted_day, np.arange(days + 1))
    for day in range(days):
        for begin in range(int(edges[day]), int(edges[day + 1]), SLICE_ROWS):
            yield day, slice(begin, min(begin + SLICE_ROWS, int(edges[day + 1])))
