"""The landing source `currency_rates`. One row per currency and day.

A rate says how many euros one unit of a currency is worth; it wanders a little from day to day. The
euro's own, and that of a currency that nobody knows, are not told.
"""

from collections.abc import Iterator

import numpy as np

from lakehouse.synthetic import text
from lakehouse.synthetic.chance import Floats, stream
from lakehouse.synthetic.period import Calendar
from lakehouse.synthetic.source import Chunk, Source

REPORTING_CURRENCY = "EUR"
FIRST_RATES = {"USD": 0.92, "GBP": 1.17, "JPY": 0.0061, "CHF": 1.04}
_DAILY_CHANGE = 0.004
_PLACES = 6


def source(calendar: Calendar, seed: int) -> Source:
    """The landing source with its clean rows."""
    return Source(
        name="currency_rates",
        extension="csv",
        rows=calendar.days * len(FIRST_RATES),
        chunks=_chunks(calendar, rates(calendar, seed)),
        key="currency",
        date_field="rate_date",
        number_field="rate",
        columns=("currency", "rate_date", "rate"),
    )


def rates(calendar: Calendar, seed: int) -> Floats:
    """One row per day, one column per currency."""
    shape = (calendar.days, len(FIRST_RATES))
    change = stream(seed, "web rates").normal(0, _DAILY_CHANGE, shape)
    change[0] = 0
    wandered: Floats = np.array([*FIRST_RATES.values()]) * np.exp(np.cumsum(change, axis=0))
    return wandered.round(_PLACES)


def _chunks(calendar: Calendar, told: Floats) -> Iterator[Chunk]:
    for day, row in enumerate(told.tolist()):
        date = calendar.date_of(day)
        lines = [
            f"{currency},{date},{rate:.{_PLACES}f}\n"
            for currency, rate in zip(FIRST_RATES, row, strict=True)
        ]
        yield Chunk(day, text.pool(lines))
