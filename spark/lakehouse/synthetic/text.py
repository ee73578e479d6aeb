"""Columns of text, joined into lines at the speed of Arrow. One value per row.

The only module that knows pyarrow: its string arrays hold all bytes of a chunk side by side, so
a chunk of finished lines is written without a loop and without a copy.
"""

import json
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]  # ships no types
import pyarrow.compute as pc  # type: ignore[import-untyped, unused-ignore]  # ships no types

from lakehouse.synthetic.chance import Bools, Ints
from lakehouse.synthetic.period import MS_PER_DAY, Calendar

Text: TypeAlias = pa.StringArray


def pool(values: Sequence[str]) -> Text:
    """The distinct values that rows choose from."""
    return pa.array(values, pa.string())


def json_pool(values: Sequence[str]) -> Text:
    """As ``pool``, each value quoted and escaped for JSON."""
    return pool([json.dumps(value) for value in values])


def pick(values: Text, index: Ints) -> Text:
    """The values at these positions."""
    return values.take(pa.array(index))


def join(*parts: str | Text) -> Text:
    """One text per row out of columns and constants."""
    return pc.binary_join_element_wise(*parts, "")


def numbers(values: Ints, width: int = 0) -> Text:
    """Whole numbers, with leading zeros up to ``width``."""
    return pc.utf8_lpad(pc.cast(pa.array(values), pa.string()), width, "0")


def money(cents: Ints) -> Text:
    """Amounts with two decimals."""
    return join(numbers(cents // 100), ".", numbers(cents % 100, 2))


def booleans(values: Bools) -> Text:
    """``true`` and ``false``."""
    return pick(pool(["false", "true"]), values.astype(np.int64))


def dates(calendar: Calendar, day: Ints) -> Text:
    """Day numbers as YYYY-MM-DD."""
    days = pa.array((day + calendar.epoch_day).astype(np.int32))
    return pc.cast(pc.cast(days, pa.date32()), pa.string())


def timestamps(calendar: Calendar, at_ms: Ints) -> Text:
    """Moments as ``YYYY-MM-DD HH:MM:SS.fff``."""
    moments = pa.array(at_ms + calendar.epoch_day * MS_PER_DAY)
    return pc.cast(pc.cast(moments, pa.timestamp("ms")), pa.string())


def iso_timestamps(calendar: Calendar, at_ms: Ints) -> Text:
    """Moments as ``YYYY-MM-DDTHH:MM:SS.fffZ``."""
    return join(pc.replace_substring(timestamps(calendar, at_ms), " ", "T"), "Z")


def payload(lines: Text) -> memoryview:
    """All bytes of a column, without a copy."""
    if len(lines) == 0:
        return memoryview(b"")
    _, offsets, data = lines.buffers()
    ends = np.frombuffer(offsets, np.int32)[lines.offset : lines.offset + len(lines) + 1]
    return memoryview(data)[int(ends[0]) : int(ends[-1])]
