"""Numbers as people read them. Every format takes None and shows it as a dash."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date, datetime
    from decimal import Decimal

NOTHING = "–"  # noqa: RUF001  # an en dash: "no value", not "minus"
NBSP = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"


def count(value: float | None) -> str:
    """A whole number with thousands separators: 12,345."""
    return NOTHING if value is None else _signed(f"{value:,.0f}")


def compact(value: float) -> str:
    """A whole number on an axis: 750, 20k, 1.5M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= 10 * size or (value >= size and unit != "k"):
            return f"{value / size:.3g}{unit}"
    return count(value)


def size(n_bytes: float | None) -> str:
    """Bytes in decimal units: 0 B, 950 kB, 1.2 GB."""
    if n_bytes is None:
        return NOTHING
    for power, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if n_bytes >= 0.9995 * power:
            return f"{n_bytes / power:,.3g}{NBSP}{unit}"
    return f"{n_bytes:.0f}{NBSP}B"


def seconds(ms: float | None) -> str:
    """Milliseconds as seconds: 0.4 s, 1,234.5 s."""
    return NOTHING if ms is None else f"{ms / 1000:,.1f}{NBSP}s"


def percent(rate: float | None, digits: int = 1) -> str:
    """A rate of 0-1 in percent: 12.8 %."""
    return NOTHING if rate is None else _signed(f"{100 * rate:.{digits}f}{NBSP}%")


def change(rate: float | None, digits: int = 1) -> str:
    """By how much something grew, in percent with its sign: +5.1 %."""
    if rate is None:
        return NOTHING
    text = f"{100 * rate:+.{digits}f}"
    return _signed(f"{text if float(text) else text[1:]}{NBSP}%")


def points(difference: float | None, digits: int = 1) -> str:
    """A difference of two rates in percentage points, with its sign: +2.3."""
    if difference is None:
        return NOTHING
    text = f"{100 * difference:+.{digits}f}"
    return _signed(text if float(text) else text[1:])


def points_tick(difference: float) -> str:
    """A difference of two rates on an axis: +5."""
    return _signed(f"{100 * difference:+.3g}" if difference else "0")


def decimal(value: float | None) -> str:
    """A number with one decimal: 24.1."""
    return NOTHING if value is None else _signed(f"{value:,.1f}")


def ratio(value: float | None) -> str:
    """How many times as much: 1.84."""
    return NOTHING if value is None else f"{value:.2f}"


def money(value: Decimal | float | None) -> str:
    """An amount without a currency, whole units: 395,325."""
    return NOTHING if value is None else _signed(f"{value:,.0f}")


def measured(value: float | None) -> str:
    """A number of unknown kind: whole when it is whole, else three significant digits."""
    if value is None:
        return NOTHING
    return count(value) if float(value).is_integer() else _signed(f"{value:,.3g}")


def day(value: date | None) -> str:
    """A date: 2026-03-31."""
    return NOTHING if value is None else value.isoformat()[:10]


def moment(value: datetime | None) -> str:
    """A UTC moment to the minute: 2026-03-31 08:15 UTC."""
    return NOTHING if value is None else f"{value:%Y-%m-%d %H:%M}{NBSP}UTC"


def plural(n: int, noun: str) -> str:
    """A count with its noun: 1 row, 2 rows."""
    return f"{count(n)}{NBSP}{noun}{'' if n == 1 else 's'}"


def _signed(text: str) -> str:
    return text.replace("-", MINUS)
