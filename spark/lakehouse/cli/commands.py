"""The `lakehouse` command and the list of its subcommands."""

from __future__ import annotations

import sys
import traceback
from importlib.metadata import version
from typing import Annotated

import typer

from lakehouse.cli import (
    console,
    definitions,
    explaining,
    health,
    live,
    looking,
    mending,
    operations,
    pages,
    running,
    serving,
    settings,
    streaming,
)
from lakehouse.cli.api import api_app
from lakehouse.cli.contracts import contracts_app
from lakehouse.cli.dashboards import dashboards_app
from lakehouse.cli.dead_letters import dlq_app
from lakehouse.cli.mappings import map_app
from lakehouse.cli.quarantine import quarantine_app
from lakehouse.cli.shared_engine import engine_app
from lakehouse.cli.topics import kafka_app
from lakehouse.engines.choice import prepare
from lakehouse.errors import EXIT_BUG, LakehouseError
from lakehouse.settings import current_settings


def _tell_version(is_asked: bool) -> None:  # noqa: FBT001  # typer calls it so
    if is_asked:
        console.out.print(f"lakehouse {version('lakehouse')}", highlight=False)
        raise typer.Exit


app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.callback()
def lakehouse(
    *,
    version: Annotated[  # its callback answers
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """An open lakehouse for product and web analytics."""


for command in (
    *(running.run, running.plan, running.check, running.stage, running.verify),
    *(mending.migrate, mending.repair),
    *(looking.tables, looking.show, looking.runs, looking.restatements, looking.batches),
    looking.freshness,
    explaining.explain_kpi,
    *(pages.report, pages.docs, pages.data_docs, pages.manifest),
    *(streaming.stream, live.live, live.produce),
    *(serving.publish, running.maintain, definitions.check_definitions),
    *(operations.jars, operations.alert, operations.doctor),
    *(health.health, settings.settings),
):
    app.command(command.__name__.replace("_", "-"))(command)
app.command("alerts")(operations.list_alerts)
for name, group in {
    "api": api_app,
    "new": definitions.new_app,
    "map": map_app,
    "contracts": contracts_app,
    "quarantine": quarantine_app,
    "dlq": dlq_app,
    "engine": engine_app,
    "database": serving.database_app,
    "kafka": kafka_app,
    "dashboards": dashboards_app,
}.items():
    app.add_typer(group, name=name, no_args_is_help=True)


def main() -> None:
    """Run the command; errors become one line and an exit code."""
    try:
        prepare(current_settings())
        try:
            app()
        finally:
            definitions.tell_left_out()
    except LakehouseError as error:
        console.print_error(error)
        sys.exit(error.exit_code)
    except Exception as error:  # noqa: BLE001  # the last line of defence
        console.print_error(error, traceback.format_exc())
        sys.exit(EXIT_BUG)
