"""The `lakehouse engine` commands."""

from __future__ import annotations

from typing import Annotated

import typer

from lakehouse.cli import console
from lakehouse.cli.arguments import choose_engine
from lakehouse.engines.ports import LOOPBACK
from lakehouse.errors import EngineError
from lakehouse.settings import current_settings

engine_app = typer.Typer()


@engine_app.callback()
def on_spark() -> None:
    """Run the shared engine: one warm Spark for many short tasks."""
    choose_engine("spark")


@engine_app.command("start")
def engine_start(
    *,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 only inside a private network.")
    ] = LOOPBACK,
) -> None:
    """Run the shared engine in the foreground and restart it when needed; a signal stops it.

    Tasks use it if LAKEHOUSE_SPARK_REMOTE=sc://127.0.0.1:15002 (or another port) is set.
    """
    from lakehouse.engines.spark.server import serve  # noqa: PLC0415  # 0.5 s of pyspark

    serve(current_settings(), host, lambda text: console.err.print(text, markup=False))


@engine_app.command("status")
def engine_status() -> None:
    """Send the shared engine a trivial query; exit with 75 if it does not answer."""
    from lakehouse.engines.spark import server  # noqa: PLC0415  # 0.5 s of pyspark

    settings = current_settings()
    url = settings.spark_remote or f"sc://{LOOPBACK}:{server.local_port(settings)}"
    if not server.answers(url, server.PROBE_SECONDS):
        raise EngineError(f"{url} does not answer; `lakehouse engine start` starts one here")
    console.out.print(f"{url} answers")
