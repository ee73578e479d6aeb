"""`lakehouse contracts`: the agreements with senders, as files that both sides can check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakehouse.catalog.registry import registry
from lakehouse.cli import console
from lakehouse.cli.arguments import AsJson
from lakehouse.errors import EXIT_CONFIG
from lakehouse.settings import current_settings

if TYPE_CHECKING:
    from lakehouse.landing.contracts import Declared
    from lakehouse.streaming.registration import Target
    from lakehouse.streaming.registry import Registry

contracts_app = typer.Typer(
    help="Write, check, register and serve the JSON Schemas of what senders send."
)
Folder = Annotated[
    Path | None, typer.Option(help="Folder of the contracts. Default: spark/contracts.")
]


@contracts_app.command("check")
def check(*, folder: Folder = None, as_json: AsJson = False) -> None:
    """Compare the files with the declarations, and each version with the one before.

    Exits with 78 when they differ, or when a version removes a kind or field, changes a type, or
    asks for more.
    """
    from lakehouse.landing import contracts  # noqa: PLC0415  # jsonschema and sqlglot, only here

    registry().assert_whole()
    found = contracts.problems(_declared(), folder or contracts.FOLDER)
    rows = [vars(each) for each in found]
    _print(rows, as_json=as_json, empty="the contracts are as declared, and compatible")
    raise typer.Exit(EXIT_CONFIG if found else 0)


@contracts_app.command("write")
def write(*, folder: Folder = None) -> None:
    """Write the files of the declared versions; what a written version allows never changes."""
    from lakehouse.landing import contracts  # noqa: PLC0415  # same

    registry().assert_whole()
    where = folder or contracts.FOLDER
    changed = contracts.write(_declared(), where)
    for name in changed:
        console.out.print(f"wrote {where / name}", markup=False, soft_wrap=True)
    if not changed:
        console.out.print("every contract is up to date")


RegistryFolder = Annotated[
    Path | None,
    typer.Option("--registry", help="Folder of the registry. Default: <root>/.registry."),
]


@contracts_app.command("register")
def register(
    *,
    folder: RegistryFolder = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check.")] = False,
    as_json: AsJson = False,
) -> None:
    """Register every kind's schema with LAKEHOUSE_REGISTRY_URL, or in the lake's own registry.

    What is there already stays as it is. Before anything is registered, all are compared with the
    latest versions there (BACKWARD); exits with 78 when one is not compatible.
    """
    from lakehouse.streaming import registration  # noqa: PLC0415  # jsonschema, only here

    registry().assert_whole()
    target = _target(folder)
    proposed = registration.proposals(_declared())
    if wrong := registration.problems(target, proposed):
        _print([vars(each) for each in wrong], as_json=as_json)
        raise typer.Exit(EXIT_CONFIG)
    done = [] if dry_run else registration.register(target, proposed)
    _print(
        [vars(each) for each in done],
        as_json=as_json,
        empty=f"{len(proposed)} schemas are compatible",
    )


@contracts_app.command("serve")
def serve(
    *,
    port: Annotated[int, typer.Option(help="Port on this machine; 0 is any that is free.")] = 8081,
    folder: RegistryFolder = None,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Serve versions that are not compatible, too.")
    ] = False,
) -> None:
    """Serve the lake's own schema registry to clients of Confluent's, on this machine only."""
    from lakehouse.streaming import registry_server  # noqa: PLC0415  # fastapi and uvicorn

    served = _in_files(folder)
    if not unchecked:
        registry_server.assert_sound(served)
    with registry_server.listen(port) as listener:
        host, chosen = listener.getsockname()
        console.out.print(f"schema registry on http://{host}:{chosen}", soft_wrap=True)
        console.out.file.flush()
        registry_server.serve(served, listener)


def _target(folder: Path | None) -> Target:
    """Where contracts are registered."""
    from lakehouse.streaming.registration import InFiles  # noqa: PLC0415  # jsonschema
    from lakehouse.streaming.registry_client import AtUrl  # noqa: PLC0415  # same

    url = current_settings().registry_url.get_secret_value()
    if folder is None and url:
        return AtUrl.of(url)
    return InFiles(_in_files(folder))


def _in_files(folder: Path | None) -> Registry:
    from lakehouse.streaming.registry import Registry  # noqa: PLC0415  # jsonschema
    from lakehouse.streaming.registry_files import Files, folder_of  # noqa: PLC0415  # same

    return Registry(Files(folder or folder_of(current_settings())))


def _print(rows: list[dict[str, Any]], *, as_json: bool, empty: str = "") -> None:
    if as_json:
        console.print_json(rows)
    else:
        console.print_rows(rows, empty=empty)


def _declared() -> list[Declared]:
    from lakehouse.landing.contracts import declared  # noqa: PLC0415  # same

    return declared(entry.table for entry in registry())
