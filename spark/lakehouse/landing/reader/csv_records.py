"""CSV text → records and their cells, by RFC 4180: what stands in quotes may hold line breaks.

Most text is plain: the ends of its records are the line breaks with an even number of quotes
before them, found for a whole chunk at once, and Arrow takes them apart. Where a quote stands
where the standard has none, records are taken one by one, each exactly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Cells = list[bytes]
QUOTE, LF, CR = 0x22, 0x0A, 0x0D
_BLANKS = b" \t\r"


@dataclass
class Records:
    """Where the records of a chunk stand.

    Attributes:
        data: The chunk.
        starts: Where each begins.
        ends: Where each ends, its line break not included.
        exact: Cells of the records that were taken one by one; None of a malformed one.
        plain: Stretches of other records, as (first, last + 1, from byte, to byte).
        used: Bytes of the chunk that whole records take.
    """

    data: bytes
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    exact: dict[int, Cells | None] = field(default_factory=dict)
    plain: list[tuple[int, int, int, int]] = field(default_factory=list)
    used: int = 0

    def raw(self, index: int) -> bytes:
        """A record as it stands."""
        return self.data[self.starts[index] : self.ends[index]]

    def is_blank(self, index: int) -> bool:
        """Whether nothing but blanks stand on the line."""
        return not self.raw(index).strip(_BLANKS)


def split(data: bytes, delimiter: str, *, last: bool, longest: int) -> Records:
    """Find the records of a chunk that begins with one.

    Args:
        data: The chunk.
        delimiter: One character.
        last: Nothing comes after the chunk: what it ends with is a record without a line break.
        longest: A quote that is not closed within so many bytes was none.
    """
    chunk = _Chunk(data, delimiter, last=last, longest=longest)
    starts: list[NDArray[np.int64]] = []
    ends: list[NDArray[np.int64]] = []
    found = Records(data, np.empty(0, np.int64), np.empty(0, np.int64))
    position, n, exactly = 0, 0, 1
    while position < len(data):
        breaks, clean = chunk.plain_breaks(position)
        if len(breaks):
            begins = np.concatenate(([position], breaks[:-1] + 1))
            starts.append(begins)
            ends.append(breaks)
            after = min(int(breaks[-1]) + 1, len(data))
            found.plain.append((n, n + len(breaks), position, after))
            n += len(breaks)
            position = after
            exactly = 1 if len(breaks) > exactly else exactly
        if clean:
            break
        for _ in range(exactly):
            one = chunk.exact(position)
            if one is None:
                break
            end, after, cells = one
            starts.append(np.array([position]))
            ends.append(np.array([end]))
            found.exact[n] = cells
            n, position = n + 1, after
            if position >= len(data):
                break
        else:
            exactly = min(2 * exactly, 1 << 16)
            continue
        break
    found.used = min(position, len(data))
    if starts:
        found.starts = np.concatenate(starts)
        found.ends = _without_cr(data, np.concatenate(ends), found.starts)
    return found


def _without_cr(
    data: bytes, ends: NDArray[np.int64], starts: NDArray[np.int64]
) -> NDArray[np.int64]:
    text = np.frombuffer(data, np.uint8)
    has_cr = (ends > starts) & (text[np.maximum(ends - 1, 0)] == CR)
    stripped: NDArray[np.int64] = ends - has_cr
    return stripped


class _Chunk:
    """Text whose plain stretches are found at once, and whose other records one by one."""

    def __init__(self, data: bytes, delimiter: str, *, last: bool, longest: int) -> None:
        self._data = data
        self._last = last
        self._longest = longest
        self._words = _words(delimiter)
        text = np.frombuffer(data, np.uint8)
        self._breaks = np.flatnonzero(text == LF)
        if last and data and data[-1] != LF:
            self._breaks = np.append(self._breaks, len(data))
        self._quotes = np.flatnonzero(text == QUOTE) if b'"' in data else np.empty(0, np.int64)
        self._odd_cr = self._lone_returns(text)
        if len(self._quotes):
            before = text[np.maximum(self._quotes - 1, 0)]
            after = text[np.minimum(self._quotes + 1, len(text) - 1)]
            self._may_open = (before == ord(delimiter)) | (before == LF) | (self._quotes == 0)
            self._may_close = (
                (after == ord(delimiter))
                | (after == LF)
                | (after == CR)
                | (after == QUOTE)
                | (self._quotes == len(text) - 1)
            )
            self._doubles = np.append(False, np.diff(self._quotes) == 1)

    def _lone_returns(self, text: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Carriage returns that end no line: Arrow would take them for the end of a record."""
        n_returns = self._data.count(b"\r")
        if n_returns == self._data.count(b"\r\n"):
            return np.empty(0, np.int64)
        returns = np.flatnonzero(text == CR)
        follows = text[np.minimum(returns + 1, len(text) - 1)]
        lone: NDArray[np.int64] = returns[(follows != LF) & (returns < len(text) - 1)]
        return lone

    def plain_breaks(self, position: int) -> tuple[NDArray[np.int64], bool]:
        """Line breaks that end the plain records from a position on, and whether all are plain."""
        breaks = self._breaks[np.searchsorted(self._breaks, position) :]
        odd = self._odd_cr[np.searchsorted(self._odd_cr, position) :]
        nowhere = len(self._data) + 1
        trouble = int(odd[0]) if len(odd) else nowhere
        first = np.searchsorted(self._quotes, position)
        quotes = self._quotes[first:]
        if len(quotes):
            opens = self._may_open[first::2] | self._doubles[first::2]
            opens[0] = self._may_open[first] or quotes[0] == position
            closes = self._may_close[first + 1 :: 2]
            for place, fine in ((quotes[0::2], opens), (quotes[1::2], closes)):
                wrong = np.flatnonzero(~fine)
                if len(wrong):
                    trouble = min(trouble, int(place[wrong[0]]))
            outside = np.searchsorted(quotes, breaks) % 2 == 0
            breaks = breaks[outside]
        if self._last and len(quotes) % 2 and trouble == nowhere:
            trouble = int(quotes[-1])  # opened and never closed
        elif not self._last and trouble == nowhere:
            open_since = int(breaks[-1]) if len(breaks) else position
            if len(self._data) - open_since <= self._longest:
                return breaks, True
            trouble = open_since + 1
        plain = breaks[: np.searchsorted(breaks, trouble)]
        return plain, trouble == nowhere

    def exact(self, position: int) -> tuple[int, int, Cells | None] | None:
        """The record at a position: its end, the start of the next, its cells.

        None when the chunk ends before the record does.
        """
        may_go_on = not self._last and len(self._data) - position <= self._longest
        for quoted in (self._words.quoted, self._words.escaped):
            found = self._cells(position, quoted)
            if found is None and may_go_on:
                return None
            if found is not None and found[2] is not None:
                return found
        return self._malformed(position)

    def _cells(
        self, position: int, quoted: re.Pattern[bytes]
    ) -> tuple[int, int, Cells | None] | None:
        """Cells by one way of quoting; None as cells where they do not fit, None where open."""
        data, words = self._data, self._words
        cells: Cells = []
        while True:
            cell = quoted.match(data, position)
            if cell:
                cells.append(words.unquoted(cell[1], quoted))
            elif words.opens.match(data, position):
                is_open = words.open_end(quoted).fullmatch(data, position)
                return None if is_open else (position, position, None)
            else:
                cell = words.bare.match(data, position)
                assert cell is not None  # noqa: S101  # it may be empty
                cells.append(cell[0])
            position = cell.end()
            if position >= len(data):
                return (position, position, cells) if self._last else None
            if data[position] == LF:
                return position, position + 1, _last_without_cr(cells)
            if data[position] == CR:  # after a quoted cell
                is_cut = position + 1 == len(data) and not self._last
                return None if is_cut else (position, position + 2, cells)
            position += 1

    def _malformed(self, position: int) -> tuple[int, int, Cells | None] | None:
        """A record with quotes nobody understands: as far as they are closed, else its line."""
        line = self._data.find(b"\n", position)
        limit = min(len(self._data), position + self._longest)
        end = line
        while end != -1 and end < limit:
            if self._data.count(b'"', position, end) % 2 == 0:
                return end, end + 1, None
            end = self._data.find(b"\n", end + 1)
        is_over = self._last or len(self._data) - position > self._longest
        if not is_over:
            return None
        if line == -1:
            return (len(self._data), len(self._data), None) if self._last else None
        return line, line + 1, None


def _last_without_cr(cells: Cells) -> Cells:
    if cells[-1].endswith(b"\r"):
        cells[-1] = cells[-1][:-1]
    return cells


@dataclass(frozen=True)
class _Words:
    """Patterns of cells.

    Attributes:
        quoted: A cell in quotes; a quote in it is doubled. Blanks may stand around the quotes.
        escaped: The same where a backslash stands before a quote.
        opens: Where a quoted cell begins.
        unclosed: A quoted cell whose end is not there yet.
        unclosed_escaped: The same where a backslash stands before a quote.
        bare: Any other cell.
    """

    quoted: re.Pattern[bytes]
    escaped: re.Pattern[bytes]
    opens: re.Pattern[bytes]
    unclosed: re.Pattern[bytes]
    unclosed_escaped: re.Pattern[bytes]
    bare: re.Pattern[bytes]

    def open_end(self, pattern: re.Pattern[bytes]) -> re.Pattern[bytes]:
        """What a cell looks like that is quoted in one way, and goes on after the text."""
        return self.unclosed_escaped if pattern is self.escaped else self.unclosed

    def unquoted(self, text: bytes, pattern: re.Pattern[bytes]) -> bytes:
        """What the text in quotes means."""
        if pattern is self.escaped:
            text = re.sub(rb'\\(["\\])', rb"\1", text)
        return text.replace(b'""', b'"')


@lru_cache
def _words(delimiter: str) -> _Words:
    ends = re.escape(delimiter).encode()
    blanks = rb"[ ]*+" if delimiter == "\t" else rb"[ \t]*+"
    after = rb"(?=%s|\r?(?:\n|\Z))" % ends
    return _Words(
        quoted=re.compile(rb'%s"((?:[^"]++|"")*+)"%s%s' % (blanks, blanks, after)),
        escaped=re.compile(
            rb'%s"((?:[^"\\]++|\\.|"")*+)"%s%s' % (blanks, blanks, after), re.DOTALL
        ),
        opens=re.compile(rb'%s"' % blanks),
        unclosed=re.compile(rb'%s"(?:[^"]++|"")*+' % blanks),
        unclosed_escaped=re.compile(rb'%s"(?:[^"\\]++|\\.|"")*+\\?' % blanks, re.DOTALL),
        bare=re.compile(rb"[^\n%s]*+" % ends),
    )


def one(raw: bytes, delimiter: str) -> Cells | None:
    """The cells of one record; None when it is malformed."""
    found = _Chunk(raw, delimiter, last=True, longest=len(raw) + 1).exact(0)
    return found[2] if found and found[1] >= len(raw) else None


def table(
    records: Records, delimiter: str, n_columns: int, wanted: Sequence[int]
) -> tuple[NDArray[np.int64], pa.Table]:
    """Cells of the records that have so many.

    A record may have one empty cell too many: some writers end each line with a delimiter.

    Returns:
        Which records these are, in order, and a text column `c<i>` for each wanted place.
    """
    indexes: list[NDArray[np.int64]] = []
    tables: list[pa.Table] = []
    exact = dict(records.exact)
    for first, last, start, end in records.plain:
        kept, found, odd = _by_arrow(
            records, (first, last, start, end), delimiter, n_columns, wanted
        )
        indexes.append(kept)
        tables.append(found)
        exact |= odd
    fitting = {
        index: cells[:n_columns]
        for index, cells in exact.items()
        if cells is not None
        and (len(cells) == n_columns or (len(cells) == n_columns + 1 and not cells[-1].strip()))
    }
    schema = pa.schema([(f"c{place}", pa.binary()) for place in wanted])
    if fitting:
        columns = [
            pa.array([row[place] for row in fitting.values()], pa.binary()) for place in wanted
        ]
        indexes.append(np.fromiter(fitting, np.int64, len(fitting)))
        tables.append(pa.table(columns, schema=schema))
    if not tables:
        return np.empty(0, np.int64), schema.empty_table()
    index, together = np.concatenate(indexes), pa.concat_tables(tables)
    if len(tables) > 1:
        order = np.argsort(index, kind="stable")
        index, together = index[order], together.take(order)
    return index, together


def _by_arrow(
    records: Records,
    stretch: tuple[int, int, int, int],
    delimiter: str,
    n_columns: int,
    wanted: Sequence[int],
) -> tuple[NDArray[np.int64], pa.Table, dict[int, Cells | None]]:
    """Plain records by Arrow; those that have another number of cells are given back."""
    first, last, start, end = stretch
    odd: list[tuple[int, bytes]] = []

    def skip(row: Any) -> str:  # noqa: ANN401  # arrow's InvalidRow is not exported
        odd.append((row.number - 1, row.text.encode("utf-8", "surrogateescape")))
        return "skip"

    # Arrow leaves out empty lines, without counting them.
    filled = first + np.flatnonzero(records.ends[first:last] > records.starts[first:last])
    names = [f"c{place}" for place in range(n_columns)]
    found = (
        arrow_csv.read_csv(
            pa.BufferReader(pa.py_buffer(records.data).slice(start, end - start)),
            read_options=arrow_csv.ReadOptions(
                column_names=names, use_threads=False, block_size=max(end - start, 1) + 1
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.binary()),
                include_columns=[f"c{place}" for place in wanted],
                strings_can_be_null=False,
                check_utf8=False,
            ),
        )
        if len(filled)
        else pa.schema([(f"c{place}", pa.binary()) for place in wanted]).empty_table()
    )
    skipped = np.array([number for number, _ in odd], np.int64)
    kept = np.delete(filled, skipped)
    if len(kept) != found.num_rows:
        message = f"{len(kept)} records were counted and {found.num_rows} read"
        raise RuntimeError(message)
    return kept, found, {int(filled[n]): one(text, delimiter) for n, text in odd}
