"""Addresses of pages → hosts, paths and registered domains, and what a referring site is."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lakehouse.transforms.python_values import each_value

if TYPE_CHECKING:
    from pyspark.sql import Column
    from tldextract import TLDExtract

PAGE = {"host": "string", "path": "string", "site": "string"}
SITE = {"site": "string", "name": "string", "kind": "string"}
_MANY = 200_000
Hosts = tuple[tuple[str, str, str], ...]
"""Host, name and kind of known sites."""


def page_of(column: str) -> Column:
    """Host, path and registered domain of an address, as a struct with the fields of `PAGE`.

    Hosts are in small letters and ASCII (punycode), paths without a slash at the end; the query
    and the fragment are left out. All null for a text that is no address.
    """
    return each_value(parsed, column, PAGE)


@lru_cache(maxsize=_MANY)
def parsed(address: str | None) -> dict[str, str | None]:
    """The fields of `PAGE` for one address; one without a host has only a path."""
    nothing = dict.fromkeys(PAGE)
    try:
        parts = urlsplit((address or "").strip())
        host = parts.hostname
    except ValueError:
        return nothing
    if host is None:
        is_path = parts.path.startswith("/") and not parts.scheme
        return {**nothing, "path": _tidy(parts.path)} if is_path else nothing
    host = _ascii(host)
    return {"host": host, "path": _tidy(parts.path), "site": site_of(host)}


def _tidy(path: str) -> str:
    return path.rstrip("/") or "/"


def _ascii(host: str) -> str:
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return host


@lru_cache(maxsize=_MANY)
def site_of(host: str) -> str:
    """The registered domain of a host (example.co.uk); the host itself where it has none."""
    return _extract()(host).top_domain_under_public_suffix or host


@lru_cache(maxsize=1)
def _extract() -> TLDExtract:
    import tldextract  # noqa: PLC0415  # it reads a list of thousands: in the task

    return tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


def known_site(column: str, hosts: Hosts) -> Column:
    """What a referring host or a campaign's source is, as a struct with the fields of `SITE`.

    Its registered domain; the name of a known one, else the domain; and its kind, null where it is
    not known. The narrowest known host counts: mail.google.com before google. The
    source of a campaign may be a name: `google`, `Hacker News`.

    Args:
        column: Column of hosts.
        hosts: Known hosts; one without a dot stands for it below every public suffix.
    """

    def told(host: str | None) -> dict[str, str | None]:
        return _among(host, hosts)

    return each_value(told, column, SITE)


@lru_cache(maxsize=_MANY)
def _among(host: str | None, hosts: Hosts) -> dict[str, str | None]:
    if not host:
        return dict.fromkeys(SITE)
    host = host.casefold()
    site = site_of(host)
    known = _by_host(hosts)
    labels = host.split(".")
    names = [".".join(labels[n:]) for n in range(len(labels))]
    bare = _extract()(host).domain
    for each in [*names, bare]:
        if each in known:
            name, kind = known[each]
            return {"site": site, "name": name, "kind": kind}
    return {"site": site, "name": site, "kind": None}


@lru_cache(maxsize=4)
def _by_host(hosts: Hosts) -> dict[str, tuple[str, str]]:
    by_name = {name.casefold(): (name, kind) for _, name, kind in hosts}
    return by_name | {host: (name, kind) for host, name, kind in hosts}
