"""The `lakehouse quarantine` commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lakehouse.catalog import views
from lakehouse.catalog.registry import registry
from lakehouse.catalog.sources import sources
from lakehouse.cli import console
from lakehouse.cli.arguments import AsJson, TableName, new_request, open_lake
from lakehouse.cli.running import run_once
from lakehouse.errors import ConfigError
from lakehouse.settings import current_settings

if TYPE_CHECKING:
    from lakehouse.spec import Table

quarantine_app = typer.Typer(help="Show rejected rows, or validate them again.")


@quarantine_app.command("list")
def quarantine_list(*, as_json: AsJson = False) -> None:
    """Count rejected rows by table, file and reason."""
    rows = views.quarantined(registry(), current_settings())
    console.print_json(rows) if as_json else console.print_rows(rows, empty="quarantine is empty")


@quarantine_app.command("show")
def quarantine_show(
    table: TableName,
    *,
    file: Annotated[str | None, typer.Option(help="Path or name of a landing file.")] = None,
    run_id: Annotated[str | None, typer.Option("--run", help="Run that rejected them.")] = None,
    reason: Annotated[
        str | None, typer.Option(help="Reason, e.g. missing or missing:user_id.")
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Rows to print.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Print rejected rows as they landed, newest first."""
    spec = _with_quarantine(table)
    rows = views.rejected(spec, current_settings(), n, file=file, run_id=run_id, reason=reason)
    is_narrowed = file or run_id or reason
    empty = "no rejected row matches; `lakehouse quarantine list` counts all of them"
    if as_json:
        console.print_json(rows)
    else:
        told = [{"row": f"{row['source_file']}:{row['source_line']}", **row} for row in rows]
        names = ("row", "reasons", "raw", "quarantined_at", "run_id")
        empty = empty if is_narrowed else "quarantine is empty"
        console.print_rows([{name: row[name] for name in names} for row in told], empty=empty)


@quarantine_app.command("replay")
def quarantine_replay(
    table: TableName,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Validate rejected rows by the current rules, and load those that pass."""
    spec = _with_quarantine(table)
    if dry_run:
        _rehearse(spec, as_json=as_json)
        return
    before = len(views.rejected(spec, current_settings(), None))
    with open_lake() as lake:
        code = run_once(lake, [table], new_request(None, full_refresh=True), as_json)
    after = len(views.rejected(spec, current_settings(), None))
    console.err.print(f"in quarantine: {before} rows before, {after} now")
    raise typer.Exit(code)


def _rehearse(spec: Table, *, as_json: bool) -> None:
    from lakehouse.landing.rehearsal import rehearse  # noqa: PLC0415  # pyarrow, only here

    settings = current_settings()
    source = sources(registry(), settings)[spec.source.name if spec.source else ""]
    held = views.held(spec, settings)
    changes = rehearse(held, source, settings.raw_uri, max_record_bytes=settings.max_line_bytes)
    rows = [change.row for change in changes]
    if as_json:
        console.print_json(rows)
        return
    console.print_rows(rows, empty="quarantine is empty")
    before, after = (sum(row[name] for row in rows) for name in ("rejected_now", "rejected_then"))
    console.err.print(f"in quarantine: {before} rows now, {after} after a replay; nothing was done")


def _with_quarantine(name: str) -> Table:
    spec = registry()[name].table
    if spec.source is None:
        raise ConfigError(f"{name} has no quarantine: only bronze tables reject rows")
    return spec
