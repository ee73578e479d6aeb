"""What comes over HTTP to the registry, and how it refuses: bodies, types, error codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from lakehouse.errors import LakehouseError, LockedError, RegistryRefusedError
from lakehouse.streaming.registry_rules import INVALID_SCHEMA

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
TAKEN = {
    MEDIA_TYPE,
    "application/vnd.schemaregistry+json",
    "application/json",
    "application/octet-stream",
}
"""Content types of bodies. A page in a browser cannot send them elsewhere without being asked."""
NOT_KEPT = 42205
STORE_ERROR, TIMED_OUT = 50001, 50002


class Answer(JSONResponse):
    """JSON of the registry's media type, in ASCII."""

    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:  # noqa: ANN401  # JSON is any
        """The bytes."""
        return json.dumps(content, separators=(",", ":")).encode()


class Proposal(BaseModel):
    """A schema that somebody sends."""

    model_config = ConfigDict(extra="ignore")

    text: str = Field(alias="schema")
    kind: str = Field("AVRO", alias="schemaType")
    references: list[Any] | None = None
    metadata: dict[str, Any] | None = None
    rules: dict[str, Any] | None = Field(None, alias="ruleSet")

    def assert_kept_here(self) -> None:
        """It says nothing that would be dropped.

        Raises:
            RegistryRefusedError: It does.
        """
        if self.kind != "JSON":
            refuse(
                INVALID_SCHEMA,
                f"Invalid schema of type {self.kind}: this registry keeps JSON Schemas; send "
                '"schemaType": "JSON", or use a registry that knows others',
            )
        if self.references:
            refuse(
                INVALID_SCHEMA,
                "references to other subjects are not kept here; copy what they mean to $defs",
            )
        if self.metadata or self.rules:
            refuse(NOT_KEPT, "metadata and rule sets are not kept here; leave them away")


class Choice(BaseModel):
    """A level of compatibility."""

    model_config = ConfigDict(extra="allow")

    compatibility: str


class Unescaped:
    """Hands paths on as they were sent, so that a subject may contain a slash."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http":
            scope = {**scope, "path": scope["raw_path"].decode("latin-1")}
        await self.app(scope, receive, send)


async def assert_known_type(request: Request) -> None:
    """A body is of a type that is taken.

    Raises:
        HTTPException: It is not.
    """
    told = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method in {"POST", "PUT"} and told not in TAKEN:
        raise HTTPException(415, f"HTTP 415 Unsupported Media Type: send {MEDIA_TYPE}")


class Wanted:
    """Which of many a request wants."""

    def __init__(
        self,
        *,
        deleted: bool = False,
        deleted_only: bool = False,
        deletedOnly: bool = False,  # noqa: N803  # as the paths have it; Python's client does not
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: int = -1,
    ) -> None:
        self.deleted = deleted
        self.only_deleted = deleted_only or deletedOnly
        self.part = slice(offset, offset + limit if limit >= 0 else None)


def refuse(code: int, message: str) -> NoReturn:
    """Refuse a request with one of Confluent's codes.

    Raises:
        RegistryRefusedError: Always.
    """
    raise RegistryRefusedError(message, code=code)


def answer_errors(app: FastAPI) -> None:
    """Let an application answer its errors with a code and a message."""
    app.add_exception_handler(LakehouseError, _on_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)


async def _on_error(_: Request, error: Exception) -> Answer:
    if isinstance(error, RegistryRefusedError):
        code = int(str(error.details["code"]))
    else:
        code = TIMED_OUT if isinstance(error, LockedError) else STORE_ERROR
    return _answer(code, str(error))


async def _on_http_error(_: Request, error: Exception) -> Answer:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else ""
    return _answer(status, detail if detail.startswith("HTTP") else f"HTTP {status} {detail}")


async def _on_invalid_request(_: Request, error: Exception) -> Answer:
    if not isinstance(error, RequestValidationError):
        raise error
    problems = [(each["type"], each["loc"], each["msg"]) for each in error.errors()]
    if any(kind == "json_invalid" for kind, _, _ in problems):
        return _answer(400, "the body is no JSON")
    said = "; ".join(f"{'.'.join(map(str, where[1:]))}: {what}" for _, where, what in problems)
    of_path = any(where[0] == "path" for _, where, _ in problems)
    return _answer(404 if of_path else 422, said)


def _answer(code: int, message: str) -> Answer:
    return Answer({"error_code": code, "message": message}, status_code=int(str(code)[:3]))
