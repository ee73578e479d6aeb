"""Alerts in a file, one JSON line each, as a destination that apprise knows: `file:///path`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from apprise import NotifyBase, NotifyType
from apprise.manager_plugins import NotificationManager

SCHEME = "file"
SEVERITIES = {
    NotifyType.INFO: "info",
    NotifyType.WARNING: "warning",
    NotifyType.FAILURE: "critical",
}


class JsonLines(NotifyBase):
    """Appends to a file; makes it, and its folder, when they are missing."""

    service_name = "JSON lines"  # type: ignore[assignment]  # apprise declares None
    protocol = SCHEME  # type: ignore[assignment]  # same

    def __init__(self, path: str, **options: Any) -> None:  # noqa: ANN401  # what apprise hands on
        super().__init__(**options)  # type: ignore[no-untyped-call]  # apprise has no types there
        self.path = Path(path)

    @staticmethod
    def parse_url(url: str, *_: object, **__: object) -> dict[str, Any]:
        """The arguments of the class."""
        return {"schema": SCHEME, "path": unquote(urlsplit(url).path)}

    def url(self, *_: object, **__: object) -> str:
        """What may be shown of it."""
        return f"{SCHEME}://"

    def send(
        self, body: str, title: str = "", notify_type: NotifyType = NotifyType.INFO, **_: object
    ) -> bool:
        """Append one line."""
        line = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "title": title,
            "body": "" if body == title else body,  # a body is never empty: see alerts.py
            "severity": SEVERITIES[notify_type],
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line, ensure_ascii=False) + "\n")
        except OSError:
            return False
        return True


def register() -> None:
    """Make apprise know the scheme."""
    known = NotificationManager()
    if SCHEME not in known:
        known.add(JsonLines, schemas=SCHEME)
