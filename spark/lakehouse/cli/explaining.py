"""The command that says why other tools show another figure; it starts no engine."""

from __future__ import annotations

from typing import Annotated

import typer

from lakehouse.cli import console
from lakehouse.cli.arguments import AsJson, day_of
from lakehouse.settings import current_settings


def explain_kpi(
    kpi: Annotated[str, typer.Argument(help="A key figure of the web, e.g. bounce_rate.")],
    *,
    day: Annotated[
        str | None, typer.Option(help="Day, YYYY-MM-DD. Default: the newest that is over.")
    ] = None,
    view: Annotated[
        str, typer.Option(help="Whose events count in our figure: all, human or strict.")
    ] = "human",
    as_json: AsJson = False,
) -> None:
    """Show a key figure under the rules of other tools, and which rule makes the difference.

    From the published events, under the rules of GA4, Snowplow, Matomo, PostHog and Plausible. One
    rule is changed at a time, so that the changes add up to the difference.
    """
    from lakehouse.reporting import (  # noqa: PLC0415  # duckdb and deltalake, only here
        tool_differences as differences,
    )

    chosen, of_day = differences.kpi_of(kpi), day_of(day, "--day")
    found = differences.explain(current_settings(), chosen, of_day, view)
    if as_json:
        console.print_json(differences.row_of(found))
        return
    console.print_grid(differences.grid_of(found), differences.title_of(found))
    console.out.print(f"\n{differences.reason_of(found)}", markup=False, highlight=False)
    if not found.is_as_published:
        console.err.print(
            f"gold.web_kpis has {found.published:g}, not {float(found.ours.value or 0):g}: it was "
            "made of other events; run `lakehouse run +gold.web_kpis`",
            markup=False,
        )
