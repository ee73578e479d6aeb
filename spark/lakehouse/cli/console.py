"""What people see in a terminal: live progress, tables, errors. No logic."""

from __future__ import annotations

import json
import sys
import textwrap
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table as Grid
from rich.text import Text

from lakehouse.catalog.status import Status
from lakehouse.errors import EXIT_CONFIG, EXIT_DATA, EXIT_RETRY, LakehouseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lakehouse.engine.outcome import Outcome
    from lakehouse.io.state import Account
    from lakehouse.reporting.page import Cell
    from lakehouse.reporting.page import Grid as PageGrid

STYLES = {
    Status.RUNNING: "cyan",
    Status.UPDATED: "green",
    Status.UNCHANGED: "dim green",
    Status.FAILED: "bold red",
    Status.BLOCKED: "yellow",
}
TONES = {"": "", "good": "green", "warn": "yellow", "bad": "red", "soft": "dim"}
HEADING, PROSE, MOST = 9, 36, 10_000  # widths: of a title, of a cell, of anything
WIDE = 200
"""Columns where the output is not a terminal: nobody wants a file or a log folded at 80."""

out = Console(width=None if sys.stdout.isatty() else WIDE)
err = Console(stderr=True, soft_wrap=True)


def print_json(content: object) -> None:
    """Data for programs, on standard output."""
    out.file.write(json.dumps(content, indent=2, default=_plain, ensure_ascii=False) + "\n")


def print_rows(rows: Sequence[Mapping[str, Any]], title: str = "", empty: str = "no rows") -> None:
    """Rows as a grid."""
    if not rows:
        out.print(empty)
        return
    grid = Grid(title=title or None, title_justify="left", header_style="bold", box=None)
    for name in rows[0]:
        is_number = all(isinstance(r[name], int | float) or r[name] is None for r in rows)
        grid.add_column(
            name,
            justify="right" if is_number else "left",
            overflow="fold",
            no_wrap=is_number or name in {"table", "table_name", "check", "state", "source_file"},
        )
    for row in rows:
        grid.add_row(*(_cell(value) for value in row.values()))
    out.print(grid)


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
            textwrap.fill(title.removeprefix(">"), HEADING),
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
        for result in error.details.get("results", []) or []:  # type: ignore[attr-defined]  # facts are untyped
            for sample in result.samples if result.is_red else ():
                err.print(Text(f"  {result.check.name}: {sample}", style="dim"))
        return
    if trace:
        err.print(Text(trace, style="dim"))
    err.print(Text(f"unexpected {type(error).__name__}: {error}", style="red"))


def print_outcome(outcome: Outcome, stage: str) -> None:
    """What a stage did, for an orchestrator's log: fates of the rows, checks, what to do next."""
    version = f", version {outcome.state.version}" if outcome.state else ""
    seconds = f"{outcome.seconds:.1f} s, of which gates {outcome.gate_seconds:.1f} s"
    is_gate = stage != "process" and outcome.error is None
    word = "green" if is_gate else outcome.outcome
    err.print(f"{outcome.table} {stage}: {word}{version} ({seconds})", markup=False)
    if outcome.reason:
        err.print(f"  why: {outcome.reason}", markup=False)
    account = outcome.account
    if account.rows_in:
        err.print(f"  {_counts(account)}")
    if outcome.changed:
        counts = ", ".join(f"{n:,} {operation}" for operation, n in outcome.changed.items())
        err.print(f"  rows written: {counts}")
    for result in outcome.results:
        found = "no value" if result.value is None else f"{result.value:g}"
        mark = "ok  " if result.passed else result.check.severity.upper()
        err.print(f"  {mark} {result.check.sentence} Found {found}.", markup=False)
    if outcome.error is not None:
        print_error(outcome.error, outcome.trace)
    for command in _next_commands(outcome):
        err.print(f"  next: {command}", markup=False)


def _next_commands(outcome: Outcome) -> list[str]:
    table = outcome.table
    if outcome.account.rows_quarantined:
        return [f"lakehouse quarantine show {table}"]
    if outcome.exit_code == EXIT_DATA:
        return [f"lakehouse plan +{table}", f"lakehouse show {table} --history"]
    if outcome.exit_code in {EXIT_RETRY, EXIT_CONFIG}:
        return ["lakehouse doctor"]
    return []


class Progress:
    """One line a table, live in a terminal; one line a finished table elsewhere."""

    def __init__(self, names: Iterable[str]) -> None:
        """Every table is waiting."""
        self._outcomes: dict[str, Outcome | None] = dict.fromkeys(names)
        self._live = Live(console=out, refresh_per_second=4, get_renderable=self._grid)

    def __enter__(self) -> Self:
        """Start drawing."""
        if out.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the last state on the screen."""
        if out.is_terminal:
            self._live.stop()
        else:
            out.print(self._grid())

    def show(self, outcome: Outcome) -> None:
        """Take over a change."""
        self._outcomes[outcome.table] = outcome
        if not out.is_terminal and outcome.outcome != Status.RUNNING:
            counts = f", {_counts(outcome.account)}" if outcome.account.rows_in else ""
            line = f"{outcome.table}: {outcome.outcome} ({outcome.seconds:.1f} s){counts}"
            out.print(line, style="dim", highlight=False)

    def _grid(self) -> Grid:
        grid = Grid(box=None, header_style="bold")
        grid.add_column("table", no_wrap=True)
        grid.add_column("state", no_wrap=True)
        for name in ("in", "loaded", "quarantined", "repeats", "too late", "seconds", "version"):
            grid.add_column(name, justify="right")
        grid.add_column("why", overflow="fold", style="dim")
        for name, outcome in self._outcomes.items():
            grid.add_row(name, *_progress_cells(outcome))
        grid.add_row("all tables", *self._so_far(), style="bold")
        return grid

    def _so_far(self) -> list[str]:
        """How many tables are done, and the rows of all, by fate."""
        known = [outcome for outcome in self._outcomes.values() if outcome]
        done = sum(outcome.outcome != Status.RUNNING for outcome in known)
        fates = [_fates(outcome.account) for outcome in known]
        sums = [f"{sum(column):,}" for column in zip(*fates, strict=True)] or [""] * 5
        return [f"{done} of {len(self._outcomes)}", *sums, "", "", ""]


def _progress_cells(outcome: Outcome | None) -> list[str | Text]:
    if outcome is None:
        return [Text("waiting", style="dim"), *[""] * 7, ""]
    state = Text(outcome.outcome, style=STYLES[outcome.outcome])
    fates = _fates(outcome.account)
    has_counts = outcome.outcome == Status.UPDATED or any(fates)
    numbers = [f"{n:,}" for n in fates] if has_counts else [""] * len(fates)
    if outcome.outcome in {Status.RUNNING, Status.BLOCKED}:
        return [state, *numbers, "", "", outcome.reason]
    version = str(outcome.state.version) if outcome.state else ""
    return [state, *numbers, f"{outcome.seconds:.1f}", version, outcome.reason]


def _fates(account: Account) -> list[int]:
    return [
        account.rows_in,
        account.rows_loaded,
        account.rows_quarantined,
        account.rows_deduplicated,
        account.rows_too_late,
    ]


def _counts(account: Account) -> str:
    read, *fates = (f"{n:,}" for n in _fates(account))
    words = list(zip(("loaded", "quarantined", "repeats", "too late"), fates, strict=True))
    if account.rows_left_out:
        words.append(("left out by a mapping", f"{account.rows_left_out:,}"))
    return f"rows in {read} = {' + '.join(f'{word} {n}' for word, n in words)}"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1 else f"{value:,.2f}"
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return str(value)


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if hasattr(value, "__dict__"):
        return vars(value)
    return str(value)
