"""JSON files as rows of texts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.io.sql import literal, quoted
from lakehouse.landing.reader.json_records import Document, unfolded
from lakehouse.landing.reader.judge import ask, given, keys_of, text
from lakehouse.landing.reader.taken import MALFORMED, Taken, columns, filled, problems

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from lakehouse.spec import Field, Source

_Path = tuple[str, ...]
"""Names on the way to a value, the outer object's first."""


class Lines:
    """Chunks of a file with a JSON object on each line."""

    def __init__(self, source: Source, *, longest: int) -> None:
        """Keep what a record is."""
        self._objects = Objects(source, longest=longest)

    def count(self, data: bytes, *, last: bool) -> tuple[int, int]:
        """How many records a chunk has, and the bytes they take."""
        starts, _, used = lines(data, last=last)
        return len(starts), used

    def take(self, data: bytes, *, last: bool) -> Taken:
        """The records of a chunk."""
        starts, ends, used = lines(data, last=last)
        return self._objects.taken(data, starts, ends, used)


class Elements:
    """Chunks of a file whose objects stand in arrays, or over several lines."""

    def __init__(self, source: Source, *, longest: int, is_array: bool) -> None:
        """Keep what a record is."""
        self._objects = Objects(source, longest=longest)
        self._document = Document(is_array)
        self._n = 0

    def count(self, data: bytes, *, last: bool) -> tuple[int, int]:
        """How many records a chunk has, and the bytes they take."""
        found, used = self._document.split(data, last=last)
        return len(found), used

    def take(self, data: bytes, *, last: bool) -> Taken:
        """The records of a chunk."""
        found, used = self._document.split(data, last=last)
        places = np.array(found, np.int64).reshape(-1, 2)
        taken = self._objects.taken(data, places[:, 0], places[:, 1], used)
        record = np.searchsorted(places[:, 0], taken.starts, side="right")
        taken.elements = self._n + record
        self._n += len(found)
        return taken


def lines(data: bytes, *, last: bool) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Where the lines of a chunk stand that are not blank, and the bytes that all of them take."""
    breaks = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
    if last and data and not data.endswith(b"\n"):
        breaks = np.append(breaks, len(data))
    if not len(breaks):
        return breaks, breaks, 0
    starts = np.concatenate(([0], breaks[:-1] + 1))
    kept = filled(data, starts, breaks)
    return starts[kept], breaks[kept], min(int(breaks[-1]) + 1, len(data))


class Objects:
    """JSON objects taken apart.

    Args:
        source: What a record is.
        longest: Bytes of the longest record that is taken.
    """

    def __init__(self, source: Source, *, longest: int) -> None:
        """Nothing is read yet."""
        self._source = source
        self._longest = longest
        own = (name for field in source.fields if not field.at for name in _names_of(field))
        around = (at.split(".")[0] for at in source.nested)
        self._known = frozenset(name.casefold() for name in (*own, *around))

    def taken(
        self, data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], used: int
    ) -> Taken:
        """The objects that stand at some places of a chunk, and those inside them."""
        problem = problems(data, starts, ends, None, longest=self._longest, used=used)
        raws: list[bytes | None] = [
            data[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        ]
        if problem is not None:
            is_fine = problem.is_null().to_pylist()
            raws = [raw if fine else None for raw, fine in zip(raws, is_fine, strict=True)]
        texts = self._texts(raws)
        n_records, parts = len(starts), self._inside(raws, texts)
        inner: dict[int, bytes] = {}
        if parts:
            sizes = np.array([len(parts.get(row, (b"",))) for row in range(len(raws))])
            origin = np.repeat(np.arange(len(raws)), sizes)
            first = np.cumsum(sizes) - sizes
            inner = {
                int(first[row]) + n: part
                for row, own in parts.items()
                for n, part in enumerate(own)
            }
            problem = None if problem is None else problem.take(pa.array(origin))
            # Rows of one record keep their order by its first bytes.
            starts = starts[origin] + np.arange(len(origin)) - first[origin]
            ends = ends[origin]
            places = origin.copy()
            places[sorted(inner)] = len(raws) + np.arange(len(inner))
            found = self._texts([inner[place] for place in sorted(inner)])
            texts = pa.concat_tables([texts, found]).take(pa.array(places))
        if problem is not None:
            both = pc.coalesce(problem, texts["_problem"].combine_chunks())
            texts = texts.set_column(texts.schema.get_field_index("_problem"), "_problem", both)
        return Taken(data, used, n_records, starts, ends, texts, inner)

    def _inside(self, raws: list[bytes | None], texts: pa.Table) -> dict[int, list[bytes]]:
        """The objects inside records that are none by themselves, by record."""
        extra = texts["_extra"]
        suspects = set(np.flatnonzero(texts["_problem"].is_valid().to_numpy()).tolist())
        # An envelope has nothing of its own that was declared.
        empty = [texts[text(field)].null_count for field in self._source.fields]
        if min(empty) > len(suspects):
            is_empty = np.ones(len(raws), np.bool_)
            for field in self._source.fields:
                is_empty &= texts[text(field)].is_null().to_numpy()
            suspects |= set(np.flatnonzero(is_empty & extra.is_valid().to_numpy()).tolist())
        found: dict[int, list[bytes]] = {}
        for row in sorted(suspects):
            raw = raws[row]
            inner = unfolded(raw, self._known) if raw is not None else None
            if inner is not None:
                found[row] = inner
        return found

    def _texts(self, raws: list[bytes | None]) -> pa.Table:
        """The text of each field of JSON texts; those that are no object have a problem."""
        if not raws:
            return pa.schema(columns(self._source)).empty_table()
        table = pa.table({"raw": pa.array(raws, pa.binary()).cast(pa.string())})
        names = {field.name: _paths_of(field) for field in self._source.fields}
        found = ask(table, _query(self._source, names))
        variants = self._variants(found["_extra"])
        if variants:
            for name, others in variants.items():
                names[name] += others
            found = ask(table, _query(self._source, names))
        return found.cast(pa.schema(columns(self._source)))

    def _variants(self, extra: pa.ChunkedArray) -> dict[str, list[_Path]]:
        """Undeclared names that are a field's in another case."""
        if extra.null_count == len(extra):
            return {}
        own = [field for field in self._source.fields if not field.at]
        by_folded = {field.name.casefold(): field for field in own}
        found: dict[str, list[_Path]] = {}
        for key in keys_of(extra):
            field: Field | None = by_folded.get(key.casefold())
            if field is not None:
                found.setdefault(field.name, []).append((key,))
        return found


def _names_of(field: Field) -> tuple[str, ...]:
    return (field.name, *field.also)


def _paths_of(field: Field) -> list[_Path]:
    """Where a field's values stand in an object."""
    around = tuple(field.at.split(".")) if field.at else ()
    return [(*around, name) for name in _names_of(field)]


def _query(source: Source, names: dict[str, list[_Path]]) -> str:
    """Takes the objects of a relation `given (raw)` apart.

    Args:
        source: What a record is.
        names: Of each field, where its values stand.
    """
    paths = {name: literal(_json_path(name)) for every in names.values() for name in every}
    place = {name: number for number, name in enumerate(paths, 1)}
    texts, present = [], []
    for field in source.fields:
        values = ", ".join(f"cells[{place[name]}]" for name in names[field.name])
        texts.append(f"coalesce({values}) AS {quoted(text(field))}")
        if field.optional:
            has = " OR ".join(f"list_contains(keys, {literal(n)})" for (n,) in names[field.name])
            present.append(f"coalesce({has}, false) AS {quoted(given(field))}")
    # Patched, nothing would be the patch, and look as if nobody had declared what it names.
    patch = _without(paths)
    patched = f"CAST(json_merge_patch(object, {literal(json.dumps(patch))}) AS VARCHAR)"
    declared = _names_by_object(patch)
    undeclared = " OR ".join(
        f"len(list_filter(keys_of[{number}], lambda key: key NOT IN ({_literals(names)}))) > 0"
        for number, names in enumerate(declared.values(), 1)
    )
    # Patching is dear, and most objects have nothing but what was declared.
    rest = f"CASE WHEN object IS NOT NULL AND ({undeclared}) THEN {patched} END"
    inner = [_json_path(tuple(at.split("."))) for at in source.nested]
    return f"""
        WITH judged AS (
            SELECT _n, raw, CASE WHEN json_valid(raw) AND json_type(raw) = 'OBJECT'
                THEN json_keys(raw, [{_literals(declared)}]) END AS keys_of
            FROM given
        ),
        objects AS (
            SELECT _n, keys_of, keys_of[1] AS keys,
                CASE WHEN len(keys_of[1]) = len(list_distinct(keys_of[1])) THEN raw END AS object,
                contains(raw, '\\u0000') AS has_nul
            FROM judged
        ),
        apart AS (
            SELECT *, json_extract_string(object, [{", ".join(paths.values())}]) AS cells,
                {f"json_type(object, [{_literals(inner)}])" if inner else "NULL"} AS types
            FROM objects
        )
        SELECT _n, {", ".join([*texts, *present])},
            CASE WHEN object IS NULL THEN '{MALFORMED}'
                WHEN has_nul THEN 'nul_character' {_no_objects(source)} END AS _problem,
            nullif({_without_empty(rest, source)}, '{{}}') AS _extra
        FROM apart
    """


def _literals(values: Iterable[str]) -> str:
    return ", ".join(literal(value) for value in values)


def _json_path(names: _Path) -> str:
    return "$" + "".join(f'."{name}"' for name in names)


def _without(paths: Iterable[_Path]) -> dict[str, Any]:
    """The patch that takes values out of an object."""
    patch: dict[str, Any] = {}
    for path in paths:
        *around, name = path
        place = patch
        for each in around:
            place = place.setdefault(each, {})
        place[name] = None
    return patch


def _names_by_object(patch: dict[str, Any], around: _Path = ()) -> dict[str, list[str]]:
    """The names that a patch knows in each object, by its path; the outer one first."""
    found = {_json_path(around): list(patch)}
    for name, inner in patch.items():
        if inner is not None:
            found |= _names_by_object(inner, (*around, name))
    return found


def _no_objects(source: Source) -> str:
    """What is a value although fields stand in it: they could not be told."""
    return " ".join(
        f"WHEN types[{number}] NOT IN ('OBJECT', 'NULL') THEN {literal(f'not_an_object:{at}')}"
        for number, at in enumerate(source.nested, 1)
    )


def _without_empty(rest: str, source: Source) -> str:
    """Text of an object without the objects in it of which every field was taken.

    Quotes inside a text are escaped: what is matched is a key.
    """
    for at in source.nested:
        key = f'"{at.rpartition(".")[2]}":\\{{\\}}'
        for pattern in (f",{key}", f"{key},?"):
            rest = f"regexp_replace({rest}, {literal(pattern)}, '')"
    return rest
