from __future__ import annotations

import io
import json

import pytest

from lakehouse.cli import console
from lakehouse.cli.safe_text import json_shown, one_line, shown
from lakehouse.errors import ConfigError
from lakehouse.reporting.page import Cell, Grid

EVIL = "a\x1b]0;title\x07b\x9b31mc\rd\x7fe\u202ef"
SHOWN = r"a\x1b]0;title\x07b\x9b31mc\rd\x7fe\u202ef"
PRINTERS = {
    "rows": lambda: console.print_rows([{"c": EVIL}]),
    "wide rows": lambda: console.print_wide_rows([{"c": EVIL, "d": EVIL}]),
    "error": lambda: console.print_error(ConfigError(EVIL)),
    "trace": lambda: console.print_error(ValueError(EVIL), EVIL),
    "page cell": lambda: console.print_cell(Cell(EVIL)),
    "page grid": lambda: console.print_grid(Grid(("c",), (((EVIL),),)), EVIL),
    "anything": lambda: console.out.print(EVIL, markup=False),
}


@pytest.mark.parametrize("print_it", PRINTERS.values(), ids=PRINTERS.keys())
def test_what_data_holds_never_commands_the_terminal(print_it, monkeypatch):
    stream = io.StringIO()
    safe = console.SafeConsole(file=stream, width=300, force_terminal=True, no_color=True)
    monkeypatch.setattr(console, "out", safe)
    monkeypatch.setattr(console, "err", safe)
    print_it()
    text = stream.getvalue()
    assert "\x1b]" not in text
    assert not set("\x07\x9b\r\x7f\u202e") & set(text)
    assert "title" in text


def test_control_characters_are_shown_as_escapes():
    assert shown(EVIL) == SHOWN
    assert shown("two\nlines\tand ä 漢 🎉") == "two\nlines\\tand ä 漢 🎉"
    assert one_line("two\nlines") == r"two\nlines"
    assert shown("\udc80") == r"\udc80"


def test_json_says_the_same_without_control_characters():
    text = json_shown(json.dumps({"k": EVIL}, ensure_ascii=False))
    assert json.loads(text) == {"k": EVIL}
    assert not set("\x9b\x7f\u202e") & set(text)
