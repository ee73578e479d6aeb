"""Domains nobody uses: a lake fed with one domain's files is whole without those of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse.errors import LakehouseError
from lakehouse.io.state import StateStore
from lakehouse.landing import files as landing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakehouse.catalog.registry import Registry
    from lakehouse.settings import Settings


def in_use(registry: Registry, settings: Settings, names: Sequence[str]) -> list[str]:
    """The tables without those of domains for which nothing ever arrived.

    All of them where that would leave none: then something is missing, and the run says what.
    """
    domains = {registry[name].table.domain for name in names}
    if len(domains) < 2:  # noqa: PLR2004  # one domain was asked for: it is meant
        return list(names)
    used = {domain for domain in domains if _is_used(registry, settings, domain)}
    return [name for name in names if registry[name].table.domain in used] or list(names)


def is_spare(registry: Registry, settings: Settings, name: str) -> bool:
    """Whether nothing of the table's domain ever arrived, while another domain is in use.

    Raises:
        UnknownTableError: There is no such table.
    """
    domain = registry[name].table.domain
    if _is_used(registry, settings, domain):
        return False
    others = {entry.table.domain for entry in registry} - {domain}
    return any(_is_used(registry, settings, other) for other in others)


def _is_used(registry: Registry, settings: Settings, domain: str) -> bool:
    states = StateStore(settings)
    tables = [entry.table for entry in registry if entry.table.domain == domain]
    try:
        return any(
            (table.source is not None and landing.has_files(settings.raw_uri, table.source.name))
            or states.published(table.name) is not None
            for table in tables
        )
    except (LakehouseError, OSError):
        return True  # the storage does not answer: each table says so itself
