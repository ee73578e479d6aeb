"""Rows in a terminal: a value is never cut into shreds, a column is never left out unsaid."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.table import Table as Grid
from rich.text import Text

from lakehouse.cli.safe_text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

GAP = 2
WHOLE, PROSE = 40, 20
"""A column that is wider may be folded, down to this width: of data, and of our own books."""
NAMES = {"table", "table_name", "check", "state"}
"""Columns of names that people copy: never folded."""
LONGEST = 2_000
FEW = 5
"""So many rows that do not fit stand one below the other, each a line a column."""


@dataclass(frozen=True)
class _Column:
    """A column of a grid.

    Attributes:
        name: Its name.
        heading: The name as it stands over the column, in one line or several.
        cells: What stands in it.
        is_number: Whether it holds only numbers.
        needed: Width without which a value or the heading would be cut.
        is_whole: No value may be folded.
    """

    name: str
    heading: str
    cells: tuple[str, ...]
    is_number: bool
    needed: int
    is_whole: bool


def wide_rows(rows: Sequence[Mapping[str, Any]], width: int) -> list[RenderableType]:
    """Rows as a grid, or one below the other where a few of them are too wide for one."""
    if len(rows) <= FEW and len(_fitting(rows, width, WHOLE)) < len(rows[0]):
        return [_record(row, number, len(rows)) for number, row in enumerate(rows, 1)]
    return grid_of(rows, width, prose=WHOLE)


def grid_of(
    rows: Sequence[Mapping[str, Any]], width: int, *, prose: int = PROSE
) -> list[RenderableType]:
    """Rows as a grid of the first columns that there is room for, and the names of the others."""
    columns = _fitting(rows, width, prose)
    grid = Grid(box=None, header_style="bold", pad_edge=False, padding=(0, GAP, 0, 0))
    for column in columns:
        grid.add_column(
            column.heading,
            justify="right" if column.is_number else "left",
            overflow="fold",
            no_wrap=column.is_whole,
            min_width=min(column.needed, width),
        )
    for cells in zip(*(column.cells for column in columns), strict=True):
        grid.add_row(*map(Text, cells))
    more = list(rows[0])[len(columns) :]
    word = "column" if len(more) == 1 else "columns"
    told = Text(f"{len(more)} more {word}: {', '.join(more)}", style="dim")
    return [grid, told] if more else [grid]


def _fitting(rows: Sequence[Mapping[str, Any]], width: int, prose: int) -> list[_Column]:
    """The first columns that fit without cutting a value; headings are broken where that helps."""
    fitting: list[_Column] = []
    for is_broken in (False, True):
        columns = [_column(name, rows, prose, is_broken=is_broken) for name in rows[0]]
        ends = accumulate(column.needed + GAP for column in columns)
        n = sum(end - GAP <= width for end in ends)
        fitting = columns[: max(n, 1)]
        if len(fitting) == len(columns):
            break
    return fitting


def _column(
    name: str, rows: Sequence[Mapping[str, Any]], prose: int, *, is_broken: bool
) -> _Column:
    values = [row[name] for row in rows]
    cells = tuple(_cell(value) for value in values)
    widest = max(map(cell_len, cells))
    heading = _broken(name, widest) if is_broken else name
    least = widest if name in NAMES else min(widest, prose)
    needed = max(least, *map(cell_len, heading.splitlines()))
    is_number = all(isinstance(value, int | float) or value is None for value in values)
    return _Column(name, heading, cells, is_number, needed, is_whole=least == widest)


def csv_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV with a header: values as they are, null as nothing."""
    text = io.StringIO()
    if rows:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(rows[0])
        writer.writerows([_plain(value) for value in row.values()] for row in rows)
    return text.getvalue()


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return _moment(value)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _record(row: Mapping[str, Any], number: int, of: int) -> Grid:
    grid = Grid(
        box=None,
        show_header=False,
        pad_edge=False,
        padding=(0, GAP, 0, 0),
        title=f"row {number} of {of}",
        title_justify="left",
        title_style="dim",
    )
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in row.items():
        grid.add_row(Text(name), Text(_cell(value)))
    return grid


def _broken(name: str, width: int) -> str:
    """A name over values of that width: broken at its underscores."""
    lines: list[str] = []
    for part in name.replace("_", "_\0").split("\0"):
        if lines and len(lines[-1]) + len(part) <= width:
            lines[-1] += part
        else:
            lines.append(part)
    return "\n".join(lines)


def _cell(value: object) -> str:
    text = one_line(_words(value))
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}… ({len(text):,} characters; --json has all)"


def _words(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1 else f"{value:,.2f}"
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return _moment(value) if isinstance(value, datetime) else str(value)


def _moment(value: datetime) -> str:
    """As people write it, with Z for UTC and fractions of a second where there are some."""
    unit = "seconds" if value.microsecond == 0 else "milliseconds"
    if value.microsecond % 1_000:
        unit = "microseconds"
    text = value.replace(tzinfo=None).isoformat(sep=" ", timespec=unit)
    offset = value.utcoffset()
    if offset is None:
        return text
    return f"{text}Z" if not offset else value.isoformat(sep=" ", timespec=unit)
