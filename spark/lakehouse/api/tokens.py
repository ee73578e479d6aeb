"""Tokens (JWT) of an OIDC issuer beside our own keys: who bears one, by what the issuer signed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import urllib.request
from typing import TYPE_CHECKING, Any

import jwt

from lakehouse.api.marts import EVERYBODY
from lakehouse.api.roles import ROLES, Caller, Role
from lakehouse.errors import ConfigError

if TYPE_CHECKING:
    from lakehouse.settings import Settings

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
"""Of two keys alone. Whoever reads what an issuer publishes cannot sign with it; `none` is none."""
LEEWAY_SECONDS = 30
TIMEOUT_SECONDS = 3
KEYS_SECONDS = 300
"""So long the issuer's keys are remembered; an unknown one is looked up again at most as often as
the client of keys allows."""


class Tokens:
    """Judges tokens of one issuer."""

    def __init__(self, settings: Settings) -> None:
        """Ask nobody yet."""
        self._issuer, self._audience = settings.api_oidc_issuer, settings.api_oidc_audience
        self._role_claim = settings.api_oidc_role_claim
        self._tenant_claim = settings.api_oidc_tenant_claim
        self._jwks = settings.api_oidc_jwks
        self._client: jwt.PyJWKClient | None = None

    async def caller(self, token: str) -> Caller | None:
        """Whose token this is; None when it is none, or not for us, or not in force."""
        try:
            claims = await asyncio.to_thread(self._claims, token)
        except (jwt.PyJWTError, ConfigError, OSError, ValueError):
            return None
        role = self._role(claims.get(self._role_claim))
        tenant = claims.get(self._tenant_claim)
        if role is None or not isinstance(tenant, str) or not tenant or tenant == EVERYBODY:
            # Everybody's rows are for keys that somebody made here; a claim does not open them.
            return None
        subject = f"{self._issuer} {claims['sub']}"
        return Caller(hashlib.blake2b(subject.encode(), digest_size=6).hexdigest(), role, tenant)

    def _claims(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in ALGORITHMS or not header.get("kid"):
            raise jwt.InvalidAlgorithmError("neither an algorithm of ours nor a key id")
        key = self._keys().get_signing_key(header["kid"])
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=[header["alg"]],
            audience=self._audience,
            issuer=self._issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )
        return claims

    def _keys(self) -> jwt.PyJWKClient:
        if self._client is None:
            where = self._jwks or _told_by(self._issuer)
            self._client = jwt.PyJWKClient(where, lifespan=KEYS_SECONDS, timeout=TIMEOUT_SECONDS)
        return self._client

    @staticmethod
    def _role(claim: object) -> Role | None:
        """The largest role that a claim names."""
        names = claim if isinstance(claim, list) else [claim]
        return max((ROLES[name] for name in names if name in ROLES), default=None)


def _told_by(issuer: str) -> str:
    """Where an issuer publishes its keys, as OpenID Connect Discovery says."""
    url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    if not url.startswith(("https://", "http://")):
        raise ConfigError(f"LAKEHOUSE_API_OIDC_ISSUER={issuer}: no URL")
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310  # seen above
        return str(json.load(answer)["jwks_uri"])
