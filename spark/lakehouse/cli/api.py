"""The commands of the API: `lakehouse api serve` and `lakehouse api keys`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from lakehouse.cli import console
from lakehouse.cli.arguments import AsJson
from lakehouse.settings import current_settings

api_app = typer.Typer(help="Answer over HTTP, and hand out keys for that.")
keys_app = typer.Typer(help="Make, list and revoke keys of the API.")
api_app.add_typer(keys_app, name="keys", no_args_is_help=True)
RoleName = Literal["viewer", "analyst", "operator", "admin"]


@api_app.command("serve")
def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address. Default: LAKEHOUSE_API_HOST.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port. Default: LAKEHOUSE_API_PORT.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Processes. Default: LAKEHOUSE_API_WORKERS.")
    ] = None,
) -> None:
    """Answer from the serving database, or from the lake itself where there is none."""
    from lakehouse.api import server  # noqa: PLC0415  # fastapi and what it reads with

    chosen = {"api_host": host, "api_port": port, "api_workers": workers}
    given = {name: value for name, value in chosen.items() if value is not None}
    settings = current_settings().model_copy(update=given)
    server.serve(settings, lambda text: console.out.print(text, highlight=False, soft_wrap=True))


@keys_app.command("create")
def create(
    *,
    role: Annotated[RoleName, typer.Option(help="What it may do.")] = "viewer",
    tenant: Annotated[str, typer.Option(help="Whose rows it sees; * = everybody's.")] = "*",
    note: Annotated[str, typer.Option(help="What it is for.")] = "",
    days: Annotated[
        float | None, typer.Option(min=0, help="Days until it ends. Default: never.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is printed this once: only its hash is kept."""
    from lakehouse.api.keys import Keys  # noqa: PLC0415  # see serve
    from lakehouse.api.roles import ROLES  # noqa: PLC0415  # same

    word, key = Keys(current_settings()).create(ROLES[role], tenant, note=note, days=days)
    if as_json:
        console.print_json({"key": word, "id": key.id, "role": key.role, "tenant": key.tenant})
        return
    console.err.print(f"A key of role {key.role} for tenant {key.tenant}, shown this once:")
    console.out.file.write(f"{word}\n")


@keys_app.command("list")
def list_keys(*, as_json: AsJson = False) -> None:
    """List the keys: what they may do, never what they are."""
    from lakehouse.api.keys import Keys  # noqa: PLC0415  # see serve

    rows = [
        {
            "id": key.id,
            "role": key.role,
            "tenant": key.tenant,
            "state": key.state,
            "created_at": key.created_at,
            "expires_at": key.expires_at,
            "note": key.note,
        }
        for key in Keys(current_settings()).all()
    ]
    console.print_json(rows) if as_json else console.print_rows(rows)


@keys_app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="Id of the key: the part behind lh_.")],
) -> None:
    """End a key, everywhere within 5 seconds."""
    from lakehouse.api.keys import Keys  # noqa: PLC0415  # see serve

    key = Keys(current_settings()).revoke(key_id)
    console.out.print(f"{key.id} is revoked", highlight=False)
