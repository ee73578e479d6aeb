"""A chunk of text → its records as texts of fields, in columns: what all formats have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.landing.reader.judge import given, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from lakehouse.spec import Source

_BLANKS = b" \t\r"
MALFORMED, TOO_LONG = "malformed_row", "line_too_long"
NOT_UTF8, HAS_NUL = "invalid_utf8", "nul_character"


@dataclass
class Taken:
    """The records of a chunk.

    Attributes:
        data: The chunk.
        used: Bytes of it that whole records take; the others belong to the next chunk.
        n_records: Records, blank lines and headers left out.
        starts: Byte of the chunk at which the record of each row begins.
        ends: And where it ends.
        texts: A row for each: `judge.text` of each field, `judge.given` of the optional ones,
            `_problem`, `_extra`.
        unfolded: Bytes of the rows that are a part of their record, or of more than stands there.
        elements: Number of each row's record in its file, where lines mean nothing.
        left_out: Rows that the mapping of the file leaves out; None without one.
        beside: What each row's message has beside its value, as text; None of a file.
    """

    data: bytes
    used: int
    n_records: int
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    texts: pa.Table
    unfolded: dict[int, bytes] = field(default_factory=dict)
    elements: NDArray[np.int64] | None = None
    left_out: NDArray[np.bool_] | None = None
    beside: Callable[[int], str] | None = None

    def raw(self, row: int) -> bytes:
        """A row as it landed."""
        kept = self.unfolded.get(row)
        return self.data[self.starts[row] : self.ends[row]] if kept is None else kept

    def lines(self, rows: NDArray[np.int64], first: int) -> NDArray[np.int64]:
        """Numbers of rows' lines, if the chunk begins with the line `first`."""
        if self.elements is not None:
            return self.elements[rows]
        breaks = np.flatnonzero(np.frombuffer(self.data, np.uint8) == ord("\n"))
        return first + np.searchsorted(breaks, self.starts[rows])


class Format(Protocol):
    """Takes the chunks of one file, in order."""

    def take(self, data: bytes, *, last: bool) -> Taken:
        """The records of a chunk; with the last one, also what no line break ends."""
        ...

    def count(self, data: bytes, *, last: bool) -> tuple[int, int]:
        """How many records a chunk has, and the bytes they take."""
        ...


def columns(source: Source) -> list[tuple[str, pa.DataType]]:
    """What `Taken.texts` has."""
    return [
        *((text(each), pa.string()) for each in source.fields),
        *((given(each), pa.bool_()) for each in source.fields if each.optional),
        ("_problem", pa.string()),
        ("_extra", pa.string()),
    ]


def filled(
    data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], *, but: bytes | None = None
) -> NDArray[np.int64]:
    """Which records are not blank, nor a repeated header."""
    keep = ends > starts
    text_ = np.frombuffer(data, np.uint8)
    if not len(text_):
        return np.flatnonzero(keep)
    first = text_[np.minimum(starts, len(text_) - 1)]
    suspects = keep & np.isin(first, tuple(_BLANKS))
    for index in np.flatnonzero(suspects):
        keep[index] = bool(data[starts[index] : ends[index]].strip(_BLANKS))
    if but is not None:
        for index in np.flatnonzero(keep & (ends - starts == len(but))):
            keep[index] = data[starts[index] : ends[index]] != but
    return np.flatnonzero(keep)


def problems(  # noqa: PLR0913  # what there is to know of records
    data: bytes,
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    malformed: NDArray[np.bool_] | None,
    *,
    longest: int,
    used: int,
) -> pa.Array | None:
    """Why records are none, by record; None where all are fine."""
    found: dict[int, str] = {}
    if malformed is not None:
        found |= dict.fromkeys(np.flatnonzero(malformed).tolist(), MALFORMED)
    if b"\0" in data:
        found |= {
            index: HAS_NUL
            for index, (start, end) in enumerate(zip(starts, ends, strict=True))
            if data.find(b"\0", start, end) >= 0
        }
    if not _is_utf8(data[:used]):
        found |= {
            index: NOT_UTF8
            for index, (start, end) in enumerate(zip(starts, ends, strict=True))
            if not _is_utf8(data[start:end])
        }
    found |= dict.fromkeys(np.flatnonzero(ends - starts > longest).tolist(), TOO_LONG)
    return pa.array(map(found.get, range(len(starts))), pa.string()) if found else None


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def strings(column: pa.ChunkedArray, problem: pa.Array | None) -> pa.ChunkedArray:
    """Bytes as text, known to be UTF-8 except for the rows that have a problem."""
    if problem is not None:
        column = pc.if_else(problem.is_null(), column, pa.scalar(None, column.type))
    return column.cast(pa.string())
