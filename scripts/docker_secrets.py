"""Passwords for docker/compose.yaml, generated once into files that git ignores."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from secret_files import airflow_secrets, write_private

FOLDER = Path(__file__).resolve().parents[1] / "docker"


def main() -> None:
    """Write docker/.env and docker/passwords.json unless they are there; say the login."""
    env = FOLDER / ".env"
    if not env.exists():
        made = airflow_secrets()
        values = {
            "AIRFLOW_PASSWORD": made["password"],
            "AIRFLOW_FERNET_KEY": made["fernet"],
            "AIRFLOW_SECRET_KEY": made["session"],
            "AIRFLOW_JWT_SECRET": made["jwt"],
            "POSTGRES_PASSWORD": secrets.token_urlsafe(24),
        }
        # Readable in the container, whose user is another one; the folder is the owner's.
        write_private(FOLDER / "passwords.json", json.dumps({"admin": made["password"]}), 0o644)
        write_private(env, "".join(f"{name}={value}\n" for name, value in values.items()))
    found = dict(line.split("=", 1) for line in env.read_text().splitlines())
    print(f"Airflow will be at http://127.0.0.1:8080, login admin / {found['AIRFLOW_PASSWORD']}")


if __name__ == "__main__":
    main()
