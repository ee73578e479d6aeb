"""What a page is made of, and the only place that turns it into HTML."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lakehouse.io.files import is_local, locate, storage_errors
from lakehouse.reporting import prose

if TYPE_CHECKING:
    from collections.abc import Sequence

Tone = Literal["", "good", "warn", "bad", "soft"]


@dataclass(frozen=True)
class Cell:
    """A value in a table.

    Attributes:
        text: What it says.
        tone: Colour; the text must say the same for those who do not see it.
        href: Where it leads.
    """

    text: str
    tone: Tone = ""
    href: str = ""


@dataclass(frozen=True)
class Grid:
    """A table of a page.

    Attributes:
        head: Column titles; one that starts with `>` is right-aligned (numbers).
        rows: Cells; plain strings are cells without a tone.
    """

    head: tuple[str, ...]
    rows: Sequence[Sequence[Cell | str]]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A chart or a table with its title and a sentence that says what it shows.

    Attributes:
        title: What is measured, with its unit.
        caption: What the figure shows and how to read it.
        svg: The chart.
        grid: The numbers; beside a chart they are folded away.
        warning: What a reader must know before believing it.
        empty: What to say when there is neither chart nor table.
        wide: Takes the whole width.
    """

    title: str
    caption: str
    svg: Markup | None = None
    grid: Grid | None = None
    warning: str = ""
    empty: str = ""
    wide: bool = True

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show."""
        return self.svg is None and (self.grid is None or not self.grid.rows)


@dataclass(frozen=True, kw_only=True)
class Headline:
    """A figure in large type.

    Attributes:
        label: What it is.
        value: The figure.
        note: Definition or context, one line.
        tone: Colour.
    """

    label: str
    value: str
    note: str
    tone: Tone = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a page.

    Attributes:
        anchor: Identity in links.
        title: Title.
        lead: First sentences.
        headlines: Figures in large type.
        answers: Lines that answer the section's question.
        figures: Charts and tables.
    """

    anchor: str
    title: str
    lead: str = ""
    headlines: Sequence[Headline] = ()
    answers: Sequence[Cell] = ()
    figures: Sequence[Figure] = ()


def _is_html(template: str | None) -> bool:
    return template is None or template.endswith(".html.j2")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("lakehouse.reporting", "templates"),
        autoescape=_is_html,  # noqa: S701  # off for markdown alone
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.globals["asset"] = asset
    environment.filters.update(inline=prose.inline, prose=prose.prose)
    return environment


def asset(name: str) -> Markup:
    """A style sheet or script of the package, to be written into a page."""
    source, _, _ = _environment().loader.get_source(_environment(), name)  # type: ignore[union-attr]  # set above
    return Markup(source)  # noqa: S704  # our own file


def render(template: str, **values: object) -> str:
    """A page as HTML."""
    return _environment().get_template(template).render(**values)


def write_text(uri: str, text: str) -> None:
    """Write a page to a local path or an object store."""
    filesystem, path = locate(uri)
    with storage_errors(uri):
        if is_local(uri):
            filesystem.create_dir(path.rpartition("/")[0], recursive=True)
        with filesystem.open_output_stream(path) as stream:
            stream.write(text.encode())
