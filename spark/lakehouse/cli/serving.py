"""The commands of serving: `lakehouse publish` and `lakehouse database`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lakehouse.catalog.registry import registry
from lakehouse.cli import console
from lakehouse.engine import plan as planning
from lakehouse.errors import ConfigError, LakehouseError
from lakehouse.serving.roles import Role
from lakehouse.settings import current_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

database_app = typer.Typer(help="Start, stop and connect to the database that serves the marts.")


def publish(
    selectors: Annotated[
        list[str] | None, typer.Argument(help="Tables or layers. Default: every served table.")
    ] = None,
    *,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Rebuild each table.")] = False,
    if_any: Annotated[
        bool, typer.Option("--if-any", help="Do nothing if no database serves this lake.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Bring the serving database up to date with the published versions."""
    from lakehouse.serving import database  # noqa: PLC0415  # 0.2 s of psycopg
    from lakehouse.serving.publish import publish as publish_tables  # noqa: PLC0415  # same

    settings = current_settings()
    served = registry().served
    chosen = planning.select(registry(), selectors or [])
    names = [name for name in chosen if name in served]
    if not names:
        raise ConfigError(
            f"not served: {', '.join(chosen)}; the served tables are {', '.join(served)}"
        )
    if if_any and database.find(settings, "writer") is None:
        console.err.print("no database serves this lake; nothing to publish")
        return
    url = database.url(settings, "writer")
    done = publish_tables(settings, registry(), names, url, rebuild=rebuild)
    rows = [vars(each) for each in done]
    console.print_json(rows) if as_json else console.print_rows(rows)


def publish_audited(names: Sequence[str]) -> LakehouseError | None:
    """Publish those of the tables that are served, where a database serves this lake.

    The error when that fails: the lake itself is as it should be.
    """
    served = [name for name in registry().served if name in names]
    if not served:
        return None
    from lakehouse.serving import database  # noqa: PLC0415  # 0.2 s of psycopg
    from lakehouse.serving.publish import publish as publish_tables  # noqa: PLC0415  # same

    try:
        url = database.find(current_settings(), "writer")
        if url:
            publish_tables(current_settings(), registry(), served, url)
    except LakehouseError as error:
        return error
    return None


@database_app.command("up")
def up() -> None:
    """Start the lake's own PostgreSQL, unless LAKEHOUSE_POSTGRES_URL is set or it is running."""
    from lakehouse.serving.embedded import Embedded  # noqa: PLC0415  # 0.2 s of psycopg

    settings = current_settings()
    if settings.postgres_url.get_secret_value():
        console.out.print("LAKEHOUSE_POSTGRES_URL is set; nothing to start")
        return
    embedded = Embedded.of(settings)
    started = embedded.up()
    console.out.print(
        f"PostgreSQL {'started' if started else 'is running'} on port {embedded.port}, "
        f"in {embedded.home}"
    )


@database_app.command("down")
def down() -> None:
    """Stop the lake's own PostgreSQL; its data stays."""
    from lakehouse.serving.embedded import Embedded  # noqa: PLC0415  # 0.2 s of psycopg

    stopped = Embedded.of(current_settings()).down()
    console.out.print("PostgreSQL stopped" if stopped else "PostgreSQL is not running")


@database_app.command("url")
def print_url(
    *,
    role: Annotated[Role, typer.Option(help="Role: reader or writer.")] = "reader",
) -> None:
    """Print the connection URL, which contains a password."""
    from lakehouse.serving import database  # noqa: PLC0415  # 0.2 s of psycopg

    console.out.file.write(database.url(current_settings(), role) + "\n")
