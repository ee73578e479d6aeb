"""The commands of those who define tables: `check-definitions` and `new`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.text import Text

from lakehouse.catalog.registry import registry
from lakehouse.cli import console
from lakehouse.cli.arguments import AsJson
from lakehouse.errors import EXIT_CONFIG, TableDefinitionError

new_app = typer.Typer(help="Write the skeleton of a new table or domain.")
Name = Annotated[str, typer.Argument(help="<layer>.<noun>, e.g. gold.page_views.")]


def check_definitions(*, as_json: AsJson = False) -> None:
    """List everything that is wrong with the table definitions; exit with 78 if anything is.

    Besides errors in a definition: tables without a mirror test, and committed files (manifest,
    catalogue, dataset files) that do not match the definitions.
    """
    from lakehouse.reporting.definitions import problems, stale  # noqa: PLC0415  # jinja2
    from lakehouse.serving.dashboards import (  # noqa: PLC0415  # duckdb, only here
        assets,
        datasets,
        relations,
    )

    found = problems(registry())
    if not registry().broken and assets.FOLDER.is_dir():
        made = datasets.generate(assets.load(assets.FOLDER), relations.served(registry()))
        found += [
            stale(f"spark/dashboards/{name}", "lakehouse dashboards datasets")
            for name in datasets.stale(assets.FOLDER, made)
        ]
    if as_json:
        console.print_json([vars(each) for each in found])
    for each in [] if as_json else found:
        console.out.print(f"{each.where}: {each.what}", markup=False, soft_wrap=True)
    if not found and not as_json:
        console.out.print(f"no problem in the definitions of {len(registry().entries)} tables")
    raise typer.Exit(EXIT_CONFIG if found else 0)


def tell_left_out() -> None:
    """Say on standard error which tables a command did without, as their definition is broken."""
    if not registry.cache_info().currsize or not (broken := registry().broken):
        return
    if isinstance(sys.exception(), TableDefinitionError) or "check-definitions" in sys.argv:
        return
    names = ", ".join(broken)
    first = next(iter(broken.values()))
    text = (
        f"skipped, as their definition is broken: {names}. {first}; `lakehouse check-definitions` "
        "lists every problem"
    )
    console.err.print(Text(text, style="yellow"))


@new_app.command("table")
def new_table(
    name: Name,
    *,
    from_: Annotated[
        list[str] | None,
        typer.Option("--from", help="Table that it reads; repeat for several."),
    ] = None,
    domain: Annotated[
        str | None, typer.Option(help="Domain. Default: that of its first input.")
    ] = None,
) -> None:
    """Write the module of a table and its test."""
    from lakehouse.reporting.skeletons import table_files, write  # noqa: PLC0415  # jinja2

    _tell(write(table_files(registry(), name, from_ or [], domain)))


@new_app.command("domain")
def new_domain(
    name: Annotated[str, typer.Argument(help="One word, e.g. shop.")],
) -> None:
    """Write a bronze table with its source, a silver and a gold table, and their tests."""
    from lakehouse.reporting.skeletons import domain_files, write  # noqa: PLC0415  # jinja2

    _tell(write(domain_files(registry(), name)))


def _tell(paths: list[str]) -> None:
    for path in paths:
        console.out.print(f"wrote {path}", markup=False, soft_wrap=True)
    console.out.print("next: replace every TODO in them, then run `lakehouse check-definitions`")
