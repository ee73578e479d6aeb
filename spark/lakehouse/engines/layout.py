"""How many days lie together in a file, so that a day needs few files and a file is not small."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

FILE_BYTES = 32 * 2**20
"""Small beside what a full scan reads, large beside what opening a file costs."""
ROWS_A_FILE = 250_000
"""About 20 MB, like the files that maintenance makes."""


@dataclass(frozen=True)
class Stretch:
    """Days that lie together.

    Attributes:
        last: The last of them.
        n_files: Files they need; more than one where a day alone has too many rows.
    """

    last: date
    n_files: int


def stretches(counts: Iterable[tuple[date, int]], rows_a_file: int) -> list[Stretch]:
    """Cut days with their numbers of rows, in any order, into stretches for files of some size."""
    found, held = [], 0
    days = sorted(counts)
    for day, n in days:
        held += n
        if held >= rows_a_file or day == days[-1][0]:
            found.append(Stretch(day, max(1, held // rows_a_file)))
            held = 0
    return found


def is_scattered(sizes: Iterable[int]) -> bool:
    """Whether files, of these bytes, are worth being merged."""
    return sum(size < FILE_BYTES // 2 for size in sizes) > 1
