"""The catalogue: what every table is, from the specs alone.

A browsable version (`index.html` and a page a table, for a browser without a server) and a short
one in markdown (`spark/docs/catalogue.md`) that is kept with the code.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import lakehouse
from lakehouse.reporting import lineage
from lakehouse.reporting.column_lineage import kept_column_lineage, words
from lakehouse.reporting.page import render
from lakehouse.spec.table import LAYERS

if TYPE_CHECKING:
    from lakehouse.catalog.registry import Entry, Registry
    from lakehouse.spec import Check, Column, Source, Table

REPOSITORY = Path(lakehouse.__file__).resolve().parents[2]
MARKDOWN = Path("spark/docs/catalogue.md")
"""Below the repository."""


@dataclass(frozen=True)
class TablePage:
    """What the catalogue says about a table.

    Attributes:
        table: The contract.
        summary: First sentence of the docstring.
        doc: The whole docstring.
        downstream: Tables that read it directly.
        source_file: Its file, relative to the repository.
        made_of: Columns of a derived table → in words, the columns of its inputs that they are made
            of; empty of a table with a source, and where that is not kept.
    """

    table: Table
    summary: str
    doc: str
    downstream: tuple[str, ...]
    source_file: str
    made_of: dict[str, str]

    @property
    def landing(self) -> Source | None:
        """The landing source of a bronze table."""
        return self.table.source

    @property
    def columns(self) -> tuple[Column, ...]:
        """Stored columns."""
        return self.table.stored_columns

    @property
    def gates(self) -> tuple[tuple[str, tuple[Check, ...]], ...]:
        """Checks by gate."""
        return (("input", self.table.requires), ("output", self.table.ensures))

    @property
    def written(self) -> str:
        """The write strategy in words."""
        write = self.table.write
        fields = [
            f"{name.replace('_', ' ')} {', '.join(map(str, v)) if isinstance(v, tuple) else v}"
            for name, v in vars(write).items()
            if v
        ]
        return "; ".join([type(write).__name__, *fields])

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What else the contract says, by title."""
        table = self.table
        as_of, cut = table.as_of, [f"{each.happened_on} of {each.name}" for each in table.cut]
        late = "rows after the day of the run or an as-of date, by"
        current = table.current_within if table.as_of or table.day else None
        facts = [
            ("Owner", table.owner),
            ("Domain", table.domain),
            ("Written as", self.written),
            ("Grain", ", ".join(table.write.grain)),
            ("Rejects", f"days before {table.source.since}" if table.source else ""),
            ("Happened on", table.happened_on),
            ("Deduplicated by", _deduplicated_by(table)),
            ("As-of date", f"newest {as_of.column} of {as_of.table.name}" if as_of else ""),
            ("Open while", table.unfinished),
            ("Too late", f"{late} {', '.join(cut)}" if cut else ""),
            ("Left out", table.left_out.reason if table.left_out else ""),
            ("May be empty", table.may_be_empty),
            ("Follows settings", ", ".join(table.settings)),
            ("Z-ordered by", ", ".join(table.cluster_by)),
            ("Checked within", f"{table.checked_within / timedelta(hours=1):g} hours"),
            ("Current within", f"{current.days} days" if current else ""),
            ("Replaced versions kept", f"{table.retention.days:,} days"),
        ]
        return [(title, told) for title, told in facts if told]


def pages(registry: Registry) -> list[TablePage]:
    """All tables by layer and name."""
    entries = sorted(
        registry.entries.values(), key=lambda e: (LAYERS.index(e.table.layer), e.table.name)
    )
    kept = kept_column_lineage(REPOSITORY)
    return [_page(registry, entry, kept.get(entry.table.name, {})) for entry in entries]


def _page(registry: Registry, entry: Entry, origins: dict[str, list[str] | None]) -> TablePage:
    table = entry.table
    readers = [
        each.table.name
        for each in registry.entries.values()
        if table.name in {upstream.name for upstream in each.table.upstream}
    ]
    first, _, _ = entry.doc.partition("\n\n")
    return TablePage(
        table=table,
        summary=" ".join(first.split()),
        doc=entry.doc,
        downstream=tuple(sorted(readers)),
        source_file=_source_file(table),
        made_of={column: words(each) for column, each in origins.items()},
    )


def _deduplicated_by(table: Table) -> str:
    if table.dedupe is None:
        return ""
    among = f" where {table.dedupe.among}" if table.dedupe.among else ""
    return ", ".join(table.dedupe.keys) + among


def _source_file(table: Table) -> str:
    """Where the table is declared, without the place of the repository on this machine."""
    declared = Path(table.defined_at.file).resolve()
    if declared.is_relative_to(REPOSITORY):
        return declared.relative_to(REPOSITORY).as_posix()
    return declared.name


def write_catalogue(registry: Registry, folder: Path) -> list[Path]:
    """Write the browsable catalogue.

    Args:
        registry: The tables.
        folder: Where to; pages of tables that no longer exist are removed.

    Returns:
        The pages, the index first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    all_pages = pages(registry)
    texts = {
        "index.html": render(
            "catalogue_index.html.j2",
            pages=all_pages,
            layers=[(layer, [p for p in all_pages if p.table.layer == layer]) for layer in LAYERS],
            graph=lineage.drawing(registry),
        )
    }
    for page in all_pages:
        name = page.table.name
        graph = lineage.drawing(registry, only=lineage.around(registry, name), chosen=name)
        texts[f"{name}.html"] = render(
            "catalogue_table.html.j2",
            page=page,
            graph=graph,
            source_href=_source_href(page.source_file, folder),
        )
    for layer in LAYERS:
        for stale in folder.glob(f"{layer}.*.html"):
            if stale.name not in texts:
                stale.unlink()
    written = []
    for filename, text in texts.items():
        path = folder / filename
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def _source_href(source_file: str, folder: Path) -> str:
    """A relative link to the code; empty when the catalogue lies outside the repository."""
    place, code = folder.resolve(), REPOSITORY / source_file
    if not place.is_relative_to(REPOSITORY) or not code.is_file():
        return ""
    return Path(os.path.relpath(code, place)).as_posix()


def catalogue_markdown(registry: Registry) -> str:
    """The catalogue as one markdown page, the same for the same specs."""
    all_pages = pages(registry)
    nodes = lineage.graph(registry)
    return render(
        "catalogue.md.j2",
        pages=all_pages,
        nodes=nodes,
        hrefs={p.source_file: os.path.relpath(p.source_file, MARKDOWN.parent) for p in all_pages},
    )


def write_markdown(registry: Registry, repository: Path = REPOSITORY) -> Path:
    """Write `spark/docs/catalogue.md`, which is committed."""
    path = repository / MARKDOWN
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(catalogue_markdown(registry), encoding="utf-8")
    return path
