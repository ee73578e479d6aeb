"""The `lakehouse dashboards` commands. They need neither an engine nor a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lakehouse.catalog.registry import registry
from lakehouse.cli import console
from lakehouse.cli.arguments import AsJson
from lakehouse.errors import EXIT_DATA

dashboards_app = typer.Typer(help="Write and check the files of the Superset dashboards.")

Folder = Annotated[
    Path | None, typer.Option(help="Folder of the dashboards. Default: spark/dashboards.")
]


@dashboards_app.command("datasets")
def datasets(*, folder: Folder = None) -> None:
    """Write the columns of every dataset file from the table declarations."""
    from lakehouse.serving.dashboards import (  # noqa: PLC0415  # duckdb, only here
        assets,
        relations,
    )
    from lakehouse.serving.dashboards import datasets as files  # noqa: PLC0415  # same

    registry().assert_whole()
    where = folder or assets.FOLDER
    tables = relations.served(registry())
    changed = files.write(where, files.generate(assets.load(where), tables))
    for name in changed:
        console.out.print(f"wrote {where / name}", soft_wrap=True)
    if not changed:
        console.out.print("every dataset file is up to date")


@dashboards_app.command("check")
def check(*, folder: Folder = None, as_json: AsJson = False) -> None:
    """Check that every chart can be drawn from the served tables; exit with 65 if not."""
    from lakehouse.serving.dashboards import assets, relations  # noqa: PLC0415  # duckdb, only here
    from lakehouse.serving.dashboards.check import check as checked  # noqa: PLC0415  # same

    found = checked(assets.load(folder or assets.FOLDER), relations.served(registry()))
    rows = [vars(each) for each in found]
    if as_json:
        console.print_json(rows)
    else:
        console.print_rows(rows, empty="the dashboards fit the tables")
    raise typer.Exit(EXIT_DATA if found else 0)
