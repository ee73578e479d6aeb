"""What a landing file holds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Split:
    """Where a part of a file begins.

    Attributes:
        start: Its first byte.
        line: Number of its first line, from 1.
        records: Records from there to the next split, or the end.
    """

    start: int
    line: int
    records: int


@dataclass(frozen=True)
class Content:
    """What a landing file holds.

    Attributes:
        digest: BLAKE2 of the stored bytes.
        layout: `lines` (a JSON object on each), `array` or `objects` (JSON over several lines),
            `csv`, `text` (lines that a mapping takes apart) or `parquet`.
        header: Header line of a CSV file.
        delimiter: Between its cells.
        encoding: Of a text without a byte order mark that is not UTF-8.
        splits: Where it may be cut, the first at its head.
    """

    digest: str
    layout: str
    header: str | None = None
    delimiter: str = ","
    encoding: str | None = None
    splits: tuple[Split, ...] = ()

    def record(self) -> dict[str, Any]:
        """What a manifest keeps."""
        return asdict(self)

    @classmethod
    def of(cls, record: dict[str, Any]) -> Content:
        """What a manifest kept."""
        known = {name: record[name] for name in cls.__dataclass_fields__ if name != "splits"}
        return cls(**known, splits=tuple(Split(**each) for each in record["splits"]))
