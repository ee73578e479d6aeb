"""The commands for operators."""

from __future__ import annotations

from typing import Annotated

import typer

from lakehouse.cli import console
from lakehouse.cli.arguments import AsJson, choose_engine
from lakehouse.observability import alerts
from lakehouse.observability.alerts import Severity
from lakehouse.settings import current_settings


def jars(
    *,
    s3: Annotated[
        bool, typer.Option("--s3", help="Include the jars for a lake on s3a://.")
    ] = False,
) -> None:
    """Download Spark's jars into the local cache and archive their classes; needed once."""
    choose_engine("spark")
    from lakehouse.engines.spark import archive  # noqa: PLC0415  # imports pyspark
    from lakehouse.engines.spark.jars import COORDINATES, DELTA, resolve  # noqa: PLC0415  # imports pyspark

    for path in resolve(COORDINATES if s3 else DELTA):
        console.out.print(path.name)
    if not archive.build():
        console.out.print(
            "no class archive: this Java cannot write one, so every start takes longer"
        )


def alert(
    title: Annotated[str, typer.Argument(help="Title, in one line.")],
    *,
    body: Annotated[str, typer.Option(help="Text below the title.")] = "",
    severity: Annotated[Severity, typer.Option(help="Severity.")] = Severity.WARNING,
) -> None:
    """Send a message to every destination in LAKEHOUSE_ALERT_URLS."""
    reached = alerts.send(current_settings(), alerts.Alert(title, body, severity))
    if not reached:
        console.out.print(f"{severity}: {title}", body, sep="\n", markup=False)
        console.err.print("sent to nobody; set LAKEHOUSE_ALERT_URLS (see .env.example)")
    else:
        console.out.print(f"sent to {', '.join(reached)}", markup=False)


def doctor(*, as_json: AsJson = False) -> None:
    """Check installation and lake, and print the fix for each problem; exit with 78 on errors."""
    from lakehouse.engines.doctor import diagnose  # noqa: PLC0415  # psutil

    rows = diagnose(current_settings())
    console.print_json(rows) if as_json else console.print_rows(rows)
    raise typer.Exit(78 if any(row["state"] == "bad" for row in rows) else 0)
