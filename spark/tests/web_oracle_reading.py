"""What SQL does not know of web events: agents, addresses and sites, by the packages themselves."""

from __future__ import annotations

import csv
import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import crawleruseragents
import tldextract
from ua_parser import parse

DESKTOPS = {"Windows", "Mac OS X", "Linux", "Ubuntu", "Chrome OS"}
SUFFIXES = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
Row = tuple[Any, ...]


def agent(told: str | None) -> Row:
    """Browser, its major version, operating system, device type, and whether it is listed."""
    if not told:
        return ("unknown", "unknown", "unknown", "unknown", False)
    found = parse(told)
    browser = found.user_agent.family if found.user_agent else "unknown"
    version = (found.user_agent.major if found.user_agent else None) or "unknown"
    system = found.os.family if found.os else "unknown"
    tells_nothing = browser == system == "unknown"
    kind = "unknown" if tells_nothing else device(told, system)
    return (browser, version, system, kind, crawleruseragents.is_crawler(told))


def device(told: str, system: str) -> str:
    """By the words that makers put into user agents."""
    if "iPad" in told or (system == "Android" and "Mobile" not in told):
        return "tablet"
    if system in {"iOS", "Android"} or "Mobile" in told:
        return "mobile"
    return "desktop" if system in DESKTOPS else "other"


def network(address: str | None) -> str | None:
    """The /24 of an address, or the /48."""
    try:
        found = ip_address(address or "")
    except ValueError:
        return None
    return str(ip_network(f"{found}/{24 if found.version == 4 else 48}", strict=False))


def lies_in(inner: str | None, outer: str) -> bool:
    """Whether a network lies in another."""
    if inner is None:
        return False
    small, big = ip_network(inner), ip_network(outer)
    return small.version == big.version and small.subnet_of(big)  # type: ignore[arg-type]


def place(inner: str | None, places: list[dict[str, str]]) -> Row:
    """Country, region and city of the narrowest known network that holds one."""
    holding = [each for each in places if lies_in(inner, each["network"])]
    if not holding:
        return ("unknown",) * 3
    best = max(holding, key=lambda each: ip_network(each["network"]).prefixlen)
    return tuple(best.get(name) or "unknown" for name in ("country", "region", "city"))


def page(address: str | None) -> Row:
    """Host, path, and registered domain of an address."""
    if not address or re.search(r"\s", address):
        return (None, None, None)
    split = urlsplit(address)
    host = split.hostname and split.hostname.encode("idna").decode()
    if not host and not split.path.startswith("/"):
        return (None, None, None)
    return (host, split.path.rstrip("/") or "/", site(host))


def site(host: str | None) -> str | None:
    """The registered domain of a host, or itself."""
    return host and (SUFFIXES(host).top_domain_under_public_suffix or host)


class Hosts:
    """Known hosts: `mail.google.com` before `google`, which stands for google.com and google.de."""

    def __init__(self, file: Path) -> None:
        rows = [*csv.DictReader(file.read_text(encoding="utf-8").splitlines())]
        self.by_host = {row["host"]: row for row in rows}
        self.by_name = {row["name"].lower(): row for row in rows}

    def of_host(self, host: str | None) -> dict[str, str] | None:
        """What is known of a host."""
        labels = (host or "").split(".")
        for first in range(len(labels) - 1):
            if found := self.by_host.get(".".join(labels[first:])):
                return found
        return self.by_host.get(SUFFIXES(host).domain) if host else None

    def of_source(self, source: str | None) -> str | None:
        """The kind of a source, which is a name or a host."""
        told = (source or "").lower()
        found = self.by_name.get(told) or self.by_host.get(told)
        if not found and "." in told:
            found = self.of_host(told)
        return found["kind"] if found else None
