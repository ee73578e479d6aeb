"""Alerts: one message to every destination that LAKEHOUSE_ALERT_URLS names.

A destination is one URL: `slack://…`, `pagerduty://…`, `mailtos://…`, `json://host/path` (a
webhook) and all the others that apprise knows; `file:///path` appends one JSON line per alert.
Where none is named, alerts go to `ops/alerts.jsonl` in the lake. The URLs hold secrets, so nothing
here prints, logs or raises more of them than the scheme.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from lakehouse.errors import AlertError, ConfigError

if TYPE_CHECKING:
    from types import ModuleType

    from lakehouse.settings import Settings

# Between URLs; a comma within one, as in `mailto://…?to=a,b`, separates nothing.
_SEPARATOR = re.compile(r"\s+|,+(?=\s|$|[A-Za-z][\w+.-]*://)")
_SCHEME = re.compile(r"([A-Za-z][\w+.-]*)://")


class Severity(StrEnum):
    """How much an alert matters."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True)
class Alert:
    """The message that people get.

    Attributes:
        title: One line.
        body: The rest; may be empty.
        severity: How much it matters.
    """

    title: str
    body: str = ""
    severity: Severity = Severity.WARNING


def send(settings: Settings, alert: Alert) -> list[str]:
    """Send an alert to every destination; one that fails does not keep it from the others.

    Returns:
        The schemes of the destinations, in the order of the setting; empty when there is none.

    Raises:
        ConfigError: A URL is none that an alert can go to.
        AlertError: A destination did not take it.
    """
    urls = destinations(settings)
    fates = [(_scheme(url), _send(url, alert)) for url in urls]
    wrong = [scheme for scheme, sent in fates if sent is None]
    failed = [scheme for scheme, sent in fates if sent is False]
    problems = [f"{name}: not a URL that alerts can go to" for name in wrong]
    problems += [f"{name}: the destination did not take the alert" for name in failed]
    if problems:
        kind = ConfigError if wrong else AlertError
        raise kind(f"LAKEHOUSE_ALERT_URLS: {'; '.join(problems)}", wrong=wrong, failed=failed)
    return [scheme for scheme, _ in fates]


def send_to(url: str, alert: Alert) -> bool:
    """Send an alert to one destination; whether it took it."""
    return bool(_send(url, alert))


def destinations(settings: Settings) -> list[str]:
    """The URLs of the setting; where it has none, the lake's own file, if the lake is in a folder.

    An object store cannot append to a file.
    """
    named = [url for url in _SEPARATOR.split(settings.alert_urls.get_secret_value()) if url]
    return named or [f"file://{quote(str(path))}" for path in (default_file(settings),) if path]


def default_file(settings: Settings) -> str | None:
    """Where alerts go that nobody else gets."""
    return None if settings.is_remote else f"{settings.root_uri}/ops/alerts.jsonl"


def named(settings: Settings) -> dict[str, str]:
    """The destinations by names that give no secret away: scheme, and place in the setting."""
    return {f"{_scheme(url)}#{n}": url for n, url in enumerate(destinations(settings), 1)}


def _scheme(url: str) -> str:
    match = _SCHEME.match(url)
    return f"{match[1].lower()}://" if match else "(no scheme)"


def _send(url: str, alert: Alert) -> bool | None:
    """Whether the destination took the alert; None when the URL is none."""
    apprise = _apprise()
    kinds = {
        Severity.INFO: apprise.NotifyType.INFO,
        Severity.WARNING: apprise.NotifyType.WARNING,
        Severity.CRITICAL: apprise.NotifyType.FAILURE,
    }
    courier = apprise.Apprise()
    if not _SCHEME.match(url) or not courier.add(url):
        return None
    body = alert.body or alert.title  # apprise sends nothing that has no body
    sent = courier.notify(title=alert.title, body=body, notify_type=kinds[alert.severity])
    return bool(sent)


@lru_cache(maxsize=1)
def _apprise() -> ModuleType:
    """The library: silent, because its warnings show parts of URLs, and able to write files."""
    import apprise  # noqa: PLC0415  # 0.4 s, only for alerts

    from lakehouse.observability import json_lines  # noqa: PLC0415  # same

    logging.getLogger("apprise").disabled = True
    json_lines.register()
    return apprise
