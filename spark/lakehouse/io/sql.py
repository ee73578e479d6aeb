"""Names and texts as SQL writes them, wherever it runs."""

from __future__ import annotations


def quoted(name: str) -> str:
    """An identifier as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL writes it, where a parameter cannot stand."""
    return "'" + text.replace("'", "''") + "'"
