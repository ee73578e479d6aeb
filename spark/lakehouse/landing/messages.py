"""Messages of Kafka beside their values: what is kept of a reject's, and how one stands as JSON."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

MARK = "base64,"
"""Before bytes as text, so that no bytes look like a text that stands for no value."""
OURS = "dead_letter."
"""Before the names of the headers that say what became of a message."""
Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True)
class Beside:
    """What a message has beside its value.

    Attributes:
        key: Its key.
        headers: Its headers, in order; a name may come twice.
        at_ms: Its moment, in ms since 1970; None where it has none.
        attempts: How often it was judged, and rejected.
    """

    key: bytes | None = None
    headers: Headers = ()
    at_ms: int | None = None
    attempts: int = 1

    def __str__(self) -> str:
        """As one text, to be kept in the quarantine."""
        return json.dumps(
            {
                "key": text_of(self.key),
                "headers": [[name, text_of(value)] for name, value in self.headers],
                "at_ms": self.at_ms,
                "attempts": self.attempts,
            }
        )

    @classmethod
    def parse(cls, text: str | None) -> Self:
        """Read back what `str` wrote; of a reject of earlier releases nothing is known."""
        if not text:
            return cls()
        told = json.loads(text)
        headers = tuple((name, bytes_of(value)) for name, value in told["headers"])
        return cls(bytes_of(told["key"]), headers, told["at_ms"], told["attempts"])

    @property
    def again(self) -> Self:
        """The same, judged once more."""
        return replace(self, attempts=self.attempts + 1)


def beside(
    key: bytes | str | None,
    headers: Sequence[tuple[str, bytes | str | None]] | None,
    moment: tuple[int, int],
) -> Beside:
    """What librdkafka tells of a message; a moment has a kind, 0 for none."""
    kind, at_ms = moment
    told = tuple((name, _bytes(value)) for name, value in headers or ())
    return Beside(_bytes(key), told, at_ms if kind else None)


def record_of(value: bytes | None, about: Beside) -> bytes:
    """A message as a record, whatever its value holds: an object of JSON.

    It has `key`, `value` and the other `headers`; and under their own names what headers of ours
    say, of which the last of each name counts: a message that dies twice has some of before.
    """
    ours: dict[str, str | None] = {}
    others = []
    for name, told in reversed(about.headers):
        own = name.removeprefix(OURS)
        if own != name and own not in ours and told is not None:
            ours[own] = told.decode("utf-8", "replace")
        else:
            others.append([name, text_of(told)])
    texts = {"key": text_of(about.key), "value": text_of(value)}
    return json.dumps(ours | texts | {"headers": json.dumps(others[::-1])}).encode()


def text_of(data: bytes | None) -> str | None:
    """Bytes as text."""
    return None if data is None else MARK + b64encode(data).decode()


def bytes_of(text: str | None) -> bytes | None:
    """Read back what `text_of` wrote."""
    return None if text is None else b64decode(text.removeprefix(MARK))


def _bytes(value: bytes | str | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
