"""`lakehouse health`: the five checks that the API tells, without the API."""

from __future__ import annotations

from datetime import UTC, datetime

import typer

from lakehouse.catalog.registry import registry
from lakehouse.cli import console
from lakehouse.cli.arguments import AsJson
from lakehouse.errors import EXIT_RETRY
from lakehouse.settings import current_settings


def health(*, as_json: AsJson = False) -> None:
    """Check lag, freshness, the API's p99, runs and quality; exit with 75 if one fails.

    A check that has nothing to judge by is unknown, and does not fail.
    """
    from lakehouse.api.health.checks import State  # noqa: PLC0415  # deltalake, only where needed
    from lakehouse.api.health.watching import look, overall  # noqa: PLC0415  # prometheus_client

    found = look(current_settings(), registry(), datetime.now(UTC))
    status = overall(found)
    if as_json:
        console.print_json({"status": status, "checks": [vars(each) for each in found]})
    else:
        console.print_rows(
            [
                {
                    "check": each.name,
                    "state": each.state,
                    "value": each.value,
                    "limit": each.limit,
                    "since": each.since,
                    "what": each.text,
                    "runbook": "" if each.state is State.OK else each.runbook,
                }
                for each in found
            ]
        )
    raise typer.Exit(EXIT_RETRY if status is State.FAILING else 0)
