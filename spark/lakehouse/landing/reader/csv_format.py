"""CSV files as rows of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lakehouse.errors import InputQualityError
from lakehouse.io.sql import literal
from lakehouse.landing.reader import csv_records
from lakehouse.landing.reader.judge import ask, given, text
from lakehouse.landing.reader.taken import Taken, columns, filled, problems, strings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lakehouse.landing.reader.csv_records import Records
    from lakehouse.landing.reader.dialect import Header
    from lakehouse.spec import Source


class Csv:
    """Chunks of a CSV file.

    Args:
        header: The file's header; the lines above it are none of its records.
        source: What a record is.
        longest: Bytes of the longest record that is taken.
        head_of: The file that the first chunk is the head of; None where it is of its middle.
    """

    def __init__(  # what a format needs to know of a file
        self,
        header: Header,
        source: Source,
        *,
        longest: int,
        head_of: str | None,
    ) -> None:
        """Find the column of each field."""
        self._header = header
        self._source = source
        self._longest = longest
        self._head_of = head_of
        self._places = header.places(source.fields)
        known = set(self._places.values())
        self._others = [
            place for place, name in enumerate(header.names) if place not in known and name
        ]
        self._wanted = [*self._places.values(), *self._others]

    def count(self, data: bytes, *, last: bool) -> tuple[int, int]:
        """How many records a chunk has, and the bytes they take."""
        records, kept = self._records(data, last=last)
        return len(kept), records.used

    def take(self, data: bytes, *, last: bool) -> Taken:
        """The records of a chunk."""
        records, kept = self._records(data, last=last)
        index, cells = csv_records.table(
            records, self._header.delimiter, len(self._header.names), self._wanted
        )
        if not np.array_equal(index, kept):
            place = np.searchsorted(index, kept)
            is_found = np.zeros(len(kept), np.bool_)
            inside = place < len(index)
            is_found[inside] = index[place[inside]] == kept[inside]
            cells = cells.take(pa.array(np.where(is_found, place, 0), mask=~is_found))
        else:
            is_found = np.ones(len(kept), np.bool_)
        starts, ends = records.starts[kept], records.ends[kept]
        problem = problems(data, starts, ends, ~is_found, longest=self._longest, used=records.used)
        return Taken(
            data=data,
            used=records.used,
            n_records=len(kept),
            starts=starts,
            ends=ends,
            texts=self._texts(cells, problem, len(kept)),
        )

    def _records(self, data: bytes, *, last: bool) -> tuple[Records, NDArray[np.int64]]:
        records = csv_records.split(data, self._header.delimiter, last=last, longest=self._longest)
        header = self._header.text.encode()
        kept = filled(data, records.starts, records.ends, but=header)
        if self._head_of is not None:
            found = (n for n in range(len(records.starts)) if records.raw(n) == header)
            first = next(found, len(records.starts))
            kept = kept[kept > first]
            if first < len(records.starts):
                self._head_of = None
            elif last and header:
                message = (
                    f"landing file {self._head_of} changed while it was read: no line is its "
                    f"header {self._header.text!r} any more; run again"
                )
                raise InputQualityError(message, path=self._head_of)
        return records, kept

    def _texts(self, cells: pa.Table, problem: pa.Array | None, n: int) -> pa.Table:
        nothing = pa.nulls(n, pa.string())
        texts = {name: strings(cells[f"c{place}"], problem) for name, place in self._places.items()}
        arrays: dict[str, pa.Array] = {}
        for each in self._source.fields:
            arrays[text(each)] = texts.get(each.name, nothing)
            if each.optional:
                arrays[given(each)] = pa.repeat(pa.scalar(each.name in texts), n)
        arrays["_problem"] = nothing if problem is None else problem
        arrays["_extra"] = nothing
        if self._others:
            arrays["_extra"] = self._extra(cells, problem)
        return pa.table(arrays, schema=pa.schema(columns(self._source)))

    def _extra(self, cells: pa.Table, problem: pa.Array | None) -> pa.ChunkedArray:
        """The columns that nobody declared, as JSON."""
        names = [self._header.names[place] for place in self._others]
        columns_ = [strings(cells[f"c{place}"], problem) for place in self._others]
        others = pa.table(columns_, [f"o{number}" for number in range(len(names))])
        pairs = ", ".join(f"{literal(name)}, o{number}" for number, name in enumerate(names))
        query = f"SELECT _n, CAST(json_object({pairs}) AS VARCHAR) AS extra FROM given"
        found = ask(others, query)
        return strings(found["extra"], problem)
