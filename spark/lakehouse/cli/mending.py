"""The commands for tables that differ from their declaration or are damaged."""

from __future__ import annotations

from typing import Annotated

import typer

from lakehouse.catalog.registry import registry
from lakehouse.cli import console, progress
from lakehouse.cli.arguments import AsJson, EngineName, Selectors, TableName, new_request, open_lake
from lakehouse.cli.running import run_once
from lakehouse.engine import plan as planning

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")]


def migrate(
    selectors: Selectors = None,
    *,
    dry_run: DryRun = False,
    engine: EngineName = None,  # noqa: ARG001  # chosen by its callback
    as_json: AsJson = False,
) -> None:
    """Change stored columns to the declared ones, and run the tables that differed."""
    from lakehouse.engine.migration import pending  # noqa: PLC0415  # 0.5 s of pyspark

    names = planning.select(registry(), selectors or [])
    with open_lake() as lake:
        migrations = pending(lake, names)
        steps = [row for each in migrations for row in each.rows]
        if dry_run and as_json:
            console.print_json(steps)
        elif not as_json:
            console.print_rows(steps, empty="every stored table has the declared columns")
        if dry_run or not migrations:
            return
        request = new_request(None, full_refresh=False, migrate=True)
        code = run_once(lake, [each.table.name for each in migrations], request, as_json)
    if not code and not as_json:
        console.err.print("next: lakehouse run, for the tables downstream")
    raise typer.Exit(code)


def repair(
    table: TableName,
    *,
    dry_run: DryRun = False,
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Go on even if rows cannot be recovered.")
    ] = False,
    engine: EngineName = None,  # noqa: ARG001  # chosen by its callback
) -> None:
    """Rebuild a table whose folder, log or files are missing or damaged; delete nothing."""
    from lakehouse.engine import repair as repairing  # noqa: PLC0415  # 0.5 s of pyspark

    with open_lake() as lake:
        plan = repairing.repair_of(lake, table)
        if plan is None:
            console.out.print(f"{table}: nothing is missing or damaged")
            return
        console.out.print("\n".join(plan.sentences), markup=False, highlight=False)
        if dry_run:
            return
        outcome = repairing.repair(lake, plan, accept_loss=accept_loss)
    if outcome is not None:
        progress.print_outcome(outcome, "repair")
        if outcome.error is not None:
            raise typer.Exit(outcome.exit_code)
        rows = outcome.state.rows if outcome.state else 0
        console.out.print(f"{rows:,} rows now, {plan.n_rows:,} before")
        console.err.print(f"next: lakehouse run {table}+")
