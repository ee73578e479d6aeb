"""Passwords for docker/compose.yaml, generated once into files that git ignores."""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "docker"


def main() -> None:
    """Write docker/.env and docker/passwords.json unless they are there; say the login."""
    env = FOLDER / ".env"
    if not env.exists():
        password = secrets.token_urlsafe(12)
        values = {
            "AIRFLOW_PASSWORD": password,
            "AIRFLOW_FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "AIRFLOW_SECRET_KEY": secrets.token_hex(32),
            "AIRFLOW_JWT_SECRET": secrets.token_hex(64),
            "POSTGRES_PASSWORD": secrets.token_urlsafe(24),
        }
        # Readable in the container, whose user is another one; the folder is the owner's.
        _write(FOLDER / "passwords.json", json.dumps({"admin": password}), 0o644)
        _write(env, "".join(f"{name}={value}\n" for name, value in values.items()), 0o600)
    found = dict(line.split("=", 1) for line in env.read_text().splitlines())
    print(f"Airflow will be at http://127.0.0.1:8080, login admin / {found['AIRFLOW_PASSWORD']}")


def _write(path: Path, text: str, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "w") as stream:
        stream.write(text)


if __name__ == "__main__":
    main()
