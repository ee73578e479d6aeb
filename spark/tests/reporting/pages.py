"""What the tests of pages look at: references, text, well-formedness."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from xml.etree import ElementTree as ET  # our own output

VOID = {"meta", "link", "br", "hr", "img", "input"}


@dataclass
class Page:
    """A parsed page."""

    references: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    text: str = ""
    unbalanced: list[str] = field(default_factory=list)
    scripts: int = 0


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.page.references += [v for k, v in attrs if k in {"href", "src", "xlink:href"} and v]
        if found.get("id"):
            self.page.anchors.add(str(found["id"]))
        self.page.scripts += tag == "script"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.page.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.page.text += f"{data} "


def read(html: str) -> Page:
    """Parse a page."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.page.text = " ".join(reader.page.text.split())
    reader.page.unbalanced += reader.open
    return reader.page


def drawings(html: str) -> list[ET.Element]:
    """The charts of a page, each parsed as XML."""
    return [ET.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL)]  # noqa: S314  # ours


def fetches_nothing(html: str) -> bool:
    """Whether a browser shows the page without asking anybody."""
    return not re.search(r"https?:|//[a-z]|@import|url\(", html)
