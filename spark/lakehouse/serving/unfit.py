"""Rows that PostgreSQL cannot hold: its limits are not those of the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from lakehouse.serving.ddl import Served

MOST_BYTES_OF_AN_INDEX_ROW = 2600
"""A little less than the 2704 of a B-tree's row, for its header and what is no text."""
MOST_SHOWN = 40
MOST_NAMED = 3
OF_VALUES = (psycopg.DataError, psycopg.errors.ProgramLimitExceeded)
"""How the database refuses what is in a row."""


def split(served: Served, rows: pa.Table) -> tuple[pa.Table, list[str]]:
    """The rows that fit, and each of the others in words: its key, and what does not fit.

    Args:
        served: Where they go.
        rows: Some rows of it.
    """
    why = [*_with_nul(rows), *_too_long(served, rows)]
    unfit = np.zeros(len(rows), np.bool_)
    for mask, _ in why:
        unfit |= mask
    keys = rows.select(list(served.grain)).filter(pa.array(unfit)).to_pylist()
    named = []
    for key, place in zip(keys, np.flatnonzero(unfit), strict=True):
        problems = dict.fromkeys(problem for mask, problem in why if mask[place])
        named.append(f"{_shown(key)} ({', '.join(problems)})")
    return rows.filter(pa.array(~unfit)), named


def _texts(rows: pa.Table) -> dict[str, pa.ChunkedArray]:
    return {
        each.name: rows[each.name].cast(pa.string())
        for each in rows.schema
        if pa.types.is_unicode(each.type) or pa.types.is_string_view(each.type)
    }


def _with_nul(rows: pa.Table) -> Iterator[tuple[NDArray[np.bool_], str]]:
    for name, told in _texts(rows).items():
        has_nul = pc.match_substring(told, "\0")
        yield _mask(has_nul), f"{name} holds the character U+0000"


def _too_long(served: Served, rows: pa.Table) -> Iterator[tuple[NDArray[np.bool_], str]]:
    texts = _texts(rows)
    for columns in served.indexed:
        lengths = [
            pc.fill_null(pc.binary_length(texts[name]), 0).to_numpy()
            for name in columns
            if name in texts
        ]
        total = np.sum(lengths, axis=0) if lengths else np.zeros(len(rows))
        limit = MOST_BYTES_OF_AN_INDEX_ROW
        yield total > limit, f"more than the {limit:,} bytes that an index holds"


def _mask(found: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(pc.fill_null(found, False).to_numpy(), np.bool_)  # a value


def _shown(key: dict[str, object]) -> str:
    told = {name: value for name, value in key.items() if value is not None}
    return ", ".join(f"{name} {_short(str(value))}" for name, value in told.items())


def _short(text: str) -> str:
    shown = text.encode("unicode_escape").decode()
    size = len(text.encode())
    return shown if len(shown) <= MOST_SHOWN else f"{shown[:MOST_SHOWN]}… ({size:,} bytes)"


def listed(name: str, unfit: list[str]) -> str:
    """A table's rows that were left out, in words."""
    few = "; ".join(unfit[:MOST_NAMED])
    more = f" and {len(unfit) - MOST_NAMED} more" if len(unfit) > MOST_NAMED else ""
    who, them = ("a row was", "it") if len(unfit) == 1 else (f"{len(unfit)} rows were", "them")
    return f"{name}: {who} left out, because the database cannot hold {them}: {few}{more}"
