"""Rows of a source as its declaration allows them, and lines that it rejects."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import islice
from typing import Any

import duckdb
import pyarrow as pa

from lakehouse.spec import BOOLEAN, DATE, DOUBLE, INT, LONG, STRING, TIMESTAMP, Field, Source

FIRST_DAY = date(2026, 1, 1)
N_KEYS = 8
MISSING = (None, "", "  ", "NULL", r"\N")
WRONG: dict[str, tuple[object, ...]] = {
    DATE: ("soon", "2026-02-30", "1969-12-31", 7),
    TIMESTAMP: ("soon", "2026-01-01 25:00:00", "2200-01-01 00:00:00", "1"),
    BOOLEAN: ("perhaps", 2),
    INT: ("many", 1.5, 2**31),
    LONG: ("many", 1.5, 2**63),
    DOUBLE: ("many", "Infinity"),
}
Row = dict[str, Any]


def day(chance: random.Random, span: int = 20) -> str:
    return (FIRST_DAY + timedelta(days=chance.randrange(span))).isoformat()


def moment(chance: random.Random, span: int = 20) -> str:
    """Some second; often close to midnight, and close to other moments."""
    hour = chance.choice([0, 0, 1, 9, 9, 10, 23, 23])
    minute, second = chance.choice([0, 15, 29, 30, 59]), chance.choice([0, 1])
    return f"{day(chance, span)} {hour:02}:{minute:02}:{second:02}"


def make_rows(
    source: Source, chance: random.Random, n: int = 24, shared: Collection[str] = ("user_id",)
) -> tuple[list[Row], list[str]]:
    """Rows that the source accepts, and lines that it rejects: at most one to eight of them.

    Args:
        source: What is declared of the rows.
        chance: The same one makes the same rows.
        n: Rows to accept.
        shared: Names of keys that other sources tell, too: each of their values is told, so that
            what refers to them finds them.
    """
    maker = _Maker(source, chance, n, shared)
    good = [nested(source, maker.accepted(number)) for number in range(n)]
    bad = list(maker.rejected())
    return good, chance.sample(bad, min(len(bad), n // 8))


def nested(source: Source, row: Row) -> Row:
    """A row with its values in the objects that their fields stand in."""
    places = {field.name: field.at.split(".") for field in source.fields if field.at}
    told: Row = {name: value for name, value in row.items() if name not in places}
    for name, around in places.items():
        if name in row:
            place = told
            for each in around:
                place = place.setdefault(each, {})
            place[name] = row[name]
    return told


@dataclass(frozen=True)
class _Maker:
    source: Source
    chance: random.Random
    n: int
    shared: Collection[str]

    def accepted(self, number: int) -> Row:
        for _ in range(50):
            drawn = [self.row(number) for _ in range(4)]
            for row, broken in zip(drawn, _broken_rules(self.source, drawn), strict=True):
                if not broken:
                    return row
        message = f"{self.source.name}: of 200 rows none satisfies the rules"
        raise ValueError(message)

    def rejected(self) -> Iterator[str]:
        """A line of each kind that the source rejects."""
        for field in self.source.fields:
            if field.required:
                yield self._line({k: v for k, v in self.row().items() if k != field.name})
            if field.required or field.optional:
                yield self._line(self.row() | {field.name: self.chance.choice(MISSING)})
            if wrong := _wrong(field):
                yield self._line(self.row() | {field.name: self.chance.choice(wrong)})
        drawn = [self.row() for _ in range(100)]
        found = list(zip(drawn, _broken_rules(self.source, drawn), strict=True))
        for rule in self.source.rules:
            broken = (row for row, names in found if rule.name in names)
            yield from map(self._line, islice(broken, 1))
        for at in self.source.nested:
            yield json.dumps(nested(self.source, self.row()) | {at.split(".")[0]: "no object"})
        yield self._malformed(self._line(self.row() | {"undeclared_field": 1}))

    def _line(self, row: Row) -> str:
        return json.dumps(nested(self.source, row))

    def row(self, number: int | None = None) -> Row:
        """A row of the declared types, which may break a rule."""
        row: Row = {}
        for field in self.source.fields:
            if field.required or self.chance.random() < 0.75:
                row[field.name] = self._value(field, number)
            elif not field.optional and self.chance.random() < 0.5:
                row[field.name] = self.chance.choice(MISSING)
        if self.chance.random() < 0.1:
            row["undeclared_field"] = self.chance.choice(["a", 1, None])
        return row

    def _malformed(self, line: str) -> str:
        told_twice = f'{{"undeclared_field": 2, {line[1:]}'
        return self.chance.choice([line[:-1], f"{line} x", f"[{line}, 1]", told_twice])

    def _value(self, field: Field, number: int | None) -> object:
        chance = self.chance
        if field.examples:
            return chance.choice(field.examples)
        if field.type == STRING:
            text = self._text(field, number)
            return f" {text} " if chance.random() < 0.05 else text
        if field.type == DATE:
            return day(chance)
        if field.type == TIMESTAMP:
            told = moment(chance)
            return chance.choice([told, f"{told.replace(' ', 'T')}Z"])
        if field.type == BOOLEAN:
            return chance.choice([True, False, "true", "false"])
        told_number = chance.choice(_numbers(field.type, chance))
        return chance.choice([told_number, str(told_number)])

    def _text(self, field: Field, number: int | None) -> str:
        """Few values, so that keys meet; what may identify the row has as many as there are rows.

        Values of a shared key come in turn, until each was told.
        """
        if not field.name.endswith("_id"):
            return self.chance.choice([f"{field.name} a", "b", 'ü, "c"'])
        if field.name in self.shared:
            is_turn = number is not None and number < N_KEYS
            return f"{field.name[0]}{number if is_turn else self.chance.randrange(N_KEYS)}"
        is_identity = field.required or field.optional
        return f"{field.name[0]}{self.chance.randrange(self.n if is_identity else 3)}"


def _wrong(field: Field) -> tuple[object, ...]:
    """Values that are none of the type; every value is a text."""
    if field.type.startswith("decimal"):
        return ("many",)
    wrong = WRONG.get(field.type, ())
    return tuple(value for value in wrong if not (field.rounded and isinstance(value, float)))


def _numbers(type_: str, chance: random.Random) -> list[int | float]:
    if type_ in {INT, LONG}:
        return [-1, 0, 1, 7000, 2**31 - 1 if type_ == INT else 30_000_000]
    if type_ == DOUBLE:
        return [-1, 0, 0.1, 1e3, 49.99]
    precision, scale = _places(type_)
    whole = chance.randrange(10 ** min(precision - scale, 4))
    places = min(scale, 4)
    return [0, whole, -whole, float(f"{whole}.{chance.randrange(10**places):0{places}}")]


def _places(type_: str) -> tuple[int, int]:
    precision, scale = type_.removeprefix("decimal(").removesuffix(")").split(",")
    return int(precision), int(scale)


def _broken_rules(source: Source, rows: list[Row]) -> list[list[str]]:
    """Rules that each row breaks, as another engine than the lake's reads their predicates."""
    if not source.rules:
        return [[] for _ in rows]
    names = set(re.findall(r"\w+", " ".join(rule.predicate for rule in source.rules)))
    fields = [field for field in source.fields if field.name in names]
    given = pa.table(
        {f.name: pa.array([_told(row.get(f.name)) for row in rows], pa.string()) for f in fields}
    )
    values = ", ".join(
        f'coalesce(CAST("{field.name}" AS {field.type}), CAST({field.default or "NULL"} AS '
        f'{field.type})) AS "{field.name}"'
        for field in fields
    )
    rules = ", ".join(f"coalesce({rule.predicate}, true)" for rule in source.rules)
    connection = _duckdb()
    connection.register("given", given)
    found = connection.execute(f"SELECT {rules} FROM (SELECT {values} FROM given)").fetchall()
    return [
        [rule.name for rule, holds in zip(source.rules, row, strict=True) if not holds]
        for row in found
    ]


def _told(value: object) -> str | None:
    """A value as text, as the landing file tells it; null when there is none."""
    return None if value in MISSING else str(value).strip()


@cache
def _duckdb() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()
