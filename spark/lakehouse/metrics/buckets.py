"""Figures sorted into ranges: which columns count them, and what each says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A column that counts rows by a figure of theirs.

    Attributes:
        name: The column.
        figure: What is looked at.
        low: Smallest figure that counts.
        high: Largest one; null without end.
    """

    name: str
    figure: str
    low: int
    high: int | None

    def sentence(self, rows: str) -> str:
        """What the column says, of rows such as `Sessions`."""
        upper = "or more" if self.high is None else f"to {self.high:,}"
        return f"{rows} with {self.figure} of {self.low:,} {upper}."


def buckets(
    prefix: str, figure: str, ranges: Iterable[tuple[str, int, int | None]]
) -> tuple[Bucket, ...]:
    """Buckets of a figure from their suffixes and both ends."""
    return tuple(
        Bucket(name=f"{prefix}_{suffix}", figure=figure, low=low, high=high)
        for suffix, low, high in ranges
    )
