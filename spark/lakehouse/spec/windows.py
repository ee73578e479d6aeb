"""Windows of days: in which slices a row counts, and of which rows a slice is made.

Each window says both, as SQL; that one is the inverse of the other is tested.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from lakehouse.settings import current_settings

Unit = Literal["week", "month"]


def start_of(unit: Unit, day: str) -> str:
    """SQL: first day of a day's period. Weeks start on Monday (ISO 8601) or, by setting, Sunday."""
    if unit == "week" and current_settings().week_starts_on == "sunday":
        monday = f"CAST(date_trunc('WEEK', date_add({day}, 1)) AS DATE)"
        return f"CAST(date_sub({monday}, 1) AS DATE)"
    return f"CAST(date_trunc('{unit.upper()}', {day}) AS DATE)"


def week_start(day: date) -> date:
    """First day of a day's week, as `start_of` has it."""
    days = day.isoweekday() % 7 if current_settings().week_starts_on == "sunday" else day.weekday()
    return day - timedelta(days=days)


def shifted(unit: Unit, day: str, n: int) -> str:
    """SQL: a day that many periods later."""
    return f"date_add({day}, {7 * n})" if unit == "week" else f"add_months({day}, {n})"


def _days(first: str, last: str) -> str:
    """SQL: the days from the first to the last; said to be days, as sums are moments in DuckDB."""
    return f"CAST(sequence({first}, {last}, INTERVAL 1 DAY) AS ARRAY<DATE>)"


@dataclass(frozen=True)
class Trailing:
    """A day and some days before it.

    Args:
        days: How many days before it.
    """

    days: int

    def touches(self, day: str) -> str:
        """SQL: the slices in which rows of a day count."""
        return _days(day, f"date_add({day}, {self.days})")

    def needs(self, name: str) -> str:
        """SQL: the days that a slice is made of."""
        return _days(f"date_sub({name}, {self.days})", name)


@dataclass(frozen=True)
class Around:
    """A day and some days on both sides of it, as a day of another time zone spans two of UTC.

    Args:
        days: How many days on each side.
    """

    days: int

    def touches(self, day: str) -> str:
        """SQL: the slices in which rows of a day count."""
        return _days(f"date_sub({day}, {self.days})", f"date_add({day}, {self.days})")

    def needs(self, name: str) -> str:
        """SQL: the days that a slice is made of."""
        return self.touches(name)


@dataclass(frozen=True)
class MonthAfter:
    """A month, known by its first day, and some days before it.

    Args:
        days: How many days before it.
    """

    days: int

    def touches(self, day: str) -> str:
        """SQL: the slices in which rows of a day count."""
        first = start_of("month", day)
        last = f"date_add({day}, {self.days})"
        return f"CAST(sequence({first}, {last}, INTERVAL 1 MONTH) AS ARRAY<DATE>)"

    def needs(self, name: str) -> str:
        """SQL: the days that a slice is made of."""
        return _days(f"date_sub({name}, {self.days})", f"date_sub({shifted('month', name, 1)}, 1)")


@dataclass(frozen=True)
class Period:
    """A week or a month, known by its first day, and some before it.

    Args:
        unit: `week` or `month`.
        before: How many before it, for instance 1 where a figure has a growth rate.
    """

    unit: Unit
    before: int = 0

    def touches(self, day: str) -> str:
        """SQL: the slices in which rows of a day count."""
        start = start_of(self.unit, day)
        later = (shifted(self.unit, start, n) for n in range(1, self.before + 1))
        return f"CAST(array({', '.join((start, *later))}) AS ARRAY<DATE>)"

    def needs(self, name: str) -> str:
        """SQL: the days that a slice is made of."""
        first = shifted(self.unit, name, -self.before)
        return _days(first, f"date_sub({shifted(self.unit, name, 1)}, 1)")


Window = Around | MonthAfter | Period | Trailing
