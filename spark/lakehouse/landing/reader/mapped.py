"""Records of files with a mapping: the texts that stand there → the texts of a source's fields."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from lakehouse.io.sql import literal, quoted
from lakehouse.landing.reader.judge import ask, given, text
from lakehouse.spec import Field, Source
from lakehouse.spec.columns import DATE, TIMESTAMP
from lakehouse.spec.mapping import steps

if TYPE_CHECKING:
    from lakehouse.landing.reader.taken import Format, Taken
    from lakehouse.spec.mapping import Condition, Mapping, Step, Take

NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?"
NAIVE = r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}[T ][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]*)?)?"
BLANKS = "' ' || chr(9) || chr(10) || chr(13)"
LEFT_OUT = "_is_left_out"


@lru_cache
def view_of(mapping: Mapping) -> Source:
    """What a record of the file is before it is mapped: the fields that the mapping reads."""
    fields = tuple(Field(name, optional=True) for name in mapping.names)
    return Source(name=mapping.source, doc=f"Files {mapping.files}.", fields=fields)


class Mapped:
    """Chunks of a file whose records are mapped.

    Args:
        records: Takes the records as they stand, as `view_of` the mapping.
        mapping: What becomes of them.
        source: What they become.
    """

    def __init__(self, records: Format, mapping: Mapping, source: Source) -> None:
        """Keep what to do."""
        self._records = records
        self._mapping = mapping
        self._source = source

    def count(self, data: bytes, *, last: bool) -> tuple[int, int]:
        """How many records a chunk has, and the bytes they take."""
        return self._records.count(data, last=last)

    def take(self, data: bytes, *, last: bool) -> Taken:
        """The records of a chunk."""
        return mapped(self._records.take(data, last=last), self._mapping, self._source)


def mapped(taken: Taken, mapping: Mapping, source: Source) -> Taken:
    """Records as the source knows them; those that the mapping leaves out are marked."""
    found = ask(taken.texts, statement(mapping, source))
    is_left_out = found[LEFT_OUT].to_numpy().astype(np.bool_)
    return replace(taken, texts=found.drop_columns([LEFT_OUT]), left_out=is_left_out)


@lru_cache
def statement(mapping: Mapping, source: Source) -> str:
    """The statement that maps rows; see `judge.ask`."""
    words = _Words(mapping, source)
    takes = dict(mapping.fields)
    columns = [
        f"{words.value(field, takes.get(field.name, ()))} AS {quoted(text(field))}"
        for field in source.fields
    ]
    columns += [
        f"{words.given(takes.get(field.name, ()))} AS {quoted(given(field))}"
        for field in source.fields
        if field.optional
    ]
    return f"""
        SELECT _n, {", ".join(columns)}, _problem, {words.extra()} AS _extra,
            _problem IS NULL AND {words.left_out()} AS {LEFT_OUT}
        FROM given
    """


class _Words:
    """Expressions over the texts of a record, as SQL."""

    def __init__(self, mapping: Mapping, source: Source) -> None:
        self._mapping = mapping
        self._missing = ("", *source.missing, *mapping.missing)

    def value(self, field: Field, takes: tuple[Take, ...]) -> str:
        """The text of a field, from the first way to come by it that finds one."""
        if not takes:
            return "CAST(NULL AS VARCHAR)"
        return f"coalesce({', '.join(self._taken(field, take) for take in takes)}, NULL)"

    def given(self, takes: tuple[Take, ...]) -> str:
        """Whether a field is there, with or without a value."""
        found = [_is_there(path) for take in takes for path in take.paths]
        return f"({' OR '.join(found)})" if found else "false"

    def left_out(self) -> str:
        """Whether a record is not wanted."""
        missed = [f"NOT {self._holds(each)}" for each in self._mapping.keep]
        met = [self._holds(each) for each in self._mapping.drop]
        return f"({' OR '.join([*missed, *met])})" if missed or met else "false"

    def extra(self) -> str:
        """What the mapping reads nothing of, as JSON: names at the top, and within objects."""
        parts = ["CASE WHEN _extra IS NOT NULL THEN _extra[2:-2] END"]
        for name in self._mapping.names:
            paths = [steps(path) for path in self._mapping.paths if steps(path)[0].name == name]
            if any(len(path) == 1 for path in paths):
                continue
            removed = _removal([path[1:] for path in paths])
            whole = quoted(f"text_{name}")
            rest = f"CAST(json_merge_patch({whole}, {literal(removed)}) AS VARCHAR)"
            is_object = f"json_valid({whole}) AND json_type({whole}) = 'OBJECT'"
            rest = f"nullif(CASE WHEN {is_object} THEN {rest} ELSE {whole} END, '{{}}')"
            key = f"to_json({literal(name)})::VARCHAR"
            kept = f"CASE WHEN json_valid({rest}) THEN {rest} ELSE to_json({rest})::VARCHAR END"
            parts.append(f"CASE WHEN {rest} IS NOT NULL THEN {key} || ':' || {kept} END")
        found = f"array_to_string(list_filter([{', '.join(parts)}], lambda p: p IS NOT NULL), ',')"
        return f"CASE WHEN _problem IS NULL THEN '{{' || nullif({found}, '') || '}}' END"

    def _holds(self, condition: Condition) -> str:
        """Whether a value is one of those that a condition names; never null."""
        value = self._cleaned(_at(condition.path))
        patterns = "|".join(
            ".*".join(_escaped(part) for part in each.split("*")) for each in condition.patterns
        )
        return f"coalesce(regexp_full_match({value}, {literal(f'(?s:{patterns})')}), false)"

    def _cleaned(self, value: str) -> str:
        trimmed = f"trim({value}, {BLANKS})"
        nothing = ", ".join(map(literal, self._missing))
        return f"CASE WHEN {trimmed} NOT IN ({nothing}) THEN {trimmed} END"

    def _taken(self, field: Field, take: Take) -> str:
        value = self._found(take)
        if take.extract is not None:
            value = f"nullif(regexp_extract({value}, {literal(take.extract)}, 1), '')"
        if take.values:
            cases = " ".join(f"WHEN {literal(a)} THEN {literal(b)}" for a, b in take.values)
            other = value if take.otherwise is None else literal(take.otherwise)
            value = f"CASE WHEN {value} IS NOT NULL THEN CASE {value} {cases} ELSE {other} END END"
        if take.format or take.zone:
            value = _written(value, take)
        if take.unit:
            is_moment = field.type in {DATE, TIMESTAMP}
            value = _moment(value, take.unit) if is_moment else _milliseconds(value, take.unit)
        return self._cleaned(value)

    def _found(self, take: Take) -> str:
        if take.constant is not None:
            return literal(take.constant)
        if take.hashed:
            parts = [self._cleaned(_at(path)) for path in take.hashed]
            pairs = ", ".join(f"coalesce(strlen({each}) || ':' || {each}, '-')" for each in parts)
            return (
                f"CASE WHEN coalesce({', '.join(parts)}) IS NOT NULL THEN md5(concat({pairs})) END"
            )
        return self._cleaned(_at(take.path))


def _escaped(part: str) -> str:
    return "".join(c if c.isalnum() or c in " _-/" else f"\\{c}" for c in part)


def _at(path: str) -> str:
    """The text at a path; null where there is none."""
    first, *others = steps(path)
    value = quoted(f"text_{first.name}")
    return f"CASE WHEN json_valid({value}) THEN {_inside(value, others)} END" if others else value


def _inside(value: str, others: list[Step]) -> str:
    plain: list[Step] = []
    for step in others:
        if not step.key:
            plain.append(step)
            continue
        listed = f"json_extract({value}, {_json_path(plain, '[*]')})"
        key = f"json_extract_string(_e, {_json_path([step])})"
        is_it = f"lambda _e: {key} = {literal(step.value)}"
        value, plain = f"list_filter({listed}, {is_it})[1]", []
    return f"json_extract_string({value}, {_json_path(plain)})" if plain else f"{value}::VARCHAR"


def _json_path(plain: list[Step], more: str = "") -> str:
    names = (f"[{s.index}]" if s.index is not None else f'."{s.name or s.key}"' for s in plain)
    return literal(f"${''.join(names)}{more}")


def _is_there(path: str) -> str:
    first, *others = steps(path)
    there = quoted(f"given_{first.name}")
    if not others:
        return there
    if any(step.key for step in others):
        return f"({_at(path)}) IS NOT NULL"
    value = quoted(f"text_{first.name}")
    inside = f"json_exists({value}, {_json_path(others)})"
    return f"coalesce(CASE WHEN json_valid({value}) THEN {inside} END, false)"


def _removal(paths: list[tuple[Step, ...]]) -> str:
    """A merge patch that takes away what stands at some paths of names; lists stay whole."""
    tree: dict[str, object] = {}
    for path in paths:
        if any(not step.name for step in path):
            continue
        at = tree
        for step in path[:-1]:
            inner = at.setdefault(step.name, {})
            if not isinstance(inner, dict):
                break  # taken as a whole by another path
            at = inner
        else:
            at[path[-1].name] = None
    return json.dumps(tree)


def _written(value: str, take: Take) -> str:
    """A moment that is written in its own way, or in the time of some place; else as it stands."""
    if take.format is None:
        is_naive = f"regexp_full_match({value}, {literal(NAIVE)})"
        moment = f"CASE WHEN {is_naive} THEN TRY_CAST({value} AS TIMESTAMP) END"
    else:
        moment = f"try_strptime({value}, {literal(take.format)})"
    if take.zone and "%z" not in (take.format or ""):
        moment = f"timezone({literal(take.zone)}, {moment})"
    return f"coalesce(CAST(CAST({moment} AS TIMESTAMPTZ) AS VARCHAR), {value})"


def _moment(value: str, unit: str) -> str:
    """A number since 1970 as a moment; what is no number, or none of our days, as it stands."""
    micros = _scaled(value, {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": -1_000}[unit])
    moment = f"CAST(make_timestamptz(CAST(round({micros}) AS BIGINT)) AS VARCHAR)"
    return _if_number(value, moment)


def _milliseconds(value: str, unit: str) -> str:
    """A number as milliseconds; what is none, as it stands."""
    scaled = _scaled(value, {"s": 1_000, "ms": 1, "us": -1_000, "ns": -1_000_000}[unit])
    return _if_number(value, f"CAST({scaled} AS VARCHAR)")


def _if_number(value: str, then: str) -> str:
    is_number = f"regexp_full_match({value}, '{NUMBER}')"
    return f"CASE WHEN {is_number} THEN coalesce(TRY({then}), {value}) ELSE {value} END"


def _scaled(value: str, factor: int) -> str:
    """A number times a factor or, where that is negative, divided by it; exact before a product."""
    if factor > 0:
        return f"CAST({value} AS DECIMAL(38,10)) * {factor}"
    return f"CAST({value} AS DOUBLE) / {-factor}"
