"""How the lake and its API are: five checks, told over HTTP, in the terminal and by alerts.

It is part of the API, which watches while it runs; `lakehouse health` makes the same checks of the
same books without it. How an application takes it in:

    health = Health(settings, registry)                       # lakehouse.api.health.watching
    app.include_router(router(health, operator=Needs(Role.OPERATOR), ready=ready))   # .routes
    app.add_middleware(Measuring, measures=health.measures)   # .measures; outermost: added last
    async with health.watched(): ...                          # in the lifespan

`operator` is a dependency that refuses callers below that role; `ready` is `async () -> None` and
raises what keeps the API from answering. Of all paths only `/health/live` asks for no key.
"""
