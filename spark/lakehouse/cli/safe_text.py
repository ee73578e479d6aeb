"""Text that comes from data, for a terminal: control characters are shown, never obeyed."""

from __future__ import annotations

import json
import re

# Controls but the line break, marks and overrides of direction, line separators, lone surrogates.
_CONTROLS = r"\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_IN_TEXT = re.compile(f"[{_CONTROLS}]")
_IN_LINE = re.compile(f"[\n{_CONTROLS}]")


def shown(text: str) -> str:
    """Some lines, in which a control character stands as its escape."""
    return _IN_TEXT.sub(_escape, text)


def one_line(text: str) -> str:
    """The same on one line."""
    return _IN_LINE.sub(_escape, text)


def json_shown(text: str) -> str:
    """JSON whose texts hold no control character: the same content, escaped as JSON does."""
    return _IN_TEXT.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _escape(match: re.Match[str]) -> str:
    if match[0] in "\t\n\r":
        return json.dumps(match[0])[1:-1]
    code = ord(match[0])
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"  # noqa: PLR2004  # a byte
