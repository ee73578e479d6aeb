"""JSON text → the objects in it: one a line, one after another, in arrays, in an envelope."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

_BETWEEN = b" \t\r\n,"
_QUOTE, _BACKSLASH = 0x22, 0x5C
_OPENING, _CLOSING = (0x7B, 0x5B), (0x7D, 0x5D)


@dataclass
class Document:
    """Objects of a text that is more than one a line, found by its brackets, chunk by chunk.

    Elements of arrays at the top, and objects beside each other, are its records. What else stands
    between them is a record, too: whoever judges it will say that it is no object.

    Attributes:
        depth: Open brackets where the last chunk ended.
        is_array: The text begins with an array: its elements are the records.
    """

    is_array: bool
    depth: int = 0

    def split(self, data: bytes, *, last: bool) -> tuple[list[tuple[int, int]], int]:
        """Where the records of a chunk stand, which begins outside of them.

        Returns:
            (start, end) of each, and how many bytes they take.
        """
        brackets, change, _ = _brackets(data)
        depth = self.depth + np.cumsum(change)
        base = int(self.is_array)
        opened = brackets[(change > 0) & (depth == base + 1)]
        closed = brackets[(change < 0) & (depth == base)] + 1
        found: list[tuple[int, int]] = []
        position = 0
        for start, end in zip(opened.tolist(), closed.tolist(), strict=False):
            found += self._between(data, position, start)
            found.append((start, end))
            position = end
        is_open = len(opened) > len(closed)
        rest = int(opened[len(closed)]) if is_open else len(data)
        if is_open or last:
            found += self._between(data, position, rest)
            position = rest
        if last:
            found += [(rest, len(data))] if is_open else []
            return found, len(data)
        inner = np.searchsorted(brackets, position)
        self.depth = int(depth[inner - 1]) if inner else self.depth
        return found, position

    def _between(self, data: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
        """What stands between two records, the brackets of arrays at the top left out."""
        ignored = _BETWEEN + b"[]" if self.is_array else _BETWEEN
        text = data[start:end]
        if kept := text.strip(ignored):
            begin = start + text.index(kept)
            yield begin, begin + len(kept)


def _brackets(
    data: bytes, *, in_string: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.int64], bool]:
    """Brackets outside of strings, how each changes the depth, and whether a string stays open."""
    text = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(text == _QUOTE)
    if b"\\" in data and len(quotes):
        plain = np.flatnonzero(text != _BACKSLASH)
        before = np.searchsorted(plain, quotes) - 1
        last_plain = np.where(before >= 0, plain[np.maximum(before, 0)], -1)
        quotes = quotes[(quotes - last_plain) % 2 == 1]  # an even number of backslashes before it
    is_opening = np.isin(text, _OPENING)
    brackets = np.flatnonzero(is_opening | np.isin(text, _CLOSING))
    brackets = brackets[(np.searchsorted(quotes, brackets) + in_string) % 2 == 0]
    return brackets, np.where(is_opening[brackets], 1, -1), (len(quotes) + in_string) % 2 == 1


def may_be_document(head: bytes, *, is_all: bool) -> bool:
    """Whether a text that begins like this could be more than one value a line.

    Args:
        head: The first bytes.
        is_all: Nothing comes after them.
    """
    first, *others = [line for line in head.split(b"\n") if line.strip()] or [b""]
    is_array = first.lstrip()[:1] == b"["
    if not is_array and first.lstrip()[:1] != b"{":
        return False
    if not others and not is_all:
        return is_array  # a line longer than the head
    if _is_whole(first):
        return is_array and not others
    return not (others and _is_whole(others[0]))


def is_closed(parts: Iterable[bytes]) -> bool:
    """Whether the brackets of a text close each other, over all of its parts."""
    depth, in_string, carried = 0, False, b""
    for part in chain(parts, [b""]):
        text = carried + part
        whole = text.rstrip(b"\\") if part else text
        carried = text[len(whole) :]  # what they escape is in the next part
        brackets, change, in_string = _brackets(whole, in_string=in_string)
        if len(brackets):
            depths = depth + np.cumsum(change)
            if depths.min() < 0:
                return False
            depth = int(depths[-1])
    return depth == 0 and not in_string


def _is_whole(line: bytes) -> bool:
    try:
        return bool(list(_values(line.decode())))
    except (ValueError, RecursionError):
        return False


def _values(text: str) -> Iterator[tuple[Any, int, int]]:
    """The JSON values that stand one after another, and where.

    Raises:
        ValueError: Something is none.
    """
    decoder = json.JSONDecoder(object_pairs_hook=_once)
    position = 0
    while True:
        while position < len(text) and text[position] in " \t\r\n":
            position += 1
        if position == len(text):
            return
        value, end = decoder.raw_decode(text, position)
        yield value, position, end
        position = end


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def unfolded(raw: bytes, names: frozenset[str]) -> list[bytes] | None:
    """The objects that a record holds instead of being one; None where it holds none.

    They stand one after another, in arrays, or in a field of an object (an envelope) that has no
    field of its own that anybody declared.
    """
    try:
        values = list(_values(raw.decode()))
        found: list[Any] = []
        for value, _, _ in values:
            inner = value if isinstance(value, list) else _enveloped(value, names)
            found += [value] if inner is None else inner
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(each, dict) for each in found) or (
        len(values) == 1 and found == [values[0][0]]
    ):
        return None
    return [json.dumps(each, ensure_ascii=False, separators=(",", ":")).encode() for each in found]


def _enveloped(value: Any, names: frozenset[str]) -> list[Any] | None:  # noqa: ANN401  # JSON is any
    if not isinstance(value, dict) or names & {key.casefold() for key in value}:
        return None
    lists = [
        each
        for each in value.values()
        if isinstance(each, list) and each and all(isinstance(one, dict) for one in each)
    ]
    return lists[0] if len(lists) == 1 else None
