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

from lakehouse.synthetic.chance import Bools, Bytes, Ints
from lakehouse.synthetic.period import MS_PER_DAY, Calendar

Text: TypeAlias = pa.StringArray
_UUID_LETTERS = 36
_UUID_DIGITS = [place for place in range(_UUID_LETTERS) if place not in {8, 13, 18, 23}]


def pool(values: Sequence[str]) -> Text:
    """The distinct values that rows choose from."""
    return pa.array(values, pa.string())


def json_pool(values: Sequence[str]) -> Text:
    """As ``pool``, each value quoted and escaped for JSON."""
    return pool([json.dumps(value) for value in values])


def pick(values: Text, index: Ints) -> Text:
    """The values at these positions."""
    return values.take(pa.array(index))


def stack(columns: Sequence[Text]) -> Text:
    """The values of one column after those of the other."""
    return pa.concat_arrays(columns)


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


def where(holds: Bools, values: Text) -> Text:
    """The values where it holds, nothing elsewhere."""
    return pc.if_else(pa.array(holds), values, "")


def uuids(ids: Bytes) -> Text:
    """Rows of 16 random bytes as UUIDs of version 4."""
    count = len(ids)
    halves = np.stack([ids >> 4, ids & 15], axis=2).reshape(count, 32)
    halves[:, 12] = 4
    halves[:, 16] = halves[:, 16] % 4 + 8
    letters = np.full((count, _UUID_LETTERS), ord("-"), dtype=np.uint8)
    letters[:, _UUID_DIGITS] = np.frombuffer(b"0123456789abcdef", np.uint8)[halves]
    ends = np.arange(0, (count + 1) * _UUID_LETTERS, _UUID_LETTERS, dtype=np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(letters.tobytes())]
    return pa.Array.from_buffers(pa.string(), count, buffers)


def payload(lines: Text) -> memoryview:
    """All bytes of a column, without a copy."""
    if len(lines) == 0:
        return memoryview(b"")
    _, offsets, data = lines.buffers()
    ends = np.frombuffer(offsets, np.int32)[lines.offset : lines.offset + len(lines) + 1]
    return memoryview(data)[int(ends[0]) : int(ends[-1])]
