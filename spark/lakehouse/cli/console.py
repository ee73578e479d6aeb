"""What people see in a terminal: rows, data, errors. No logic."""

from __future__ import annotations

import json
import sys
import textwrap
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.segment import Segment
from rich.table import Table as Grid
from rich.text import Text

from lakehouse.cli import grids
from lakehouse.cli.safe_text import json_shown, shown
from lakehouse.errors import LakehouseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import ConsoleOptions, RenderableType

    from lakehouse.reporting.page import Cell
    from lakehouse.reporting.page import Grid as PageGrid

TONES = {"": "", "good": "green", "warn": "yellow", "bad": "red", "soft": "dim"}
HEADING, PROSE, MOST = 9, 36, 10_000  # widths: of a title, of a cell, of anything
WIDE = 200
"""Columns where the output is not a terminal: nobody wants a file or a log folded at 80."""


class SafeConsole(Console):
    """A console that shows control characters of what it prints; its own colours pass."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Segments without control characters, whoever printed them."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(shown(text), style)


out = SafeConsole(width=None if sys.stdout.isatty() else WIDE)
err = SafeConsole(stderr=True, soft_wrap=True)


def print_json(content: object) -> None:
    """Data for programs, on standard output."""
    text = json.dumps(content, indent=2, default=_plain, ensure_ascii=False)
    out.file.write(json_shown(text) + "\n")


def print_rows(rows: Sequence[Mapping[str, Any]], empty: str = "no rows") -> None:
    """Rows of our own books as a grid: moments to the second."""
    brief = [{name: _to_the_second(value) for name, value in row.items()} for row in rows]
    for part in grids.grid_of(brief, out.width) if rows else (empty,):
        out.print(part)


def _to_the_second(value: object) -> object:
    return value.replace(microsecond=0) if isinstance(value, datetime) else value


def print_wide_rows(rows: Sequence[Mapping[str, Any]], empty: str = "no rows") -> None:
    """Rows of any number of columns."""
    for part in grids.wide_rows(rows, out.width) if rows else (empty,):
        out.print(part)


def print_csv(rows: Sequence[Mapping[str, Any]]) -> None:
    """Data for spreadsheets, on standard output: byte for byte, unless it is a terminal."""
    text = grids.csv_of(rows)
    out.file.write(shown(text) if out.is_terminal else text)


def print_grid(grid: PageGrid, title: str) -> None:
    """A table of a page, for the terminal: as many of its columns as there is room for."""
    out.print(f"\n[bold]{escape(title)}", highlight=False)
    shown = len(grid.head)
    boundless = out.options.update(width=MOST)
    while shown > 1 and (
        out.measure(_terminal_grid(grid, shown), options=boundless).maximum > out.width
    ):
        shown -= 1
    out.print(_terminal_grid(grid, shown))
    if left_out := grid.head[shown:]:
        names = ", ".join(name.removeprefix(">") for name in left_out)
        out.print(f"not shown for want of room: {names}", style="dim", highlight=False)


def _terminal_grid(grid: PageGrid, columns: int) -> Grid:
    table = Grid(box=None, header_style="bold", pad_edge=False)
    for title in grid.head[:columns]:
        is_number = title.startswith(">")
        table.add_column(
            textwrap.fill(title.removeprefix(">"), HEADING, break_long_words=False),
            justify="right" if is_number else "left",
            max_width=PROSE,
            no_wrap=is_number,
            overflow="fold",
        )
    for row in grid.rows:
        table.add_row(*(_page_cell(cell) for cell in row[:columns]))
    return table


def print_cell(cell: Cell) -> None:
    """A line of a page, for the terminal."""
    out.print(_page_cell(cell))


def _page_cell(cell: Cell | str) -> Text:
    if isinstance(cell, str):
        return Text(cell)
    return Text(cell.text, style=TONES[cell.tone])


def print_error(error: BaseException, trace: str = "") -> None:
    """What went wrong, on standard error; a traceback only for bugs."""
    if isinstance(error, LakehouseError):
        err.print(Text(f"{type(error).__name__}: {error}", style="red"))
        return
    if trace:
        err.print(Text(trace, style="dim"))
    err.print(Text(f"unexpected {type(error).__name__}: {error}", style="red"))


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if hasattr(value, "__dict__"):
        return vars(value)
    return str(value)
