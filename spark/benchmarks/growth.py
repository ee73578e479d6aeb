"""What one more day cost on histories of several lengths, and how that grows with the history."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HISTORY = "history.json"
SHORT, LONG = 1_000_000, 30_000_000
"""Rows of history that the target compares."""
NEAR = 0.05
"""A history is of whole days: how far it may be from these."""


@dataclass(frozen=True)
class Day:
    """What one more day cost.

    Attributes:
        engine: What computed.
        rows: Lines of interactions that had landed before it.
        days: Their files.
        delivered: Lines of the day's file.
        users: Users who did them.
        seconds: Wall time by table.
        cpu_s: CPU time by table.
    """

    engine: str
    rows: int
    days: int
    delivered: int
    users: int
    seconds: dict[str, float]
    cpu_s: dict[str, float]

    @property
    def whole_s(self) -> float:
        """Wall time of all tables."""
        return round(sum(self.seconds.values()), 2)

    @property
    def whole_cpu_s(self) -> float:
        """CPU time of all tables."""
        return round(sum(self.cpu_s.values()), 2)


def engines_of(done: Sequence[Day]) -> list[str]:
    """Engines in the order in which they came."""
    return list(dict.fromkeys(each.engine for each in done))


def of_engine(done: Sequence[Day], engine: str) -> list[Day]:
    """The days of an engine, after the shortest history first."""
    return sorted((each for each in done if each.engine == engine), key=lambda each: each.rows)


def growth(done: Sequence[Day]) -> dict[str, float]:
    """By engine: seconds after the longest history ÷ after the shortest; none of a single one."""
    found = {engine: of_engine(done, engine) for engine in engines_of(done)}
    return {
        engine: round(days[-1].whole_s / days[0].whole_s, 3)
        for engine, days in found.items()
        if len(days) > 1
    }


def growth_of_target(file: Path) -> dict[str, float]:
    """The same of a `history.json`, where the histories are as long as the target says."""
    if not file.exists():
        return {}
    done = [Day(**each) for each in json.loads(file.read_text())["days"]]
    return growth([each for each in done if any(_is_near(each.rows, n) for n in (SHORT, LONG))])


def _is_near(rows: int, wanted: int) -> bool:
    return abs(rows - wanted) <= NEAR * wanted
