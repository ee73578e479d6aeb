"""The `lakehouse quarantine` commands."""

from __future__ import annotations

from typing import Annotated

import typer

from lakehouse.catalog import views
from lakehouse.catalog.registry import registry
from lakehouse.cli import console
from lakehouse.cli.arguments import AsJson, TableName, new_request, open_lake
from lakehouse.cli.running import run_once
from lakehouse.errors import ConfigError
from lakehouse.settings import current_settings

quarantine_app = typer.Typer(help="Rows that broke a rule: look at them, judge them again.")


@quarantine_app.command("list")
def quarantine_list(*, as_json: AsJson = False) -> None:
    """Count rejected rows by table, file and rule."""
    rows = views.quarantined(registry(), current_settings())
    console.print_json(rows) if as_json else console.print_rows(rows, empty="quarantine is empty")


@quarantine_app.command("show")
def quarantine_show(
    table: TableName,
    *,
    n: Annotated[int, typer.Option("-n", min=1, help="Rows to print.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Print rejected rows as they landed."""
    rows = views.rejected(registry()[table].table, current_settings(), n)
    console.print_json(rows) if as_json else console.print_rows(rows, empty="quarantine is empty")


@quarantine_app.command("replay")
def quarantine_replay(table: TableName, *, as_json: AsJson = False) -> None:
    """Judge rejected rows again by today's rules and load those that pass."""
    if registry()[table].table.source is None:
        raise ConfigError(f"{table} has no quarantine: only bronze tables reject rows")
    before = len(views.rejected(registry()[table].table, current_settings(), None))
    with open_lake() as lake:
        code = run_once(lake, [table], new_request(None, full_refresh=True), as_json)
    after = len(views.rejected(registry()[table].table, current_settings(), None))
    console.err.print(f"{before} rows were in quarantine, {after} are now")
    raise typer.Exit(code)
