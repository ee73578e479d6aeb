"""Deliveries of user records for W8: one of every key, then some in which little changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import duckdb

from benchmarks.data import SCALES

if TYPE_CHECKING:
    from pathlib import Path

MOST_KEYS = 1_000_000
KEYS_A_ROW = 100
"""A delivery has one row for each hundredth key: a merge finds them in every part of the table."""
WARM_UP, MEASURED = "warm-up", {"0": 0, "1": 1, "100": 100}
"""Deliveries, by the percentage of their rows that differ from what was known."""
STATE = """
    printf('u_%07d', i) AS user_id, DATE '2025-01-01' + (i % 365)::INTEGER AS join_date,
    ['DE', 'FR', 'IN', 'US'][1 + i % 4] AS country,
    ['desktop', 'mobile', 'tablet'][1 + i // 4 % 3] AS device_type"""
PLAN = "['free', 'pro'][1 + i // 12 % 2]"


@dataclass(frozen=True)
class Delivery:
    """A landing file.

    Attributes:
        file: Named after the delivery.
        changed: How many of its rows differ from what was known of their users.
    """

    file: Path
    changed: int


@dataclass(frozen=True)
class Profiles:
    """Landing files of user records. One row per user, in `first` and in each delivery.

    Attributes:
        keys: Users in `first`.
        rows: Users in each delivery; no user is in two.
        first: All of them.
        deliveries: What comes later, in order.
    """

    keys: int
    rows: int
    first: Path
    deliveries: tuple[Delivery, ...]

    @classmethod
    def of(cls, scale: str, folder: Path) -> Self:
        """Make the files of a scale below a folder: a million keys, fewer for fewer rows."""
        return cls.make(min(SCALES[scale][0], MOST_KEYS), folder / scale / "profiles")

    @classmethod
    def make(cls, keys: int, folder: Path) -> Self:
        """Make the files of a number of keys."""
        folder.mkdir(parents=True, exist_ok=True)
        first = folder / "first.csv"
        at = "TIMESTAMP '2026-01-01' + to_seconds(i % 86400)"
        _copy(f"SELECT {STATE}, {PLAN} AS subscription_type, {at} AS updated_at", keys, first)
        deliveries = []
        for number, (name, percent) in enumerate({WARM_UP: 1, **MEASURED}.items()):
            file = folder / f"{name}.csv"
            plan = f"if(i // {KEYS_A_ROW} % 100 < {percent}, 'enterprise', {PLAN})"
            at = f"TIMESTAMP '2026-02-01' + to_days({number})"
            query = f"SELECT {STATE}, {plan} AS subscription_type, {at} AS updated_at"
            _copy(query, keys, file, f"WHERE i % {KEYS_A_ROW} = {number}")
            deliveries.append(Delivery(file, keys // KEYS_A_ROW * percent // 100))
        return cls(keys, keys // KEYS_A_ROW, first, tuple(deliveries))

    @property
    def files(self) -> list[Path]:
        """All of them, in order."""
        return [self.first, *(each.file for each in self.deliveries)]


def _copy(query: str, keys: int, file: Path, where: str = "") -> None:
    rows = f"{query} FROM range({keys}) AS keys(i) {where}"
    duckdb.connect().execute(f"COPY ({rows}) TO '{file}' (HEADER)")
