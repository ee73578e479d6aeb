"""The audit log: one JSON line an access, a file a day. It names keys and routes, never persons.

Of a path it keeps the route (`/users/{user_id}/journey`), of a query nothing: ids of visitors and
what somebody asked for are personal data.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lakehouse.settings import Settings


class Audit:
    """Appends to the file of the day; several processes may."""

    def __init__(self, settings: Settings) -> None:
        """Make the folder."""
        beside = "api_audit" if settings.is_remote else f"{settings.root_uri}/ops/api_audit"
        self._folder = Path(settings.api_audit or beside).expanduser()
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        self._day, self._file = "", -1

    def write(self, **facts: object) -> None:
        """Append an access: in one write, so that lines of other processes stay whole."""
        now = datetime.now(UTC)
        day = now.strftime("%Y-%m-%d")
        if day != self._day:
            self.close()
            path = self._folder / f"{day}.jsonl"
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
            self._day = day
        told = {"at": now.isoformat(timespec="milliseconds")} | facts
        os.write(self._file, json.dumps(told, separators=(",", ":")).encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
        self._day, self._file = "", -1
