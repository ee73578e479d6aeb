from __future__ import annotations

import io
from datetime import UTC, date, datetime

import pytest
from rich.console import Console

from lakehouse.cli import grids

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def text_of(parts, width):
    stream = io.StringIO()
    console = Console(file=stream, width=width, no_color=True)
    for part in parts:
        console.print(part)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def wide(n, columns=("user", "page", "n_views")):
    return [dict(zip(columns, (f"user-{i}", "home", i), strict=True)) for i in range(n)]


def test_rows_that_fit_stand_in_a_grid_under_their_headings():
    lines = text_of(grids.wide_rows(wide(2), 40), 40)
    assert lines == [
        "user    page  n_views",
        "user-0  home        0",
        "user-1  home        1",
    ]


def test_headings_are_broken_where_that_makes_room():
    lines = text_of(grids.wide_rows(wide(2), 19), 19)
    assert lines == [
        "                 n_",
        "user    page  views",
        "user-0  home      0",
        "user-1  home      1",
    ]


def test_a_few_rows_that_do_not_fit_stand_one_below_the_other():
    lines = text_of(grids.wide_rows(wide(2), 17), 17)
    assert lines == [
        "row 1 of 2",
        "user     user-0",
        "page     home",
        "n_views  0",
        "row 2 of 2",
        "user     user-1",
        "page     home",
        "n_views  1",
    ]


def test_of_many_rows_the_columns_that_do_not_fit_are_named():
    lines = text_of(grids.wide_rows(wide(6), 17), 40)
    assert lines[1] == "user-0  home"
    assert lines[-1] == "1 more column: n_views"
    assert len(lines) == 8


@pytest.mark.parametrize("width", [1, 10, 40, 80, 200])
@pytest.mark.parametrize("n", [1, 5, 6])
def test_every_column_is_shown_or_named_at_any_width(width, n):
    names = [f"column_{i}" for i in range(30)]
    rows = [{name: f"{name}/{i}" for name in names} for i in range(n)]
    text = "".join("".join(text_of(grids.wide_rows(rows, width), max(width, 40))).split())
    assert all(name in text for name in names)


def test_a_value_is_cut_nowhere_but_in_prose():
    rows = [{"key": "k" * 27, "why": "word " * 20, "n": 7}]
    lines = text_of(grids.grid_of(rows, 70), 70)
    assert lines[1].split()[0] == "k" * 27
    assert sum(line.count("word") for line in lines) == 20


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (1234567, "1234567"),
        (1234.5, "1,234.50"),
        (0.012345, "0.01235"),
        (MOMENT, "2026-01-02 03:04:05Z"),
        (MOMENT.replace(microsecond=120_000), "2026-01-02 03:04:05.120Z"),
        (MOMENT.replace(tzinfo=None), "2026-01-02 03:04:05"),
        (date(2026, 1, 2), "2026-01-02"),
        (b"caf\xc3\xa9\xff", "café\N{REPLACEMENT CHARACTER}"),
        (["a", "b"], "a, b"),
        ("two\nlines\x1b[2J\u202e", r"two\nlines\x1b[2J\u202e"),
    ],
)
def test_a_value_in_a_cell(value, cell):
    assert text_of(grids.grid_of([{"c": value}], 80), 80)[1:] == [cell]


def test_a_value_of_megabytes_is_cut_and_says_so():
    (line,) = {"".join(text_of(grids.grid_of([{"c": "x" * 3_000}], 5_000), 5_000)[1:])}
    assert "3,000 characters" in line
    assert line.count("x") == 2_000


def test_csv_holds_whole_values():
    rows = [{"a": 'x,"y"\n', "at": MOMENT, "n": 0.123456789, "none": None}]
    assert grids.csv_of(rows) == ('a,at,n,none\n"x,""y""\n",2026-01-02 03:04:05Z,0.123456789,\n')
    assert grids.csv_of([]) == ""
