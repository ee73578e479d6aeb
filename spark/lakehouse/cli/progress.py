"""A run as it goes on, and what a stage did: the words of `lakehouse run` and `lakehouse stage`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.live import Live
from rich.table import Table as Grid
from rich.text import Text

from lakehouse.catalog.registry import registry
from lakehouse.catalog.status import Status
from lakehouse.cli import console
from lakehouse.errors import EXIT_CONFIG, EXIT_DATA, EXIT_RETRY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lakehouse.engine.outcome import Outcome
    from lakehouse.io.state import Account
    from lakehouse.reporting.findings import Finding

STYLES = {
    Status.RUNNING: "cyan",
    Status.UPDATED: "green",
    Status.UNCHANGED: "dim green",
    Status.FAILED: "bold red",
    Status.BLOCKED: "yellow",
}
FATES = ("in", "loaded", "quarantined", "repeats", "too late", "left out")
HEADS = ("table", "state", *FATES, "seconds", "version", "why")
WORDS = {"table", "state", "why"}
RARE = FATES[2:]
LEFT_OUT_FIRST = (*RARE, "seconds", "version")
"""Where there is no room; the last of them first."""
WHY = 16


def print_outcome(outcome: Outcome, stage: str, found: Sequence[Finding] = ()) -> None:
    """What a stage did, for an orchestrator's log: fates of the rows, checks, what to do next."""
    version = f", version {outcome.state.version}" if outcome.state else ""
    seconds = f"{outcome.seconds:.1f} s, of which gates {outcome.gate_seconds:.1f} s"
    is_gate = stage != "process" and outcome.error is None
    word = "green" if is_gate else outcome.outcome
    console.err.print(f"{outcome.table} {stage}: {word}{version} ({seconds})", markup=False)
    if outcome.reason:
        console.err.print(f"  why: {outcome.reason}", markup=False)
    account = outcome.account
    if account.rows_in:
        console.err.print(f"  {_counts(account)}")
    rule = registry()[outcome.table].table.left_out if account.rows_left_out else None
    if rule:
        console.err.print(f"  left out: {rule.reason}", markup=False)
    if outcome.changed:
        counts = ", ".join(f"{n:,} {operation}" for operation, n in outcome.changed.items())
        console.err.print(f"  rows written: {counts}")
    for result in outcome.results:
        mark = "ok  " if result.passed else result.check.severity.upper()
        console.err.print(f"  {mark} {result.check.sentence} Found {result.told}.", markup=False)
    if outcome.error is not None:
        console.print_error(outcome.error, outcome.trace)
    print_findings(found)
    for command in [] if found else _next_commands(outcome):
        console.err.print(f"  next: {command}", markup=False)


def print_findings(found: Sequence[Finding]) -> None:
    """What gates found wrong, on standard error."""
    for each in found:
        first, *rest = each.lines
        style = "yellow" if each.severity == "warn" else "red"
        console.err.print(Text(first, style=style))
        for line in rest:
            console.err.print(Text(line, style="dim"))


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
        self._live = Live(console=console.out, refresh_per_second=4, get_renderable=self._grid)

    def __enter__(self) -> Self:
        """Start drawing."""
        if console.out.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the last state on the screen."""
        if console.out.is_terminal:
            self._live.stop()
        else:
            console.out.print(self._grid())

    def show(self, outcome: Outcome) -> None:
        """Take over a change."""
        self._outcomes[outcome.table] = outcome
        if not console.out.is_terminal and outcome.outcome != Status.RUNNING:
            counts = f", {_counts(outcome.account)}" if outcome.account.rows_in else ""
            line = f"{outcome.table}: {outcome.outcome} ({outcome.seconds:.1f} s){counts}"
            console.out.print(line, style="dim", highlight=False)

    def _grid(self) -> Grid:
        rows = [[Text(name), *_cells(outcome)] for name, outcome in self._outcomes.items()]
        rows.append([Text(cell) for cell in ("all tables", *self._so_far())])
        grid = Grid(box=None, header_style="bold")
        kept = _kept(rows, console.out.width)
        for head in kept:
            is_why = head == "why"
            grid.add_column(
                head,
                justify="left" if head in WORDS else "right",
                no_wrap=not is_why,
                min_width=WHY if is_why else None,
                overflow="fold",
                style="dim" if is_why else None,
            )
        for row in rows:
            style = "bold" if row is rows[-1] else None
            grid.add_row(*(row[HEADS.index(head)] for head in kept), style=style)
        return grid

    def _so_far(self) -> list[str]:
        """How many tables are done, and the rows of all, by fate."""
        known = [outcome for outcome in self._outcomes.values() if outcome]
        done = sum(outcome.outcome != Status.RUNNING for outcome in known)
        fates = [_fates(outcome.account) for outcome in known]
        sums = [f"{sum(column):,}" for column in zip(*fates, strict=True)] or [""] * len(FATES)
        return [f"{done} of {len(self._outcomes)}", *sums, "", "", ""]


def _kept(rows: Sequence[Sequence[Text]], width: int) -> list[str]:
    """Columns to show: a fate of no row says nothing; numbers are left out whole, never cut."""
    widths = {
        head: max(len(head), *(row[place].cell_len for row in rows))
        for place, head in enumerate(HEADS)
    }
    widths["why"] = min(widths["why"], WHY)
    kept = [
        head
        for place, head in enumerate(HEADS)
        if head not in RARE or any(row[place].plain not in {"", "0"} for row in rows)
    ]
    for head in reversed(LEFT_OUT_FIRST):
        if sum(widths[each] + 2 for each in kept) > width and head in kept:
            kept.remove(head)
    return kept


def _cells(outcome: Outcome | None) -> list[Text]:
    if outcome is None:
        return [Text("waiting", style="dim"), *[Text()] * (len(HEADS) - 2)]
    fates = _fates(outcome.account)
    has_counts = outcome.outcome == Status.UPDATED or any(fates)
    numbers = [f"{n:,}" if has_counts else "" for n in fates]
    is_under_way = outcome.outcome in {Status.RUNNING, Status.BLOCKED}
    seconds = "" if is_under_way else f"{outcome.seconds:.1f}"
    version = str(outcome.state.version) if outcome.state and not is_under_way else ""
    state = Text(outcome.outcome, style=STYLES[outcome.outcome])
    return [state, *map(Text, (*numbers, seconds, version, outcome.reason))]


def _fates(account: Account) -> list[int]:
    return [
        account.rows_in,
        account.rows_loaded,
        account.rows_quarantined,
        account.rows_deduplicated,
        account.rows_too_late,
        account.rows_left_out,
    ]


def _counts(account: Account) -> str:
    read, *fates = (f"{n:,}" for n in _fates(account))
    words = zip(FATES[1:], fates, strict=True)
    return f"rows in {read} = {' + '.join(f'{word} {n}' for word, n in words)}"
