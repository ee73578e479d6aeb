"""Who asks: the bearer of a key or a token, and whether that is enough for what he asks."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from lakehouse.api.problems import ProblemError
from lakehouse.api.roles import Caller, Role

_BEARER = HTTPBearer(
    auto_error=False,
    scheme_name="key",
    description="A key of `lakehouse api keys create`, or a token of the configured issuer.",
)


class Needs:
    """Only callers of a role, or of one that may do more."""

    def __init__(self, role: Role) -> None:
        """Keep the role."""
        self.role = role

    async def __call__(
        self,
        request: Request,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
    ) -> Caller:
        """The caller.

        Raises:
            ProblemError: 401 without a key in force, 403 with one of too small a role, 429 when it
                has been used too often.
        """
        if bearer is None:
            raise _unknown("send a key: `Authorization: Bearer …`")
        caller: Caller | None = await request.app.state.known(bearer.credentials)
        if caller is None:
            raise _unknown("this key or token is none, or not in force any more")
        request.state.caller = caller
        await request.app.state.limits.take(caller)
        if caller.role < self.role:
            detail = f"this needs the role {self.role.word}, the key has {caller.role.word}"
            raise ProblemError(HTTPStatus.FORBIDDEN, "role-too-small", detail)
        return caller


def _unknown(detail: str) -> ProblemError:
    headers = {"WWW-Authenticate": "Bearer"}
    return ProblemError(HTTPStatus.UNAUTHORIZED, "unknown-caller", detail, headers=headers)


AsViewer = Annotated[Caller, Depends(Needs(Role.VIEWER))]
AsAnalyst = Annotated[Caller, Depends(Needs(Role.ANALYST))]
AsOperator = Annotated[Caller, Depends(Needs(Role.OPERATOR))]
AsAdmin = Annotated[Caller, Depends(Needs(Role.ADMIN))]
