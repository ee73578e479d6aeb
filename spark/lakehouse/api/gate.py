"""What happens around every request: its size is limited, and its access is written down."""

from __future__ import annotations

import secrets
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from lakehouse.api.audit import Audit
    from lakehouse.api.roles import Caller

_SAFE = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


class Gate:
    """Middleware around the application."""

    def __init__(self, app: ASGIApp, audit: Audit, most_bytes: int) -> None:
        """Keep what is around."""
        self._app, self._audit, self._most_bytes = app, audit, most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request and write down that it was."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        access = _Access(scope, send)
        try:
            await self._app(scope, self._limited(scope, receive), access.send)
        finally:
            self._audit.write(**access.facts())

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        """The body, until it is too long; of one that says so itself, nothing."""
        told = next((v for name, v in scope["headers"] if name == b"content-length"), b"0")
        taken = 0
        detail = f"the body may have {self._most_bytes:,} bytes"
        too_large = HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)

        async def limited() -> Message:
            nonlocal taken
            if not told.isdigit() or int(told) > self._most_bytes:
                raise too_large
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._most_bytes:
                raise too_large
            return message

        return limited


class _Access:
    """One request, and what became of it."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        self._id = secrets.token_hex(8)
        self._began = time.perf_counter()
        self._status, self._bytes = 0, 0
        scope.setdefault("state", {})

    async def send(self, message: Message) -> None:
        """Hand a part of the answer on."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            named = (b"x-request-id", self._id.encode())
            message["headers"] = [*message["headers"], *_SAFE, named]
        else:
            self._bytes += len(message.get("body", b""))
        await self._send(message)

    def facts(self) -> dict[str, object]:
        """What is written down."""
        caller: Caller | None = self._scope["state"].get("caller")
        route = self._scope.get("route")
        return {
            "request": self._id,
            "caller": caller.id if caller else None,
            "role": caller.role.word if caller else None,
            "tenant": caller.tenant if caller else None,
            "method": self._scope["method"],
            "route": getattr(route, "path", None),
            "status": self._status,
            "bytes": self._bytes,
            "ms": round((time.perf_counter() - self._began) * 1000, 1),
        }
