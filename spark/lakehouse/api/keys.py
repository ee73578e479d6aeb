"""Keys of the API: shown once, kept as hashes, one small file each below `<root>/ops/api_keys`."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lakehouse.api.marts import EVERYBODY
from lakehouse.api.roles import ROLES, Caller, Role
from lakehouse.errors import ConfigError, close_to
from lakehouse.io import files

if TYPE_CHECKING:
    from lakehouse.settings import Settings

REREAD_SECONDS = 5.0
"""So long a revoked key may still work: a key's file is read again after that."""
_KEY = re.compile(r"lh_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}|\*")


@dataclass(frozen=True, kw_only=True)
class Key:
    """What is kept of a key.

    Attributes:
        id: Its public half.
        digest: SHA-256 of its secret half, which has 256 random bits: nothing slower is needed.
        role: What its bearer may do.
        tenant: Whose rows he sees.
        note: What it is for.
        created_at: When it was made, UTC ISO.
        expires_at: When it ends; None = never.
        revoked_at: When somebody ended it.
    """

    id: str
    digest: str
    role: str
    tenant: str = EVERYBODY
    note: str = ""
    created_at: str
    expires_at: str | None = None
    revoked_at: str | None = None

    @property
    def state(self) -> str:
        """In force, expired or revoked."""
        if self.revoked_at:
            return "revoked"
        now = datetime.now(UTC)
        is_over = self.expires_at and datetime.fromisoformat(self.expires_at) <= now
        return "expired" if is_over else "in force"


class Keys:
    """The keys of a lake."""

    def __init__(self, settings: Settings) -> None:
        """Keep the place; nothing is created before the first key."""
        self._home = f"{settings.root_uri}/ops/api_keys"
        self._kept: dict[str, tuple[float, Key | None]] = {}

    def create(
        self,
        role: Role,
        tenant: str = EVERYBODY,
        *,
        note: str = "",
        days: float | None = None,
    ) -> tuple[str, Key]:
        """Make a key; what to hand out, which nobody can read again, and what is kept of it.

        Raises:
            ConfigError: The tenant's name is none.
        """
        if not _TENANT.fullmatch(tenant):
            raise ConfigError(f"{tenant!r} is no name of a tenant: letters, digits, . _ - or *")
        now, secret = datetime.now(UTC), secrets.token_urlsafe(32)
        key = Key(
            id=secrets.token_hex(6),
            digest=_digest(secret),
            role=role.word,
            tenant=tenant,
            note=note,
            created_at=now.isoformat(timespec="seconds"),
            expires_at=(now + timedelta(days=days)).isoformat(timespec="seconds") if days else None,
        )
        files.write_json(self._path(key.id), asdict(key))
        return f"lh_{key.id}_{secret}", key

    def all(self) -> list[Key]:
        """Every key, oldest first."""
        names = (info.base_name for info in files.list_files(self._home))
        found = (self._read(name.removesuffix(".json")) for name in names)
        return sorted((key for key in found if key), key=lambda key: (key.created_at, key.id))

    def revoke(self, key_id: str) -> Key:
        """End a key.

        Raises:
            ConfigError: There is none of this id.
        """
        key = self._read(key_id)
        if key is None:
            hint = close_to(key_id, [each.id for each in self.all()])
            raise ConfigError(f"no key {key_id}.{hint} `lakehouse api keys list` lists them")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        done = replace(key, revoked_at=key.revoked_at or now)
        files.write_json(self._path(key_id), asdict(done))
        return done

    def caller(self, token: str) -> Caller | None:
        """Whose key this is; None when it is none, or none in force."""
        match = _KEY.fullmatch(token)
        if match is None:
            return None
        key = self._recent(match[1])
        if key is None or not hmac.compare_digest(key.digest, _digest(match[2])):
            return None
        return Caller(key.id, ROLES[key.role], key.tenant) if key.state == "in force" else None

    def _recent(self, key_id: str) -> Key | None:
        now = time.monotonic()
        read_at, key = self._kept.get(key_id, (-REREAD_SECONDS, None))
        if now - read_at >= REREAD_SECONDS or key is None:
            key = self._read(key_id)
            if key is not None:  # what nobody has is not kept: it would never end
                self._kept[key_id] = (now, key)
        return key

    def _read(self, key_id: str) -> Key | None:
        if not re.fullmatch("[0-9a-f]{12}", key_id):
            return None
        content = files.read_json(self._path(key_id))
        return Key(**content) if content else None

    def _path(self, key_id: str) -> str:
        return f"{self._home}/{key_id}.json"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
