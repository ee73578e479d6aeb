"""The paths of health: open to all is only that the process lives."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from lakehouse.api.health.checks import State
from lakehouse.api.health.watching import overall

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lakehouse.api.health.watching import Health


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """The API can answer from the marts."""

    status: Literal["ready"] = "ready"


class CheckAnswer(BaseModel):
    """One check."""

    name: str = Field(description="Which check.")
    state: State = Field(description="ok, failing, or unknown where nothing tells.")
    value: float | None = Field(description="What was found, in `unit`.")
    unit: str = Field(description="s, ms, %, tables or gates.")
    maximum: float | None = Field(description="Limit that the value must stay below, or at 0.")
    minimum: float | None = Field(description="Limit that the value must exceed.")
    text: str = Field(description="The same in words.")
    since: datetime | None = Field(description="Since when it has been in this state, UTC.")
    runbook: str = Field(description="What to do: a path in the project.")


class HealthAnswer(BaseModel):
    """How the lake and its API are."""

    status: State = Field(description="failing where a check fails; unknown where none can tell.")
    looked_at: datetime = Field(description="When it was looked at, UTC.")
    checks: list[CheckAnswer]


def router(
    health: Health,
    *,
    operator: Callable[..., Any],
    ready: Callable[[], Awaitable[None]],
) -> APIRouter:
    """The paths `/health/live`, `/health/ready`, `/health` and `/metrics`.

    Args:
        health: What is known of it.
        operator: Dependency that refuses callers below the role operator.
        ready: Raises what keeps the API from answering; the application makes a 503 of it.
    """
    api = APIRouter(tags=["health"])
    guarded = [Depends(operator)]

    @api.get("/health/live")
    async def live() -> Alive:
        """Whether the process answers; needs no key."""
        return Alive()

    @api.get("/health/ready", dependencies=guarded)
    async def is_ready() -> Ready:
        """Whether figures can be asked for: 503 while they cannot."""
        await ready()
        return Ready()

    @api.get("/health", dependencies=guarded)
    async def checked() -> HealthAnswer:
        """The five checks. That one fails is an answer: the status is 200 all the same."""
        looked_at, found = await asyncio.to_thread(health.found)
        checks = [CheckAnswer.model_validate(vars(each)) for each in found]
        return HealthAnswer(status=overall(found), looked_at=looked_at, checks=checks)

    @api.get("/metrics", dependencies=guarded, response_class=Response)
    async def metrics() -> Response:
        """Figures of this process for Prometheus."""
        text = generate_latest(health.measures.registry)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return api
