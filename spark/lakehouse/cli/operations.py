"""The commands for operators."""

from __future__ import annotations

import json
from typing import Annotated, Any

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
    """Send a message to every destination in LAKEHOUSE_ALERT_URLS, or the lake's own file."""
    settings = current_settings()
    reached = alerts.send(settings, alerts.Alert(title, body, severity))
    if settings.alert_urls.get_secret_value():
        console.out.print(f"sent to {', '.join(reached)}", markup=False)
        return
    console.out.print(f"{severity}: {title}", body, sep="\n", markup=False)
    where = f"only {alerts.default_file(settings)} has it" if reached else "sent to nobody"
    console.err.print(f"{where}; set LAKEHOUSE_ALERT_URLS (see .env.example)", soft_wrap=True)


def list_alerts(
    *,
    n: Annotated[int, typer.Option("-n", min=0, help="Recovered alerts to list.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the alerts of streams that are open, and the newest that recovered."""
    from lakehouse.streaming import alert_book  # noqa: PLC0415  # deltalake, only where needed

    rows = [_alert_row(row) for row in alert_book.newest(current_settings(), n)]
    if as_json:
        console.print_json(rows)
        return
    brief = ("state", "severity", "title", "text", "opened_at", "recovered_at", "runbook")
    console.print_rows([{key: row[key] for key in brief} for row in rows], empty="no alerts")


def _alert_row(row: dict[str, Any]) -> dict[str, Any]:
    untold = {name for each in json.loads(row["outbox"]) for name in each["waits_for"]}
    kept = ("key", "topic", "severity", "title", "text", "runbook", "opened_at", "fine_since")
    return {
        "state": "open" if row["recovered_at"] is None else "recovered",
        **{name: row[name] for name in kept},
        "recovered_at": row["recovered_at"],
        "not_told": sorted(untold),
    }


def doctor(*, as_json: AsJson = False) -> None:
    """Check installation and lake, and print the fix for each problem; exit with 78 on errors."""
    from lakehouse.engines.doctor import diagnose  # noqa: PLC0415  # psutil

    rows = diagnose(current_settings())
    console.print_json(rows) if as_json else console.print_rows(rows)
    raise typer.Exit(78 if any(row["state"] == "bad" for row in rows) else 0)
