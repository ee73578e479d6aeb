"""What is asked for on a command line: names in a list, or a message that says which there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import typer

if TYPE_CHECKING:
    from collections.abc import Collection

EXIT_CONFIG, EXIT_FAILED = 78, 70


def chosen(option: str, text: str, known: Collection[str]) -> list[str]:
    """Names in a text, in the order in which they are known; none is an error, too."""
    names = {name.strip() for name in text.split(",") if name.strip()}
    if not names or names - set(known):
        unknown = ", ".join(sorted(names - set(known))) or "name"
        stop(f"{option}: no {unknown}; there are {', '.join(known)}")
    return [name for name in known if name in names]


def stop(message: str) -> NoReturn:
    """End the command: a setting is wrong."""
    typer.echo(message, err=True)
    raise typer.Exit(EXIT_CONFIG)
