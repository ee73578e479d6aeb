"""How a CSV file is written: its delimiter, its header, and which column is which field."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from lakehouse.landing.reader import csv_records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakehouse.spec import Field

DELIMITERS = (",", ";", "\t", "|")
_PREAMBLE = 20
"""Lines among which the header is looked for: titles and comments may stand above it."""


@dataclass(frozen=True)
class Header:
    """The header of a CSV file.

    Attributes:
        text: As it stands.
        delimiter: Between its names.
        names: Column names, without the blanks around them.
    """

    text: str
    delimiter: str
    names: tuple[str, ...]

    @classmethod
    @lru_cache
    def of(cls, text: str, delimiter: str) -> Header:
        """Take a header apart; one that cannot be has a single name."""
        cells = csv_records.one(text.encode(), delimiter)
        names = [text] if cells is None else [cell.decode("utf-8", "replace") for cell in cells]
        while len(names) > 1 and not names[-1].strip():
            names.pop()  # a delimiter at the end of the line
        return cls(text, delimiter, tuple(name.strip() for name in names))

    @property
    def repeated(self) -> list[str]:
        """Names that stand twice, whatever their case."""
        folded = [name.casefold() for name in self.names]
        return [name for name in self.names if name and folded.count(name.casefold()) > 1]

    def places(self, fields: Sequence[Field]) -> dict[str, int]:
        """Field → place of its column: under its name, another spelling of it, or an alias."""
        exact = {name: place for place, name in reversed(list(enumerate(self.names)))}
        folded = {_folded(name): place for name, place in exact.items()}
        found: dict[str, int] = {}
        for field in fields:
            for name in (field.name, *field.also):
                place = exact.get(name, folded.get(_folded(name)))
                if place is not None and place not in found.values():
                    found[field.name] = place
                    break
        return found


def _folded(name: str) -> str:
    return name.casefold().replace(" ", "_").replace("-", "_")


def header_of(
    head: str, fields: Sequence[Field], delimiters: Sequence[str] = DELIMITERS
) -> Header | None:
    """The header in the first lines of a file; None when nothing stands there.

    It is the line that names most of the fields, with the delimiter that does. Where none names
    any, it is the first line that is not empty: whoever checks it will say what is missing.
    """
    headers = [Header.of(line, each) for each in delimiters for line in _first_lines(head, each)]
    if not headers:
        return None
    required = [field for field in fields if field.required]
    best = max(headers, key=lambda each: (len(each.places(required)), len(each.places(fields))))
    if not best.places(fields):
        return max(headers, key=lambda each: (each.text == headers[0].text, len(each.names)))
    return best


def header_text(names: Sequence[str], delimiter: str) -> str:
    """The header that a file without one would have."""
    return delimiter.join('"' + name.replace('"', '""') + '"' for name in names)


def _first_lines(head: str, delimiter: str) -> list[str]:
    data = head.encode()
    records = csv_records.split(data, delimiter, last=True, longest=len(data))
    lines = (records.raw(n).decode() for n in range(len(records.starts)))
    return list(islice((line for line in lines if line.strip()), _PREAMBLE))
