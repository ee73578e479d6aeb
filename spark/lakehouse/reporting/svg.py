"""Small SVG: scales, ticks, text. Colours are CSS classes, so a page's dark mode reaches charts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Iterable

CHARACTER_PX = 6.6
"""Mean width of a character of the 12 px sans-serif text; labels are cut by it."""


@dataclass(frozen=True)
class Scale:
    """Maps [low, high] to pixels [start, end], linear or logarithmic."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The pixel of a value; values outside stay at the edge."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, at = math.log(low), math.log(high), math.log(at)
        share = (at - low) / (high - low) if high > low else 0.0
        return round(self.start + share * (self.end - self.start), 1)


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers that cover [low, high], both ends included."""
    if high <= low:
        high = low + 1
    raw = (high - low) / wanted
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(f * magnitude for f in (1, 2, 2.5, 5, 10) if f * magnitude >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def count_ticks(high: float, wanted: int = 3) -> list[float]:
    """Round whole numbers from 0 that cover `high`."""
    return sorted({float(math.ceil(tick)) for tick in ticks(0, max(high, 1), wanted)})


def text(  # noqa: PLR0913  # a label has this many sides
    x: float, y: float, words: object, *, kind: str = "", anchor: str = "start", width: float = 0
) -> Markup:
    """A label; one wider than `width` is cut, and shows whole when pointed at."""
    whole = str(words)
    shown = fit(whole, width) if width else whole
    title = Markup("<title>{}</title>").format(whole) if shown != whole else ""
    return Markup('<text x="{}" y="{}" class="{}" text-anchor="{}">{}{}</text>').format(
        round(x, 1), round(y, 1), kind, anchor, shown, title
    )


def fit(words: str, width: float) -> str:
    """As many characters as fit into a width."""
    room = max(int(width / CHARACTER_PX), 1)
    return words if len(words) <= room else f"{words[: room - 1].rstrip()}…"


def rect(  # noqa: PLR0913  # a rectangle has this many sides
    x: float, y: float, width: float, height: float, kind: str, *, tip: str = "", radius: float = 2
) -> Markup:
    """A rectangle that says its value when pointed at."""
    return Markup('<rect x="{}" y="{}" width="{}" height="{}" rx="{}" class="{}">{}</rect>').format(
        round(x, 1),
        round(y, 1),
        round(max(width, 0), 1),
        round(max(height, 0), 1),
        radius,
        kind,
        _tip(tip),
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """A straight line."""
    return Markup('<line x1="{}" y1="{}" x2="{}" y2="{}" class="{}"/>').format(
        *(round(value, 1) for value in (x1, y1, x2, y2)), kind
    )


def path(commands: str, kind: str, *, tip: str = "") -> Markup:
    """A free shape."""
    return Markup('<path d="{}" class="{}">{}</path>').format(commands, kind, _tip(tip))


def link(href: str, parts: Iterable[Markup]) -> Markup:
    """Shapes that lead somewhere."""
    return Markup('<a href="{}">{}</a>').format(href, join(parts))


def group(parts: Iterable[Markup], **data: str) -> Markup:
    """Shapes that scripts find by what they stand for, as `data-` attributes."""
    names = Markup("").join(Markup(' data-{}="{}"').format(name, data[name]) for name in data)
    return Markup("<g{}>{}</g>").format(names, join(parts))


def join(parts: Iterable[Markup]) -> Markup:
    """Shapes, one after the other."""
    return Markup("").join(parts)


def drawing(width: float, height: float, title: str, parts: Iterable[Markup]) -> Markup:
    """The whole chart; its title is what a screen reader says."""
    return Markup(
        '<svg viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" aria-label="{title}">'
        "{body}</svg>"
    ).format(w=round(width), h=round(height), title=title, body=join(parts))


def legend(x: float, y: float, entries: Iterable[tuple[str, str]]) -> list[Markup]:
    """Colour squares with their meaning, in one line."""
    parts = []
    for kind, words in entries:
        parts += [rect(x, y - 10, 12, 12, kind), text(x + 18, y, words)]
        x += 18 + len(words) * CHARACTER_PX + 22
    return parts


def _tip(words: str) -> Markup:
    return Markup("<title>{}</title>").format(words) if words else escape("")
