"""Serves the application: uvicorn, as the settings say."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import uvicorn

from lakehouse.api.app import app_of
from lakehouse.engines.ports import free_port
from lakehouse.serving import database
from lakehouse.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI

    from lakehouse.settings import Settings

BACKLOG = 2048
DRAIN_SECONDS = 10
"""What running requests get to end when the server is asked to stop."""
_BY_WORKERS = ("root", "api_host", "api_port")


def serve(settings: Settings, say: Callable[[str], None]) -> None:
    """Answer until somebody stops it.

    Args:
        settings: Where the lake is, and how the API is.
        say: Tells what a user needs first.
    """
    port = settings.api_port or free_port()
    scheme = "https" if settings.api_tls_certificate else "http"
    url = f"{scheme}://{settings.api_host}:{port}"
    source = "the serving database" if database.find(settings, "reader") else "the lake itself"
    say(f"{url} answers from {source}")
    if settings.api_docs:
        say(f"{url}/docs describes every endpoint")
    say("a key: lakehouse api keys create --role analyst")
    one = settings.api_workers == 1
    for name in _BY_WORKERS:  # what this command was told: other processes read it there
        os.environ[f"LAKEHOUSE_{name.upper()}"] = str(getattr(settings, name))
    uvicorn.run(
        app_of(settings) if one else "lakehouse.api.server:app",
        factory=not one,
        host=settings.api_host,
        port=port,
        workers=settings.api_workers,
        backlog=BACKLOG,
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        ssl_certfile=settings.api_tls_certificate or None,
        ssl_keyfile=settings.api_tls_key or None,
    )


def app() -> FastAPI:
    """The application of one of several processes."""
    return app_of(load_settings())
