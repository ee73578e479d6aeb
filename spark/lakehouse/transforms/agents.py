"""User agents → browsers, systems and devices, and whether one says that it is a bot."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from lakehouse.transforms.python_values import each_value

if TYPE_CHECKING:
    from pyspark.sql import Column

UNKNOWN = "unknown"
AGENT = {
    "browser": "string",
    "browser_version": "string",
    "os": "string",
    "device_type": "string",
    "is_listed": "boolean",
}
_MANY = 100_000
_DESKTOPS = ("Windows", "Mac OS X", "Linux", "Ubuntu", "Chrome OS", "Fedora", "Debian", "FreeBSD")
_TABLET_WORDS = ("tablet", "ipad", "sm-t", "sm-x", "kindle", "silk/")


def agent_of(column: str) -> Column:
    """What a user agent is, as a struct with the fields of `AGENT`; unknown where it tells nothing.

    Devices are desktop, mobile, tablet, other or unknown: an Android without the word Mobile is a
    tablet, as its makers say. `is_listed`: it is on the list of known crawlers.
    """
    return each_value(described, column, AGENT)


@lru_cache(maxsize=_MANY)
def described(agent: str | None) -> dict[str, str | bool]:
    """The fields of `AGENT` for one user agent."""
    from crawleruseragents import is_crawler  # noqa: PLC0415  # a list of thousands: in the task
    from ua_parser import parse  # noqa: PLC0415  # same

    found = parse(agent or "")
    browser, system = found.user_agent, found.os
    return {
        "browser": browser.family if browser else UNKNOWN,
        "browser_version": (browser.major or UNKNOWN) if browser else UNKNOWN,
        "os": system.family if system else UNKNOWN,
        "device_type": _device_type(agent, system.family if system else ""),
        "is_listed": bool(agent) and is_crawler(str(agent)),
    }


def _device_type(agent: str | None, system: str) -> str:
    if not agent:
        return UNKNOWN
    told = agent.casefold()
    if any(word in told for word in _TABLET_WORDS):
        return "tablet"
    if system in {"iOS", "Windows Phone"} or "mobile" in told or "iphone" in told:
        return "mobile"
    if system == "Android":
        return "tablet"
    return "desktop" if system in _DESKTOPS else "other"
