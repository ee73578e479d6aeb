"""The application: made of settings, one a process."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from fastapi import FastAPI

from lakehouse.api.audit import Audit
from lakehouse.api.cache import Cache
from lakehouse.api.callers import Needs
from lakehouse.api.described import add_page
from lakehouse.api.endpoints import catalogue, growth, people, query, web
from lakehouse.api.endpoints.telling import problems
from lakehouse.api.gate import Gate
from lakehouse.api.health.measures import Measuring
from lakehouse.api.health.routes import router as health_router
from lakehouse.api.health.watching import Health
from lakehouse.api.keys import Keys
from lakehouse.api.lake_marts import LakeMarts
from lakehouse.api.limits import Limits
from lakehouse.api.postgres_marts import PostgresMarts
from lakehouse.api.problems import answer_problems, describe_problems
from lakehouse.api.reading import Reader, Versions
from lakehouse.api.roles import Role
from lakehouse.api.service import Service
from lakehouse.api.tokens import Tokens
from lakehouse.catalog.registry import registry as declared
from lakehouse.serving import database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lakehouse.api.marts import Marts
    from lakehouse.api.roles import Caller
    from lakehouse.catalog.registry import Registry
    from lakehouse.settings import Settings

DESCRIPTION = """\
Figures of products and websites, each made of one audited publication: `data_version` says which.
Days are UTC unless the table says otherwise; units stand in the names of columns (`_ms`, `_s`,
`_pct` 0 to 100, `_rate` 0 to 1, `n_` counts). Amounts are decimal texts: exact."""


def marts_of(settings: Settings, registry: Registry) -> Marts:
    """The serving database, or the lake itself where none serves it."""
    url = database.find(settings, "reader")
    if url is None:
        return LakeMarts(settings, registry)
    # Asked for each connection: the lake's own database has another port each time it starts.
    return PostgresMarts(
        lambda: database.find(settings, "reader") or url,
        registry,
        connections=settings.api_connections,
        deadline_s=settings.api_deadline_s,
    )


def app_of(
    settings: Settings, marts: Marts | None = None, registry: Registry | None = None
) -> FastAPI:
    """The application.

    Args:
        settings: Where the lake is, and how the API is.
        marts: What it reads; by default, what serves this lake.
        registry: All tables; by default, the declared ones.
    """
    registry = registry or declared()
    health = Health(settings, registry)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        reader = Reader(
            marts or marts_of(settings, registry),
            deadline_s=settings.api_deadline_s,
            threads=settings.api_connections,
        )
        cache = Cache(settings)
        app.state.service = Service(
            reader, Versions(reader), cache, asyncio.Semaphore(settings.api_queries)
        )
        app.state.limits = limits = Limits(settings)
        try:
            async with health.watched():
                yield
        finally:
            reader.close()
            await cache.close()
            await limits.close()
            audit.close()

    app = FastAPI(
        title="Lakehouse",
        version=version("lakehouse"),
        description=DESCRIPTION,
        lifespan=lifespan,
        openapi_url="/openapi.json" if settings.api_docs else None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    keys, audit = Keys(settings), Audit(settings)
    tokens = Tokens(settings) if settings.api_oidc_issuer else None

    async def known(token: str) -> Caller | None:
        if settings.is_remote:  # an object store takes longer than the others should wait
            caller = await asyncio.to_thread(keys.caller, token)
        else:
            caller = keys.caller(token)
        return caller or (await tokens.caller(token) if tokens else None)

    async def ready() -> None:
        await app.state.service.versions.assert_there()

    app.state.settings, app.state.registry, app.state.known = settings, registry, known
    app.include_router(
        health_router(health, operator=Needs(Role.OPERATOR), ready=ready), responses=problems()
    )
    app.add_middleware(Gate, audit=audit, most_bytes=settings.api_most_bytes)
    app.add_middleware(Measuring, measures=health.measures)
    for module in (web, people, growth, catalogue, query):
        app.include_router(module.router)
    answer_problems(app)
    describe_problems(app)
    if settings.api_docs:
        add_page(app)
    return app
