"""`lakehouse settings`: what is in force, and where it came from."""

from __future__ import annotations

from typing import Annotated

import typer

from lakehouse.catalog.in_force import in_force
from lakehouse.cli import console
from lakehouse.cli.arguments import AsJson


def settings(
    *,
    changed: Annotated[
        bool, typer.Option("--changed", help="Only those that are not defaults.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the settings in force and where each came from; secrets are masked."""
    rows = [vars(each) for each in in_force() if each.source != "default" or not changed]
    if as_json:
        console.print_json(rows)
        return
    brief = ("name", "value", "source")
    console.print_rows([{key: row[key] for key in brief} for row in rows], empty="all are defaults")
