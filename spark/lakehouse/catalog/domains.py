"""Tables that nobody feeds: of domains nobody uses, and of optional sources that never arrived.

A lake fed with one domain's files is whole without the tables of another, and one fed with events
alone without those of the sources that only say more of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse.catalog.sources import sources
from lakehouse.errors import LakehouseError
from lakehouse.io.state import StateStore
from lakehouse.landing.feeds import has_arrived

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from lakehouse.catalog.registry import Registry
    from lakehouse.settings import Settings
    from lakehouse.spec import Source, Table


def in_use(
    registry: Registry, settings: Settings, names: Sequence[str], day: date | None = None
) -> list[str]:
    """The tables without those that nobody feeds.

    All of them where that would leave none: then something is missing, and the run says what.
    """
    domains = {registry[name].table.domain for name in names}
    used = {domain for domain in domains if _is_used(registry, settings, domain)}
    if len(domains) < 2:  # noqa: PLR2004  # one domain was asked for: it is meant
        used = domains
    of_domains = [name for name in names if registry[name].table.domain in used]
    without = absent(registry, settings, of_domains, day)
    return [name for name in of_domains if name not in without] or list(names)


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


def absent(
    registry: Registry, settings: Settings, names: Iterable[str], day: date | None = None
) -> dict[str, Source]:
    """Tables that an optional source would feed of which nothing ever arrived, with that source.

    Args:
        registry: All tables.
        settings: Where the lake is.
        names: The tables to look at.
        day: The day of the run: what is dated later has not arrived.
    """
    states, landing_as = StateStore(settings), sources(registry, settings)
    found: dict[str, Source] = {}
    for name in names:
        first = _first(registry[name].table)
        source = landing_as.get(first.source.name) if first.source else None
        if source is None or not source.without:
            continue
        try:
            ever = states.published(first.name) is not None or has_arrived(settings, source, day)
        except (LakehouseError, OSError):
            continue  # as in `_is_used`
        if not ever and _is_used(registry, settings, first.domain):
            found[name] = source
    return found


def _first(table: Table) -> Table:
    """The table whose rows a table's are, before anything was joined to them."""
    return _first(table.upstream[0]) if table.upstream else table


def _is_used(registry: Registry, settings: Settings, domain: str) -> bool:
    states, landing_as = StateStore(settings), sources(registry, settings)
    tables = [entry.table for entry in registry if entry.table.domain == domain]
    try:
        return any(states.published(table.name) for table in tables) or any(
            has_arrived(settings, landing_as[table.source.name]) for table in tables if table.source
        )
    except (LakehouseError, OSError):
        return True  # the storage does not answer: each table says so itself
