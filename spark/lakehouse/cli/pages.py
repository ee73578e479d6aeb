"""The commands that write reports, documentation and the manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lakehouse.catalog.registry import registry
from lakehouse.cli import console
from lakehouse.cli.arguments import AsJson
from lakehouse.errors import ConfigError
from lakehouse.settings import current_settings


def report(
    eventlog: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Spark event log, or a folder of logs (the newest is used). Two are compared."
        ),
    ] = None,
    *,
    domain: Annotated[
        str, typer.Option(help="Report on this domain only, in <root>/report_<domain>.html.")
    ] = "",
    html: Annotated[
        Path | None, typer.Option(help="Write a page about the event log to this file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the headline results and write <root>/report.html, or report on a Spark event log.

    A run on Spark writes an event log to the folder that LAKEHOUSE_EVENT_LOG names. The report says
    where the run spent its time.
    """
    if eventlog and domain:
        raise ConfigError("--domain is about the lake, and an event log is named")
    if eventlog:
        _report_logs(eventlog, html, as_json)
        return
    if html or as_json:
        raise ConfigError("--html and --json need an event log; give its path")
    from lakehouse.reporting.report import answers, write_report  # noqa: PLC0415  # jinja2

    settings = current_settings()
    path = write_report(settings, registry(), domain=domain)
    for line in answers(settings, domain):
        console.out.print(line, markup=False)
    console.out.print(f"Charts and figures: {path}")
    console.out.print("Tables: `lakehouse tables`. Rows: `lakehouse show TABLE`. Rejected rows:")
    console.out.print("`lakehouse quarantine list`. Runs: `lakehouse runs`.")


def _report_logs(paths: list[Path], html: Path | None, as_json: bool) -> None:  # noqa: FBT001  # an option's value
    from lakehouse.reporting import spark_page  # noqa: PLC0415  # jinja2

    found = spark_page.describe(paths)
    for line in found.notes:
        console.err.print(line, markup=False)
    if html:
        html.write_text(found.html, encoding="utf-8")
        console.err.print(f"wrote {html}", markup=False)
    if as_json:
        console.print_json(found.data)
    elif not html:
        for line in found.lead:
            console.out.print(line, markup=False, highlight=False)
        for answer in found.answers:
            console.print_cell(answer)
        for title, grid in found.tables:
            console.print_grid(grid, title)


def docs(
    *,
    output: Annotated[Path | None, typer.Option(help="Folder. Default: <root>/docs.")] = None,
) -> None:
    """Write the catalogue of tables, columns, checks and lineage."""
    from lakehouse.reporting.catalogue import (  # noqa: PLC0415  # jinja2, only here
        REPOSITORY,
        write_catalogue,
        write_markdown,
    )
    from lakehouse.reporting.column_lineage import write_column_lineage  # noqa: PLC0415  # same
    from lakehouse.reporting.guide import write_guide  # noqa: PLC0415  # same

    registry().assert_whole()
    folder = output or Path(current_settings().root_uri) / "docs"
    console.out.print(f"wrote {write_column_lineage(REPOSITORY)}")
    console.out.print(f"wrote {write_markdown(registry())}")
    console.out.print(f"wrote {write_guide(registry())}")
    console.out.print(f"wrote {len(write_catalogue(registry(), folder))} files to {folder}")


def data_docs() -> None:
    """Write the Great Expectations pages: every suite and its latest results."""
    from lakehouse.reporting.data_docs import write_data_docs  # noqa: PLC0415  # GX takes seconds

    console.out.print(f"wrote {write_data_docs(current_settings(), registry())}")


def manifest(
    *,
    output: Annotated[Path, typer.Option(help="File to write; - prints it.")] = Path(
        "airflow/manifest.json"
    ),
) -> None:
    """Write the table graph for orchestrators."""
    from lakehouse.catalog.manifest import manifest_text  # noqa: PLC0415  # only where needed

    registry().assert_whole()
    text = manifest_text(registry())
    if str(output) == "-":
        console.out.file.write(text)
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, encoding="utf-8")
    console.out.print(f"wrote {output}")
