"""Records of files with a mapping: the texts that stand there → the texts of a source's fields."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lakehouse.io.sql import literal, quoted
from lakehouse.landing.reader.judge import ask, given, text
from lakehouse.landing.reader.taken import columns
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
    schema = pa.schema(columns(source))
    return replace(taken, texts=found.select(schema.names).cast(schema), left_out=is_left_out)


@lru_cache
def statement(mapping: Mapping, source: Source) -> str:
    """The statement that maps rows; see `judge.ask`."""
    words = _Words(mapping, source)
    takes = dict(mapping.fields)
    selected = [
        f"{words.value(field, takes.get(field.name, ()))} AS {quoted(text(field))}"
        for field in source.fields
    ]
    selected += [
        f"{words.given(takes.get(field.name, ()))} AS {quoted(given(field))}"
        for field in source.fields
        if field.optional
    ]
    selected += [f"{words.extra()} AS _extra", f"{words.left_out()} AS {LEFT_OUT}"]
    return f"SELECT _n, _problem, {', '.join(selected)} FROM {words.steps.relation()}"


class _Steps:
    """Columns made one from another, each computed once: a step may use those before it."""

    def __init__(self) -> None:
        self._steps: list[dict[str, str]] = [{} for _ in range(N_STEPS)]

    def put(self, step: int, expression: str) -> str:
        """The column that holds an expression."""
        known = self._steps[step]
        return known.setdefault(expression, f"_s{step}_{len(known)}")

    def relation(self) -> str:
        """The rows with all columns."""
        found = "given"
        for step in filter(None, self._steps):
            columns = ", ".join(f"{expression} AS {name}" for expression, name in step.items())
            found = f"(SELECT *, {columns} FROM {found})"
        return found


N_STEPS = 11
DOCUMENT, CELLS, TRIMMED, LEAF, HASHED, EXTRACTED, RENAMED, WRITTEN, SCALED, TRIM, CLEAN = range(
    N_STEPS
)


class _Words:
    """Expressions over the texts of a record, as SQL."""

    def __init__(self, mapping: Mapping, source: Source) -> None:
        self.steps = _Steps()
        self._mapping = mapping
        self._missing = ("", *source.missing, *mapping.missing)

    def value(self, field: Field, takes: tuple[Take, ...]) -> str:
        """The text of a field, from the first way to come by it that finds one."""
        if not takes:
            return "CAST(NULL AS VARCHAR)"
        return f"coalesce({', '.join(self._taken(field, take) for take in takes)}, NULL)"

    def given(self, takes: tuple[Take, ...]) -> str:
        """Whether a field is there, with or without a value."""
        found = [self._is_there(path) for take in takes for path in take.paths]
        return f"({' OR '.join(found)})" if found else "false"

    def left_out(self) -> str:
        """Whether a record is not wanted."""
        missed = [f"NOT {self._holds(each)}" for each in self._mapping.keep]
        met = [self._holds(each) for each in self._mapping.drop]
        found = " OR ".join([*missed, *met]) or "false"
        return f"_problem IS NULL AND ({found})"

    def extra(self) -> str:
        """What the mapping reads nothing of, as JSON: names at the top, and within objects."""
        parts = ["CASE WHEN _extra IS NOT NULL THEN _extra[2:-2] END"]
        for name in self._mapping.names:
            paths = [steps(path) for path in self._mapping.paths if steps(path)[0].name == name]
            if any(len(path) == 1 for path in paths):
                continue
            document = self._document(name)
            removed = literal(_removal([path[1:] for path in paths]))
            rest = self.steps.put(
                CELLS,
                f"CASE WHEN json_type({document}) = 'OBJECT' "
                f"THEN nullif(CAST(json_merge_patch({document}, {removed}) AS VARCHAR), '{{}}') "
                f"ELSE coalesce({document}, to_json({_column(name)})::VARCHAR) END",
            )
            parts.append(f"{literal(json.dumps(name) + ':')} || {rest}")
        found = f"array_to_string(list_filter([{', '.join(parts)}], lambda p: p IS NOT NULL), ',')"
        return f"CASE WHEN _problem IS NULL THEN '{{' || nullif({found}, '') || '}}' END"

    def _holds(self, condition: Condition) -> str:
        """Whether a value is one of those that a condition names; never null."""
        patterns = "|".join(
            ".*".join(_escaped(part) for part in each.split("*")) for each in condition.patterns
        )
        value, pattern = self._leaf(condition.path), literal(f"(?s:{patterns})")
        return f"coalesce(regexp_full_match({value}, {pattern}), false)"

    def _taken(self, field: Field, take: Take) -> str:
        value = found = self._found(take)
        if take.extract is not None:
            pattern = literal(take.extract)
            value = self.steps.put(EXTRACTED, f"nullif(regexp_extract({value}, {pattern}, 1), '')")
        if take.values:
            cases = " ".join(f"WHEN {literal(a)} THEN {literal(b)}" for a, b in take.values)
            other = value if take.otherwise is None else literal(take.otherwise)
            value = self.steps.put(
                RENAMED,
                f"CASE WHEN {value} IS NOT NULL THEN CASE {value} {cases} ELSE {other} END END",
            )
        if take.format or take.zone:
            value = self.steps.put(WRITTEN, _written(value, take))
        if take.unit:
            is_moment = field.type in {DATE, TIMESTAMP}
            scaled = _moment(value, take.unit) if is_moment else _milliseconds(value, take.unit)
            value = self.steps.put(SCALED, scaled)
        is_clean = value == found and take.constant is None
        return value if is_clean else self._cleaned(value, TRIM, CLEAN)

    def _found(self, take: Take) -> str:
        if take.constant is not None:
            return literal(take.constant)
        if not take.hashed:
            return self._leaf(take.path)
        parts = [self._leaf(path) for path in take.hashed]
        pairs = ", ".join(f"coalesce(strlen({each}) || ':' || {each}, '-')" for each in parts)
        is_there = f"coalesce({', '.join(parts)}) IS NOT NULL"
        return self.steps.put(HASHED, f"CASE WHEN {is_there} THEN md5(concat({pairs})) END")

    def _leaf(self, path: str) -> str:
        """The text at a path; null where there is none, or one that stands for none."""
        return self._cleaned(self._at(path), TRIMMED, LEAF)

    def _cleaned(self, value: str, trim: int, clean: int) -> str:
        trimmed = self.steps.put(trim, f"trim({value}, {BLANKS})")
        nothing = ", ".join(map(literal, self._missing))
        return self.steps.put(clean, f"CASE WHEN {trimmed} NOT IN ({nothing}) THEN {trimmed} END")

    def _document(self, name: str) -> str:
        """A value at the top where it is JSON."""
        value = _column(name)
        return self.steps.put(DOCUMENT, f"CASE WHEN json_valid({value}) THEN {value} END")

    def _at(self, path: str) -> str:
        first, *others = steps(path)
        if not others:
            return _column(first.name)
        document = self._document(first.name)
        if any(step.key for step in others):
            return self.steps.put(CELLS, _looked_up(document, others))
        # All that is wanted of a document is taken out of it at once.
        alike = [
            _json_path(list(each[1:]))
            for each in map(steps, self._mapping.paths)
            if each[0] == first and each[1:] and not any(step.key for step in each)
        ]
        cells = self.steps.put(CELLS, f"json_extract_string({document}, [{', '.join(alike)}])")
        return f"{cells}[{alike.index(_json_path(others)) + 1}]"

    def _is_there(self, path: str) -> str:
        first, *others = steps(path)
        if not others:
            return quoted(f"given_{first.name}")
        if any(step.key for step in others):
            return f"{self._at(path)} IS NOT NULL"
        return f"coalesce(json_exists({self._document(first.name)}, {_json_path(others)}), false)"


def _column(name: str) -> str:
    return quoted(f"text_{name}")


def _escaped(part: str) -> str:
    return "".join(c if c.isalnum() or c in " _-/" else f"\\{c}" for c in part)


def _looked_up(value: str, others: list[Step]) -> str:
    """The text at a path with elements that are found by a value of theirs."""
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
