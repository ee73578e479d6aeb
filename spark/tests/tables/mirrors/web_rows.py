"""Literal rows of web tables, with what most tests do not ask about filled in."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

START = datetime(2026, 1, 1, 8)  # noqa: DTZ001  # the session's are naive, in UTC
KNOWN = {
    "source": "(direct)",
    "medium": "(none)",
    "channel": "Direct",
    "browser": "Firefox",
    "browser_version": "120",
    "os": "Linux",
    "device_type": "desktop",
    "country": "DE",
    "region": "Berlin",
    "city": "Berlin",
    "is_internal": False,
    "is_bot": False,
}


def at(seconds: float) -> datetime:
    """So many seconds after the start."""
    return START + timedelta(seconds=seconds)


def web_event(
    identity: str, moment: datetime, kind: str = "page_view", **more: Any
) -> dict[str, Any]:
    """A row of silver.web_events, of visitor v."""
    known = {
        "event_id": identity,
        "event_type": kind,
        "event_at": moment,
        "event_date": moment.date(),
        "actor_id": "v",
        "anonymous_id": "v",
        "visitor_id": "v",
        "is_stitched": False,
        "is_late": False,
        "page_id": "/",
        **KNOWN,
    }
    return known | more


def landed_event(identity: str, moment: datetime, **more: Any) -> dict[str, Any]:
    """A row of bronze.web_events, of device d."""
    known = {
        "event_id": identity,
        "event_type": "page_view",
        "timestamp": moment,
        "event_at": moment,
        "event_date": moment.date(),
        "actor_id": "d",
        "anonymous_id": "d",
        "user_agent": FIREFOX,
        "platform": "web",
        "_row_id": identity,
    }
    return known | more


def numbers(found: Sequence[dict[str, Any]], name: str) -> list[float | None]:
    """A column of decimals, which SQLFrame hands out as doubles."""
    return [None if row[name] is None else float(row[name]) for row in found]


FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1"
)
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
