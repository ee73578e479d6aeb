"""The commands that show tables and their runs; none starts an engine."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from lakehouse.catalog import views
from lakehouse.catalog.domains import in_use
from lakehouse.catalog.registry import registry
from lakehouse.cli import console
from lakehouse.cli.arguments import AsJson, Selectors, TableName
from lakehouse.engine import plan as planning
from lakehouse.settings import current_settings


def tables(selectors: Selectors = None, *, as_json: AsJson = False) -> None:
    """List tables and their published versions."""
    names = planning.select(registry(), selectors or [])
    rows = views.overview(registry(), current_settings(), names)
    console.print_json(rows) if as_json else console.print_rows(rows)


def show(
    table: TableName,
    *,
    n: Annotated[int, typer.Option("-n", min=0, help="Rows to print.")] = 20,
    columns: Annotated[
        str | None, typer.Option(help="Columns to print, in this order, separated by commas.")
    ] = None,
    where: Annotated[str, typer.Option(help="SQL condition that the rows must satisfy.")] = "",
    order: Annotated[str, typer.Option(help="SQL to order by. Default: the key.")] = "",
    version: Annotated[
        int | None, typer.Option(help="Version to read. Default: the published one.")
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="List the commits instead of rows.")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print rows of a table, or its history."""
    spec, settings = registry()[table].table, current_settings()
    if history:
        rows = views.history(spec, settings, n)
    else:
        chosen = tuple(name.strip() for name in (columns or "").split(",") if name.strip())
        wanted = views.Wanted(columns=chosen, where=where, order=order, n=n, version=version)
        rows = views.peek(spec, settings, wanted)
    if as_csv:
        console.print_csv(rows)
    else:
        console.print_json(rows) if as_json else console.print_wide_rows(rows)


def runs(
    table: Annotated[str | None, typer.Argument(help="A table. Default: all tables.")] = None,
    *,
    n: Annotated[int, typer.Option("-n", min=1, help="Table runs to list.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the latest table runs."""
    rows = _latest("runs", table, "started_at DESC", n)
    if as_json:
        console.print_json(rows)
        return
    brief = (
        *("started_at", "table_name", "outcome", "why", "rows_in", "rows_loaded"),
        *("rows_quarantined", "rows_deduplicated", "seconds", "output_version", "run_id"),
    )
    told = [row | {"why": row["error"] or row["reason"]} for row in rows]
    console.print_rows([{key: row[key] for key in brief} for row in told], empty="no runs yet")


def restatements(
    table: Annotated[str | None, typer.Argument(help="A table. Default: all tables.")] = None,
    *,
    n: Annotated[int, typer.Option("-n", min=1, help="Rows to print.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the latest changes of final figures: old value, new value and cause."""
    rows = _latest("metric_restatements", table, "restated_at DESC, key", n)
    if as_json:
        console.print_json(rows)
        return
    brief = ("restated_at", "table_name", "key", "old", "new", "cause")
    console.print_rows(
        [{key: row[key] for key in brief} for row in rows], empty="nothing was restated"
    )


def batches(
    *,
    n: Annotated[int, typer.Option("-n", min=1, help="Batches to list.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the latest batches of `lakehouse stream`: lag, seconds, freshness, rejects."""
    rows = _latest("stream_batches", None, "started_at DESC", n)
    if as_json:
        console.print_json(rows)
        return
    brief = (
        *("started_at", "ended_at", "seconds", "n", "waiting", "n_rejected"),
        *("freshness_p50_s", "freshness_p99_s", "newest_event_at", "error"),
    )
    console.print_rows([{key: row[key] for key in brief} for row in rows], empty="no batches yet")


def _latest(book: str, table: str | None, order: str, n: int) -> list[dict[str, Any]]:
    """The first rows of one of the lake's books, of one table or of all."""
    from lakehouse.io import ops  # noqa: PLC0415  # deltalake, only where needed

    chosen = f"WHERE table_name = '{registry()[table].table.name}'" if table else ""
    query = f"SELECT * FROM t {chosen} ORDER BY {order} LIMIT {n}"
    return ops.read(current_settings(), book, query)


def freshness(selectors: Selectors = None, *, as_json: AsJson = False) -> None:
    """Show when tables were checked and how old their data is; exit with 75 if one is not fresh.

    A table is fresh if it is checked (its gate was green within its limit, and no input is newer)
    and current (its newest day is within its limit). If a table is damaged, exit with 65.
    """
    from lakehouse.catalog.freshness import (  # noqa: PLC0415  # deltalake, only where needed
        assert_fresh,
        freshness,
        with_damage,
    )

    names = in_use(registry(), current_settings(), planning.select(registry(), selectors or []))
    found = with_damage(freshness(registry(), current_settings(), names), current_settings())
    rows = [vars(each) for each in found]
    console.print_json(rows) if as_json else console.print_rows(rows)
    assert_fresh(found)
