from __future__ import annotations

import io

import pytest
from rich.console import Console

from lakehouse.catalog.status import Status
from lakehouse.cli import console
from lakehouse.cli import progress as progress_of
from lakehouse.engine.outcome import Outcome
from lakehouse.io.state import Account
from lakehouse.reporting.page import Cell, Grid

ACCOUNT = Account(
    rows_in=1_200,
    rows_loaded=1_100,
    rows_quarantined=60,
    rows_deduplicated=30,
    rows_too_late=9,
    rows_left_out=1,
)


@pytest.fixture
def printed(monkeypatch):
    """What is printed; `width` and `is_terminal` may be set."""

    def make(width=200, *, is_terminal=False):
        stream = io.StringIO()
        out = Console(file=stream, width=width, force_terminal=is_terminal, no_color=True)
        monkeypatch.setattr(console, "out", out)
        return stream

    return make


def cells(text, start):
    return next(line.split() for line in text.splitlines() if line.strip().startswith(start))


def test_rows_by_fate_are_told_as_soon_as_a_table_is_done(printed):
    stream = printed()
    with progress_of.Progress(["bronze.a", "silver.b"]) as progress:
        progress.show(Outcome("bronze.a", Status.UPDATED, account=ACCOUNT, seconds=1.5))
        said = stream.getvalue()
    assert said == (
        "bronze.a: updated (1.5 s), rows in 1,200 = loaded 1,100 + quarantined 60 + repeats 30 "
        "+ too late 9 + left out 1\n"
    )


def test_counts_of_a_table_stand_there_while_its_gate_runs(printed):
    stream = printed()
    with progress_of.Progress(["bronze.a", "silver.b"]) as progress:
        progress.show(Outcome("bronze.a", Status.RUNNING, account=ACCOUNT))
    text = stream.getvalue()
    assert cells(text, "bronze.a") == [
        "bronze.a",
        "running",
        "1,200",
        "1,100",
        "60",
        "30",
        "9",
        "1",
    ]
    assert cells(text, "silver.b") == ["silver.b", "waiting"]


def test_a_run_adds_up_its_tables(printed):
    stream = printed()
    with progress_of.Progress(["bronze.a", "silver.b", "gold.c"]) as progress:
        progress.show(Outcome("bronze.a", Status.UPDATED, account=ACCOUNT))
        progress.show(Outcome("silver.b", Status.FAILED, account=Account(rows_in=5, rows_loaded=5)))
        progress.show(Outcome("gold.c", Status.RUNNING))
    total = ["all", "tables", "2", "of", "3", "1,205", "1,105", "60", "30", "9", "1"]
    assert cells(stream.getvalue(), "all tables") == total


def test_of_a_wide_table_the_first_columns_are_shown(printed):
    grid = Grid(head=("Name", ">Wall time", "Other"), rows=[["a.b", Cell("! 7.0", "bad"), "x" * 9]])
    stream = printed(width=16)
    console.print_grid(grid, "Title [1]")
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    assert lines == [
        *("", "Title [1]", "Name  Wall time", "a.b       ! 7.0"),
        *("not shown for", "want of room:", "Other"),
    ]


@pytest.mark.parametrize("width", [44, 60, 80, 120])
def test_in_a_narrow_terminal_columns_are_left_out_and_no_number_is_cut(printed, width):
    stream = printed(width)
    many = Account(rows_in=1_234_567, rows_loaded=1_234_560, rows_left_out=7)
    with progress_of.Progress(["silver.a"]) as progress:
        progress.show(Outcome("silver.a", Status.UPDATED, account=many, seconds=1.5))
    head, row, _ = stream.getvalue().splitlines()[-3:]
    assert "…" not in head + row
    assert row.split()[:4] == ["silver.a", "updated", "1,234,567", "1,234,560"]
    assert ("left out" in head) == (width >= 60)
    assert "quarantined" not in head, "no row has that fate"
