"""`lakehouse contracts`: the agreements with senders, as files that both sides can check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lakehouse.catalog.registry import registry
from lakehouse.cli import console
from lakehouse.cli.arguments import AsJson
from lakehouse.errors import EXIT_CONFIG

if TYPE_CHECKING:
    from lakehouse.landing.contracts import Declared

contracts_app = typer.Typer(help="Write and check the JSON Schemas of what senders send.")
Folder = Annotated[
    Path | None, typer.Option(help="Folder of the contracts. Default: spark/contracts.")
]


@contracts_app.command("check")
def check(*, folder: Folder = None, as_json: AsJson = False) -> None:
    """Compare the files with the declarations, and each version with the one before.

    Exits with 78 when they differ, or when a version removes a kind or field, changes a type, or
    asks for more.
    """
    from lakehouse.landing import contracts  # noqa: PLC0415  # jsonschema and sqlglot, only here

    registry().assert_whole()
    found = contracts.problems(_declared(), folder or contracts.FOLDER)
    rows = [vars(each) for each in found]
    if as_json:
        console.print_json(rows)
    else:
        console.print_rows(rows, empty="the contracts are as declared, and compatible")
    raise typer.Exit(EXIT_CONFIG if found else 0)


@contracts_app.command("write")
def write(*, folder: Folder = None) -> None:
    """Write the files of the declared versions; what a written version allows never changes."""
    from lakehouse.landing import contracts  # noqa: PLC0415  # same

    registry().assert_whole()
    where = folder or contracts.FOLDER
    changed = contracts.write(_declared(), where)
    for name in changed:
        console.out.print(f"wrote {where / name}", markup=False, soft_wrap=True)
    if not changed:
        console.out.print("every contract is up to date")


def _declared() -> list[Declared]:
    from lakehouse.landing.contracts import declared  # noqa: PLC0415  # same

    return declared(entry.table for entry in registry())
