"""Docstrings as HTML: paragraphs, lists, `code`, **bold** and *stress*; all else stays as it is."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_BULLET = re.compile(r"^[-*] ")
_CODE = re.compile(r"`([^`]+)`")
_BOLD = re.compile(r"\*\*([^*]+)\*\*")
_STRESS = re.compile(r"(?<![\w*])\*([^*\s][^*]*)\*(?![\w*])")


def inline(words: str) -> Markup:
    """One run of text."""
    text = str(escape(words))
    for pattern, tag in ((_CODE, "code"), (_BOLD, "strong"), (_STRESS, "em")):
        text = pattern.sub(rf"<{tag}>\1</{tag}>", text)
    return Markup(text)  # noqa: S704  # escaped above


def prose(words: str) -> Markup:
    """Paragraphs and bullet lists."""
    blocks = [block.splitlines() for block in re.split(r"\n\s*\n", words.strip()) if block.strip()]
    return Markup("\n").join(_block(lines) for lines in blocks)


def _block(lines: list[str]) -> Markup:
    """A paragraph, a list, or a paragraph that a list follows without a blank line."""
    items: list[str] = []
    opening: list[str] = []
    for line in (line.strip() for line in lines):
        if _BULLET.match(line):
            items.append(_BULLET.sub("", line))
        elif items:
            items[-1] += f" {line}"
        else:
            opening.append(line)
    parts = [Markup("<p>{}</p>").format(inline(" ".join(opening)))] if opening else []
    if items:
        entries = Markup("").join(Markup("<li>{}</li>").format(inline(item)) for item in items)
        parts.append(Markup("<ul>{}</ul>").format(entries))
    return Markup("").join(parts)
