"""The period of a run and its daily and weekly rhythm.

Inside the package a moment is an integer: milliseconds since midnight UTC of the first day.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from lakehouse.synthetic.chance import Floats, Ints, draw

MS_PER_HOUR = 3_600_000
MS_PER_DAY = 24 * MS_PER_HOUR
DAYS_PER_WEEK = 7
NEVER = np.iinfo(np.int64).max

WEEKDAY_WEIGHTS = (1.0, 1.05, 1.05, 1.0, 0.9, 0.5, 0.45)  # Monday first
HOUR_WEIGHTS = (
    *(0.45, 0.3, 0.2, 0.15, 0.2, 0.3, 0.5, 0.8),
    *(1.2, 1.5, 1.6, 1.5, 1.2, 1.4, 1.6, 1.5),
    *(1.3, 1.1, 0.9, 0.8, 0.8, 0.75, 0.7, 0.6),
)  # fmt: skip
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Calendar:
    """The days of a run: ``start`` is day 0, weeks begin on Monday."""

    start: date
    days: int

    @property
    def end_ms(self) -> int:
        """The first moment after the period."""
        return self.days * MS_PER_DAY

    @property
    def epoch_day(self) -> int:
        """Days from 1970-01-01 to day 0."""
        return (self.start - _EPOCH).days

    @property
    def weeks(self) -> int:
        """Calendar weeks touched by the period, the first and last possibly in part."""
        return int(self.week_of(np.array([self.days - 1]))[0]) + 1

    @property
    def weekday_weights(self) -> Floats:
        """The rhythm of the week, one weight per day of the period."""
        weekdays = (np.arange(self.days) + self.start.weekday()) % DAYS_PER_WEEK
        return np.array(WEEKDAY_WEIGHTS)[weekdays]

    def week_of(self, day: Ints) -> Ints:
        """The week's number, 0 for the week of day 0."""
        return (day + self.start.weekday()) // DAYS_PER_WEEK

    def monday_of(self, week: int) -> int:
        """The day number on which a week begins; not positive for week 0."""
        return week * DAYS_PER_WEEK - self.start.weekday()

    def date_of(self, day: int) -> str:
        """A day number as YYYY-MM-DD."""
        return (self.start + timedelta(days=day)).isoformat()


def moments_of_day(rng: np.random.Generator, count: int) -> Ints:
    """Milliseconds since midnight, following the rhythm of the day."""
    return draw(rng, HOUR_WEIGHTS, count) * MS_PER_HOUR + rng.integers(0, MS_PER_HOUR, count)
