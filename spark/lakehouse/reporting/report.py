"""`report.html`: the lake on one page, for a browser without a server or a network."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

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


def write_report(settings: Settings, registry: Registry, now: datetime | None = None) -> Path | str:
    """Write `<root>/report.html`.

    Args:
        settings: Which lake.
        registry: Its tables.
        now: Moment of the report, UTC; by default the present one.

    Returns:
        Where it is: a path, or a URI when the lake is on an object store.
    """
    uri = f"{settings.root_uri}/report.html"
    write_text(uri, report_html(PublishedLake(settings), registry, now or datetime.now(UTC)))
    return Path(uri) if is_local(uri) else uri


def answers(settings: Settings) -> list[str]:
    """What the marts tell, for the terminal: each domain that is used."""
    lake = PublishedLake(settings)
    every = domains()
    used = [each for each in every if each.is_used(lake)] or every[:1]
    return [line for each in used for line in each.answers(lake)]


def report_html(lake: PublishedLake, registry: Registry, now: datetime) -> str:
    """The page."""
    sections: list[Section] = [
        build(lake, now) for domain in domains() for build in domain.SECTIONS
    ]
    sections += [build(lake, registry) for build in LAKE_SECTIONS]
    published = [name for name in registry.entries if lake.state(name)]
    return render(
        "report.html.j2",
        sections=sections,
        written_at=numbers.moment(now),
        n_published=len(published),
        n_tables=len(registry.entries),
    )
