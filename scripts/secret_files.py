"""Generated secrets, and files that only their owner reads."""

from __future__ import annotations

import base64
import json
import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def airflow_secrets() -> dict[str, str]:
    """A login's password, and the keys Airflow signs and encrypts with."""
    return {
        "password": secrets.token_urlsafe(12),
        "session": secrets.token_hex(32),
        "jwt": secrets.token_hex(64),
        "fernet": base64.urlsafe_b64encode(os.urandom(32)).decode(),
    }


def superset_secrets() -> dict[str, str]:
    """A login's password, and the key Superset signs and encrypts with."""
    return {"password": secrets.token_urlsafe(12), "key": secrets.token_hex(32)}


def kept_secrets(path: Path, generate: Callable[[], dict[str, str]]) -> dict[str, str]:
    """The secrets in a file; generated there the first time."""
    if not path.exists():
        write_private(path, json.dumps(generate()))
    return dict(json.loads(path.read_text()))


def write_private(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file that has its permissions before it has content."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "w") as stream:
        stream.write(text)
