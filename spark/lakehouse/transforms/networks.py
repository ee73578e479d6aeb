"""Addresses → networks, and what is known of these."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

from lakehouse.transforms.python_values import each_value

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from maxminddb import Reader
    from pyspark.sql import Column

IPV4_BITS, IPV6_BITS = 24, 48
_MANY = 100_000
_IPV4 = 4


def network_of(column: str) -> Column:
    """The /24 of an IPv4 address, the /48 of an IPv6 one; null where a text is neither."""
    return each_value(cut, column, "string")


@lru_cache(maxsize=_MANY)
def cut(address: str | None) -> str | None:
    """The network of an address, the shortest that is stored."""
    try:
        found = ip_address((address or "").split("%")[0])
    except ValueError:
        return None
    if mapped := getattr(found, "ipv4_mapped", None):
        found = mapped
    bits = IPV4_BITS if found.version == _IPV4 else IPV6_BITS
    return str(ip_network((found, bits), strict=False))


def is_in(column: str, networks: tuple[str, ...]) -> Column:
    """Whether a network lies in one of some; false for none."""

    def lies(network: str | None) -> bool:
        return _lies_in(network, networks)

    return each_value(lies, column, "boolean")


@lru_cache(maxsize=_MANY)
def _lies_in(network: str | None, networks: tuple[str, ...]) -> bool:
    return bool(network) and any(_holds(each, str(network)) for each in networks)


def _holds(outer: str, inner: str) -> bool:
    """Whether a network holds another; one narrower than what is stored holds it, too."""
    big, small = _parsed(outer), _parsed(inner)
    return big.version == small.version and big.overlaps(small)


@lru_cache(maxsize=_MANY)
def _parsed(network: str) -> IPv4Network | IPv6Network:
    return ip_network(network, strict=False)


PLACE = {"country": "string", "region": "string", "city": "string"}
Place = dict[str, str | None]
NOWHERE: Place = dict.fromkeys(PLACE)
Known = tuple[tuple[str, str, str | None, str | None], ...]
"""Networks with country, region and city."""


def place_of(column: str, known: Known, database: str = "") -> Column:
    """Country, region and city of a network, as a struct; null where it is not known.

    Args:
        column: Column of networks.
        known: Networks with their places; the narrowest that holds one counts.
        database: Path of a MaxMind database to ask instead; empty = none.
    """

    def found(network: str | None) -> Place:
        return _in_database(network, database) if database else _among(network, known)

    return each_value(found, column, PLACE)


@lru_cache(maxsize=_MANY)
def _among(network: str | None, known: Known) -> Place:
    holders = [each for each in known if network and _holds(each[0], network)]
    if not holders:
        return NOWHERE
    _, country, region, city = max(holders, key=lambda each: _parsed(each[0]).prefixlen)
    return {"country": country, "region": region, "city": city}


@lru_cache(maxsize=_MANY)
def _in_database(network: str | None, path: str) -> Place:
    if network is None:
        return NOWHERE
    told: Any = _reader(path).get(network.split("/")[0])
    if not isinstance(told, dict):
        return NOWHERE
    regions = told.get("subdivisions") or [{}]
    return {
        "country": told.get("country", {}).get("iso_code"),
        "region": _english(regions[0]),
        "city": _english(told.get("city", {})),
    }


def _english(part: dict[str, dict[str, str]]) -> str | None:
    return part.get("names", {}).get("en")


@lru_cache(maxsize=2)
def _reader(path: str) -> Reader:
    import maxminddb  # noqa: PLC0415  # most lakes have no such database

    return maxminddb.open_database(path)
