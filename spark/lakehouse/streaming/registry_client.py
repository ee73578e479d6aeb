"""A schema registry behind a URL, as far as registering contracts needs it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from lakehouse.errors import ConfigError, RegistryError, RegistryRefusedError
from lakehouse.streaming.registry_rules import NO_SCHEMA, NO_SUBJECT, NO_VERSION

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
PATIENCE_S = 30
_BUSY = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
_MISSING = {NO_SUBJECT, NO_VERSION, NO_SCHEMA}


class _NoRedirect(HTTPRedirectHandler):
    """A password goes to the host that was named, and to no other."""

    def redirect_request(self, *_: object) -> None:
        """Do not follow."""


@dataclass(frozen=True)
class AtUrl:
    """The registry of a URL.

    Attributes:
        url: Where it is, without user and password.
        authorization: What a request says of who sends it; empty where that is not needed.
    """

    url: str
    authorization: str = field(default="", repr=False)

    @staticmethod
    def of(url: str) -> AtUrl:
        """The registry of a URL, which may hold a user and a password.

        Raises:
            ConfigError: It is none.
        """
        parts = urlsplit(url.strip())
        if parts.scheme not in {"http", "https"} or not parts.hostname or "," in parts.netloc:
            raise ConfigError(
                "LAKEHOUSE_REGISTRY_URL=***: write one http:// or https:// URL of a registry"
            )
        user, _, host = parts.netloc.rpartition("@")
        token = base64.b64encode(unquote(user).encode()).decode()
        bare = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
        return AtUrl(bare, f"Basic {token}" if user else "")

    def find(self, subject: str, text: str) -> int | None:
        """The id of a schema that the subject has; None where it has not."""
        told = self._ask("POST", f"/subjects/{quote(subject, safe='')}", _body(text))
        return None if told is None else int(told["id"])

    def newest(self, subject: str) -> str | None:
        """The schema of the latest version; None where there is none.

        Raises:
            RegistryRefusedError: It is of another type.
        """
        told = self._ask("GET", f"/subjects/{quote(subject, safe='')}/versions/latest")
        if told is None:
            return None
        kind = told.get("schemaType", "AVRO")
        if kind != "JSON":
            raise RegistryRefusedError(
                f"{subject} has a schema of type {kind} in {self.url}; use another registry, or "
                "delete that subject",
                subject=subject,
            )
        return str(told["schema"])

    def add(self, subject: str, text: str) -> int:
        """Register a schema; its id."""
        path = f"/subjects/{quote(subject, safe='')}/versions"
        told = self._ask("POST", path, _body(text), may_be_missing=False)
        return int(told["id"])

    def _ask(
        self,
        method: str,
        path: str,
        body: dict[str, str] | None = None,
        *,
        may_be_missing: bool = True,
    ) -> Any:  # noqa: ANN401  # JSON is any
        """What the registry answers; None where it has not what was asked for.

        Raises:
            RegistryError: It does not answer, or is busy.
            RegistryRefusedError: It refuses.
        """
        headers = {"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE}
        if self.authorization:
            headers["Authorization"] = self.authorization
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}{path}", data, headers, method=method)  # noqa: S310  # http(s), see `of`
        try:
            with build_opener(_NoRedirect).open(request, timeout=PATIENCE_S) as answer:
                return json.load(answer)
        except HTTPError as error:
            code, message = _said(error)
            if may_be_missing and code in _MISSING:
                return None
            if error.code in _BUSY or error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise RegistryError(f"{self.url} is busy: {message}; try again later") from None
            raise RegistryRefusedError(
                f"{self.url}{path} refuses ({code}): {message}", code=code
            ) from None
        except (OSError, ValueError) as error:
            raise RegistryError(
                f"{self.url} does not answer as a schema registry: {error}; is "
                "LAKEHOUSE_REGISTRY_URL right, and is it running?"
            ) from None


def _body(text: str) -> dict[str, str]:
    return {"schemaType": "JSON", "schema": text}


def _said(error: HTTPError) -> tuple[int, str]:
    """The code and the message of an error; those of HTTP where the body has none."""
    try:
        told = json.load(error)
        return int(told["error_code"]), str(told["message"])
    except (ValueError, KeyError, TypeError):
        return error.code, str(error.reason)
