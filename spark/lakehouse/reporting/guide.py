"""`spark/docs/bring-your-data.md`: the contract of every source, from the specs alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse.landing.kinds import KINDS
from lakehouse.landing.mappings import presets
from lakehouse.reporting.catalogue import REPOSITORY
from lakehouse.reporting.page import render
from lakehouse.spec.columns import BOOLEAN, DATE, DOUBLE, INT, LONG, STRING, TIMESTAMP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakehouse.catalog.registry import Registry
    from lakehouse.spec import Field, Source, Table

MARKDOWN = Path("spark/docs/bring-your-data.md")
"""Below the repository."""
_KINDS = {
    STRING: ("text", "x"),
    BOOLEAN: ("true or false", "true"),
    INT: ("whole number", "1"),
    LONG: ("whole number", "1"),
    DOUBLE: ("number", "1.5"),
    DATE: ("day", "2026-01-05"),
    TIMESTAMP: ("timestamp", "2026-01-05T10:00:00Z"),
}


@dataclass(frozen=True)
class Contract:
    """What the page says of a source.

    Attributes:
        source: The source.
        table: The bronze table that it feeds.
    """

    source: Source
    table: Table

    @property
    def fields(self) -> list[tuple[str, str, str, str]]:
        """Name, kind, whether it is needed, and what else is to be known, of each field."""
        docs = {column.name: column.doc for column in self.table.columns}
        return [
            (field.name, _kind(field), _need(field), docs.get(field.name, "").replace("|", "\\|"))
            for field in self.source.fields
        ]

    @property
    def example(self) -> str:
        """The smallest file there can be: a header and a row of what is needed."""
        least = self.source.least
        needed = [field for field in self.source.fields if field.required or field.name in least]
        names = ",".join(field.name for field in needed)
        return f"{names}\n{','.join(_example(field) for field in needed)}"


def contracts(registry: Registry) -> Iterator[Contract]:
    """One of each source, by domain and name."""
    tables = (entry.table for entry in registry if entry.table.source)
    for table in sorted(tables, key=lambda table: (table.domain, table.name)):
        if table.source:
            yield Contract(table.source, table)


def guide_markdown(registry: Registry) -> str:
    """The page, the same for the same specs."""
    kinds = ", ".join(f"`{kind}`" for kind in KINDS)
    return render(
        "bring_your_data.md.j2", contracts=list(contracts(registry)), presets=presets(), kinds=kinds
    )


def write_guide(registry: Registry, repository: Path = REPOSITORY) -> Path:
    """Write the page, which is committed."""
    path = repository / MARKDOWN
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(guide_markdown(registry), encoding="utf-8")
    return path


def _kind(field: Field) -> str:
    kind = _KINDS.get(field.type, (field.type.replace("decimal", "decimal number "), ""))[0]
    kind += f", in the object `{field.at}`" if field.at else ""
    return f"{kind}, or the number of {field.epoch} since 1970" if field.epoch else kind


def _need(field: Field) -> str:
    if field.required:
        return "yes"
    if field.optional:
        return "no; but if the file has the field, it must have a value"
    return f"no; default {field.default}" if field.default else "no"


def _example(field: Field) -> str:
    if field.examples:
        return str(field.examples[0])
    if field.type == STRING:
        return f"{field.name.removesuffix('_id')}-1"
    return _KINDS.get(field.type, ("", "1.00"))[1]
