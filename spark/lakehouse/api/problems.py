"""What went wrong, as `application/problem+json` (RFC 9457): what, where, and what to do."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.responses import Response

from lakehouse.errors import LakehouseError, UnknownTableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI, Request

MEDIA = "application/problem+json"
RETRY_SECONDS = 5
"""When to ask again where the world was busy: outages of a moment are over by then."""
_LOG = logging.getLogger("lakehouse.api")


class Problem(BaseModel):
    """Why a request was not answered."""

    type: str = Field("about:blank", description="Kind of the problem: clients tell by it.")
    title: str = Field(description="The same for people.")
    status: int = Field(description="HTTP status.")
    detail: str = Field("", description="What is wrong here, and what to do.")
    errors: list[dict[str, Any]] | None = Field(None, description="Each wrong parameter.")


class ProblemError(Exception):
    """A request that is not answered.

    Attributes:
        status: HTTP status.
        kind: What kind of problem, as a word; becomes the type.
        headers: Headers of the answer.
        facts: What else clients may want to know.
    """

    def __init__(
        self,
        status: HTTPStatus,
        kind: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **facts: object,
    ) -> None:
        """Keep the sentence and the facts."""
        super().__init__(detail)
        self.status, self.kind = status, kind
        self.headers, self.facts = dict(headers or {}), facts


def response(error: ProblemError) -> Response:
    """A problem as the client reads it."""
    told = {
        "type": f"urn:lakehouse:problem:{error.kind}",
        "title": error.status.phrase,
        "status": error.status.value,
        "detail": str(error),
    } | error.facts
    return Response(
        to_json(told, fallback=str, inf_nan_mode="null"),
        error.status.value,
        {"Cache-Control": "no-store"} | error.headers,
        media_type=MEDIA,
    )


def of_ours(error: LakehouseError) -> ProblemError:
    """An error of the lakehouse: one that a retry may mend is 503, with when to ask again."""
    if isinstance(error, UnknownTableError):
        return ProblemError(HTTPStatus.NOT_FOUND, "unknown-table", str(error))
    if error.retry:
        headers = {"Retry-After": str(RETRY_SECONDS)}
        detail = str(error)
        return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "away", detail, headers=headers)
    _LOG.error("%s: %s", type(error).__name__, error)
    return ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "failed", str(error))


def describe_problems(app: FastAPI) -> None:
    """Put the model of problems into the OpenAPI document, where endpoints refer to it."""
    described = app.openapi

    def with_problems() -> dict[str, Any]:
        told = described()
        told["components"]["schemas"].setdefault("Problem", Problem.model_json_schema())
        return told

    app.openapi = with_problems  # type: ignore[method-assign]  # as FastAPI's manual says


def answer_problems(app: FastAPI) -> None:
    """Make every failure of an application a problem."""

    async def ours(_: Request, error: LakehouseError) -> Response:
        return response(of_ours(error))

    async def problem(_: Request, error: ProblemError) -> Response:
        return response(error)

    async def wrong(_: Request, error: RequestValidationError) -> Response:
        errors = [
            {"where": ".".join(map(str, each["loc"])), "what": each["msg"]}
            for each in error.errors()
        ]
        detail = "; ".join(f"{each['where']}: {each['what']}" for each in errors)
        kind = "wrong-request"
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return response(ProblemError(status, kind, detail, errors=errors))

    async def plain(_: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        kind = status.phrase.lower().replace(" ", "-")
        return response(ProblemError(status, kind, str(error.detail), headers=error.headers))

    async def bug(_: Request, error: Exception) -> Response:
        _LOG.exception("a bug of ours", exc_info=error)
        detail = "this is a bug of ours; the server's log has it"
        return response(ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "bug", detail))

    for kind, handler in (
        (LakehouseError, ours),
        (ProblemError, problem),
        (RequestValidationError, wrong),
        (HTTPException, plain),
        (Exception, bug),
    ):
        app.add_exception_handler(kind, handler)  # type: ignore[arg-type]  # each gets its own kind
