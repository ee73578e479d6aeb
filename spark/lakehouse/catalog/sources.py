"""The sources of a lake: as tables declare them, with the mappings of the landing folder."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lakehouse.io import files

if TYPE_CHECKING:
    from lakehouse.catalog.registry import Registry
    from lakehouse.settings import Settings
    from lakehouse.spec import Source


def sources(registry: Registry, settings: Settings) -> dict[str, Source]:
    """Every source by its name.

    Raises:
        ConfigError: All that is wrong with the file of mappings.
    """
    declared = tuple(entry.table.source for entry in registry if entry.table.source)
    where = settings.sources_uri
    text = files.read_text(where)
    if text is None:
        return {source.name: source for source in declared}
    from lakehouse.landing.mappings import parse  # noqa: PLC0415  # most lakes have none

    mappings = parse(text, where, declared)
    return {source.name: replace(source, mappings=mappings) for source in declared}
