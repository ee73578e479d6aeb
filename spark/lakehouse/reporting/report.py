"""`report.html`: the lake on one page, for a browser without a server or a network."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse.errors import ConfigError
from lakehouse.io.files import is_local
from lakehouse.reporting import numbers
from lakehouse.reporting.domains import domains
from lakehouse.reporting.lake import PublishedLake
from lakehouse.reporting.operations import quality_section, rows_section
from lakehouse.reporting.page import render, write_text

if TYPE_CHECKING:
    from lakehouse.catalog.registry import Registry
    from lakehouse.reporting.page import Section
    from lakehouse.settings import Settings

LAKE_SECTIONS = (quality_section, rows_section)
"""Of (lake, registry): what every table has."""


def write_report(
    settings: Settings, registry: Registry, now: datetime | None = None, domain: str = ""
) -> Path | str:
    """Write `<root>/report.html`, or `<root>/report_<domain>.html` about one domain.

    Args:
        settings: Which lake.
        registry: Its tables.
        now: Moment of the report, UTC; by default the present one.
        domain: The domain it is about; by default all that are in use.

    Raises:
        ConfigError: No table is of that domain.

    Returns:
        Where it is: a path, or a URI when the lake is on an object store.
    """
    name = f"report_{domain}" if domain else "report"
    uri = f"{settings.root_uri}/{name}.html"
    lake = PublishedLake(settings)
    write_text(uri, report_html(lake, registry, now or datetime.now(UTC), domain))
    return Path(uri) if is_local(uri) else uri


def answers(settings: Settings, domain: str = "") -> list[str]:
    """What the marts tell, for the terminal: the domain asked for, or each that is used."""
    lake = PublishedLake(settings)
    every = [each for name, each in domains().items() if domain in {"", name}]
    used = [each for each in every if each.is_used(lake)] or every[:1]
    return [line for each in used for line in each.answers(lake)]


def report_html(lake: PublishedLake, registry: Registry, now: datetime, domain: str = "") -> str:
    """The page."""
    names = {domain} if domain else _in_use(lake, registry)
    registry = _of_domains(registry, names)
    sections: list[Section] = [
        build(lake, now)
        for name, shown in domains().items()
        if name in names
        for build in shown.SECTIONS
    ]
    sections += [build(lake, registry) for build in LAKE_SECTIONS]
    published = [name for name in registry.entries if lake.state(name)]
    return render(
        "report.html.j2",
        sections=sections,
        domain=domain,
        written_at=numbers.moment(now),
        n_published=len(published),
        n_tables=len(registry.entries),
    )


def _in_use(lake: PublishedLake, registry: Registry) -> set[str]:
    """Domains with a published table; all of them where there is none yet."""
    every = {entry.table.domain for entry in registry}
    return {e.table.domain for e in registry if lake.state(e.table.name)} or every


def _of_domains(registry: Registry, names: set[str]) -> Registry:
    every = {entry.table.domain for entry in registry}
    if unknown := names - every:
        message = (
            f"no table is of domain {', '.join(unknown)}; there are {', '.join(sorted(every))}"
        )
        raise ConfigError(message)
    kept = {name: e for name, e in registry.entries.items() if e.table.domain in names}
    return replace(registry, entries=kept)
