"""Files of lines that a regular expression takes apart, as rows of texts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.io.sql import literal, quoted
from lakehouse.landing.reader.json_format import lines
from lakehouse.landing.reader.judge import ask, given, text
from lakehouse.landing.reader.taken import Taken, columns, problems

if TYPE_CHECKING:
    from lakehouse.spec import Source


class Texts:
    """Chunks of a text: each line is a record of the groups of an expression.

    Args:
        source: What a record is, as the mapping of the file reads it.
        pattern: The expression; each of its groups has a name.
        longest: Bytes of the longest record that is taken.
    """

    def __init__(self, source: Source, pattern: str, *, longest: int) -> None:
        """Nothing is read yet."""
        self._source = source
        self._pattern = rf"^(?:{pattern})\s*$"
        self._groups = list(re.compile(pattern).groupindex)
        self._longest = longest

    def count(self, data: bytes, *, last: bool) -> tuple[int, int]:
        """How many records a chunk has, and the bytes they take."""
        starts, _, used = lines(data, last=last)
        return len(starts), used

    def take(self, data: bytes, *, last: bool) -> Taken:
        """The records of a chunk."""
        starts, ends, used = lines(data, last=last)
        problem = problems(data, starts, ends, None, longest=self._longest, used=used)
        is_fine = np.ones(len(starts), np.bool_)
        if problem is not None:
            is_fine = problem.is_null().to_numpy(zero_copy_only=False)
        raws = [
            data[start:end].decode() if fine else None
            for start, end, fine in zip(starts.tolist(), ends.tolist(), is_fine, strict=True)
        ]
        found = pc.extract_regex(pa.array(raws, pa.string()), self._pattern)
        malformed = ~found.is_valid().to_numpy(zero_copy_only=False)
        problem = problems(data, starts, ends, malformed, longest=self._longest, used=used)
        return Taken(data, used, len(starts), starts, ends, self._texts(found, problem))

    def _texts(self, found: pa.StructArray, problem: pa.Array | None) -> pa.Table:
        n = len(found)
        nothing = pa.nulls(n, pa.string())
        groups = dict(zip(self._groups, found.flatten(), strict=True))
        arrays = {text(each): groups.get(each.name, nothing) for each in self._source.fields}
        for each in self._source.fields:
            arrays[given(each)] = pa.repeat(pa.scalar(each.name in groups), n)
        arrays["_problem"] = nothing if problem is None else problem
        arrays["_extra"] = self._extra(groups, n)
        return pa.table(arrays, schema=pa.schema(columns(self._source)))

    def _extra(self, groups: dict[str, pa.Array], n: int) -> pa.Array:
        """The groups that the mapping does not read, as JSON."""
        known = {each.name for each in self._source.fields}
        others = {name: array for name, array in groups.items() if name not in known}
        if not others or not n:
            return pa.nulls(n, pa.string())
        pairs = ", ".join(f"{literal(name)}, {quoted(name)}" for name in others)
        query = f"SELECT _n, CAST(json_object({pairs}) AS VARCHAR) AS extra FROM given"
        return ask(pa.table(others), query)["extra"].combine_chunks()
