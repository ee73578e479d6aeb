#!/usr/bin/env python3
"""Make synthetic landing data: `python scripts/generate_synthetic_data.py --help`.

Exit codes: 0 made; 2 an argument is wrong; 73 files of others are in the way, nothing was written;
74 the folder cannot be written.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

# It works without installing the package.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "spark"))

from lakehouse import synthetic
from lakehouse.errors import LakehouseError

EXIT_IO = 74
DEFAULTS = synthetic.Arguments()
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def main(  # noqa: PLR0913  # one parameter per option
    *,
    out: Annotated[Path, typer.Option(help="Landing folder.")] = Path("data/raw"),
    users: Annotated[int, typer.Option(help="Number of users.")] = DEFAULTS.users,
    events: Annotated[int, typer.Option(help="Number of feature usage events.")] = DEFAULTS.events,
    interactions: Annotated[
        int | None,
        typer.Option(help="Number of user interactions.", show_default="as many as events"),
    ] = None,
    web_events: Annotated[
        int | None,
        typer.Option(
            help="Number of web events.", show_default="as many as events, at most 60,000"
        ),
    ] = None,
    days: Annotated[int, typer.Option(help="Number of days.")] = DEFAULTS.days,
    start: Annotated[
        str, typer.Option(help="First day, YYYY-MM-DD.", show_default=DEFAULTS.start.isoformat())
    ] = "",
    end: Annotated[
        str,
        typer.Option(help="Last day instead of the first: YYYY-MM-DD, or yesterday (UTC)."),
    ] = "",
    seed: Annotated[
        int, typer.Option(help="Random seed; the same seed gives the same bytes.")
    ] = DEFAULTS.seed,
    dirty: Annotated[
        float, typer.Option(help="Share of rows repeated, late or malformed (0 to 1).")
    ] = DEFAULTS.dirty,
    daily: Annotated[
        bool,
        typer.Option("--daily/--single", help="One file per day of delivery, or one per source."),
    ] = False,
    gzip: Annotated[bool, typer.Option("--gzip", help="Compress the files.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files that were not generated.")
    ] = False,
    domains: Annotated[str, typer.Option(help="Domains to generate.")] = ",".join(
        synthetic.DOMAINS
    ),
    incidents: Annotated[
        str,
        typer.Option(
            help="planted: on some days something is wrong, see truth.json; none: no incident."
        ),
    ] = DEFAULTS.incidents,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print no progress bar and no summary.")
    ] = False,
) -> None:
    """Make synthetic landing data with known truths; never replaces files it did not make."""
    try:
        arguments = synthetic.Arguments(
            users=users,
            events=events,
            interactions=interactions,
            web_events=web_events,
            days=days,
            start=synthetic.first_day(start, end, days, default=DEFAULTS.start),
            seed=seed,
            dirty=dirty,
            daily=daily,
            gzip=gzip,
            domains=synthetic.parse_domains(domains),
            incidents=incidents,
        )
        report = _generate(arguments, out, force=force, quiet=quiet)
    except LakehouseError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(error.exit_code) from error
    except OSError as error:
        typer.echo(f"error: cannot write to {out}: {error.strerror or error}", err=True)
        raise typer.Exit(EXIT_IO) from error
    if report.strangers:
        names = ", ".join(report.strangers)
        typer.echo(
            f"warning: the landing folder also holds files that were not generated: {names}",
            err=True,
        )
    if not quiet:
        _summarise(report, out)


def _generate(
    arguments: synthetic.Arguments, out: Path, *, force: bool, quiet: bool
) -> synthetic.Report:
    console = Console(stderr=True)
    expected = sum(
        {
            "growth": arguments.users + arguments.events,
            "interactions": arguments.users + arguments.interaction_rows,
            "web": arguments.web_rows,
        }[domain]
        for domain in arguments.domains
    )
    show = console.is_terminal and not quiet
    with Progress(console=console, disable=not show, transient=True) as bar:
        task = bar.add_task("", total=expected)

        def advance(source: str, rows: int) -> None:
            bar.update(task, advance=rows, description=source)

        return synthetic.generate(arguments, out, force=force, progress=advance)


def _summarise(report: synthetic.Report, out: Path) -> None:
    for domain in report.truth.values():
        for source, counts in domain["sources"].items():
            files = [made for made in report.files if made.source == source]
            where = files[0].path if len(files) == 1 else f"{source}/ ({len(files)} files)"
            size = sum(made.bytes for made in files) / 1e6
            typer.echo(f"{counts['rows_delivered']:>12,} rows  {size:>9.1f} MB  {out / where}")
    typer.echo(f"Planted effects and errors: {out / synthetic.TRUTH}")
    if report.removed:
        typer.echo(
            f"Removed {len(report.removed)} files of an earlier run, e.g. {report.removed[0]}"
        )


if __name__ == "__main__":
    app()
