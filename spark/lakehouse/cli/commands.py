"""The `lakehouse` command: which commands there are. Each is a few lines over the engine."""

from __future__ import annotations

import sys
import traceback

import typer

from lakehouse.cli import console, looking, operations, pages, running, serving
from lakehouse.cli.dashboards import dashboards_app
from lakehouse.cli.quarantine import quarantine_app
from lakehouse.cli.shared_engine import engine_app
from lakehouse.engines.choice import prepare
from lakehouse.errors import EXIT_BUG, LakehouseError
from lakehouse.settings import current_settings

app = typer.Typer(
    help="An open lakehouse for product and web analytics.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for command in (
    *(running.run, running.plan, running.check, running.stage, running.verify),
    *(looking.tables, looking.show, looking.runs, looking.restatements, looking.freshness),
    *(pages.report, pages.docs, pages.data_docs, pages.manifest),
    *(serving.publish, running.maintain),
    *(operations.jars, operations.alert, operations.doctor),
):
    app.command(command.__name__.replace("_", "-"))(command)
for name, group in {
    "quarantine": quarantine_app,
    "engine": engine_app,
    "database": serving.database_app,
    "dashboards": dashboards_app,
}.items():
    app.add_typer(group, name=name, no_args_is_help=True)


def main() -> None:
    """Run the command; errors become one line and an exit code."""
    try:
        prepare(current_settings())
        app()
    except LakehouseError as error:
        console.print_error(error)
        sys.exit(error.exit_code)
    except Exception as error:  # noqa: BLE001  # the last line of defence
        console.print_error(error, traceback.format_exc())
        sys.exit(EXIT_BUG)
