"""What an endpoint tells: rows of published tables, filtered, ordered, page by page."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from pydantic import TypeAdapter, ValidationError

from lakehouse.api.problems import ProblemError
from lakehouse.catalog.registry import registry
from lakehouse.io.sql import quoted
from lakehouse.spec import BOOLEAN, DATE, DOUBLE, INT, LONG, STRING, TIMESTAMP, Column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lakehouse.api.caching import Strategy
    from lakehouse.api.marts import Publication, Reading

IS_COMPLETE = "is_complete"
PYTHON: dict[str, type] = {
    STRING: str,
    BOOLEAN: bool,
    INT: int,
    LONG: int,
    DOUBLE: float,
    DATE: date,
    TIMESTAMP: datetime,
}
_TABLE = re.compile(r"\{([a-z0-9_.]+)\}")


@dataclass(frozen=True)
class Condition:
    """Rows whose column is as a value; of null, `=` means that it is null, `<>` that it is not."""

    column: str
    operator: Literal["=", "<>", "<", "<=", ">", ">="]
    value: Any


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Rows of tables, as an endpoint tells them.

    Attributes:
        tables: Tables that they are made of.
        sql: What stands in FROM, a table as `{gold.page_metrics}`.
        columns: What is told of each row.
        key: Columns that tell rows apart, in the order of the answer.
        cache: How answers are kept.
        day: The first column of the key, where that is a day: the newest comes first.
        where: Conditions, all of which hold.
    """

    tables: tuple[str, ...]
    sql: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    cache: Strategy
    day: str = ""
    where: tuple[Condition, ...] = field(default=())

    @classmethod
    def of(cls, name: str, cache: Strategy, *, day: str = "", but: tuple[str, ...] = ()) -> Listing:
        """A table as it is.

        Args:
            name: The table.
            cache: How answers are kept.
            day: Day by which it is read, newest first; empty = in the order of its key.
            but: Columns that are not told.
        """
        table = registry()[name].table
        columns = tuple(each for each in table.columns if each.name not in but)
        key = tuple(sorted(table.write.grain, key=lambda column: column != day))
        return cls(
            tables=(name,), sql=f"{{{name}}}", columns=columns, key=key, cache=cache, day=day
        )

    def equal(self, **values: object) -> Listing:
        """Only rows with these values; None = null."""
        return self._and(Condition(name, "=", value) for name, value in values.items())

    def within(self, first: date | None, last: date | None) -> Listing:
        """Only rows of these days, both included."""
        since = [Condition(self.day, ">=", first)] if first else []
        until = [Condition(self.day, "<=", last)] if last else []
        return self._and((*since, *until))

    def broken_down(self, into: Iterable[str], parts: Iterable[str]) -> Listing:
        """Only rows for each value of some parts; of those left out, the row for all (null)."""
        chosen = set(into)
        return self._and(Condition(part, "<>" if part in chosen else "=", None) for part in parts)

    def _and(self, conditions: Iterable[Condition]) -> Listing:
        return replace(self, where=(*self.where, *conditions))

    @property
    def digest(self) -> str:
        """Fingerprint of what is asked."""
        told = [
            self.sql,
            [c.name for c in self.columns],
            self.key,
            [
                (each.column, each.operator, str(each.value), each.value is None)
                for each in self.where
            ],
        ]
        return hashlib.blake2b(json.dumps(told).encode(), digest_size=12).hexdigest()

    def rows(
        self, reading: Reading, after: tuple[Any, ...] | None, limit: int
    ) -> list[tuple[Any, ...]]:
        """Rows behind a key, and one more than wanted, which tells that there is another page."""
        values: list[Any] = []
        conditions = [_holds(each, values) for each in self.where]
        if after is not None:
            conditions.append(self._behind(after, values))
        source = _TABLE.sub(lambda match: reading.relation(match[1]), self.sql)
        columns = ", ".join(quoted(column.name) for column in self.columns)
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        order = ", ".join(
            f"{quoted(name)} DESC" if name == self.day else f"{quoted(name)} ASC NULLS FIRST"
            for name in self.key
        )
        sql = f"SELECT {columns} FROM {source} AS t{where} ORDER BY {order} LIMIT {limit + 1}"
        return reading.rows(sql, values).values

    def _behind(self, after: tuple[Any, ...], values: list[Any]) -> str:
        """Rows that come behind a key, in the order of the answer."""
        ways: list[str] = []
        same: list[str] = []
        for name, value in zip(self.key, after, strict=True):
            column = quoted(name)
            if value is None:
                later = f"{column} IS NOT NULL"
            elif name == self.day:
                later = _holds(Condition(name, "<", value), values)
            else:
                later = _holds(Condition(name, ">", value), values)
            ways.append(" AND ".join([*same, later]))
            if name != self.key[-1]:
                same.append(_holds(Condition(name, "=", value), values))
        return f"({' OR '.join(f'({way})' for way in ways)})"

    def cursor(self, row: tuple[Any, ...]) -> str:
        """Where the next page begins: behind this row."""
        places = {column.name: place for place, column in enumerate(self.columns)}
        key = [row[places[name]] for name in self.key]
        told = json.dumps([self.digest, key], default=str, separators=(",", ":"))
        return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")

    def after(self, cursor: str) -> tuple[Any, ...]:
        """The key that a cursor names.

        Raises:
            ProblemError: It is none of ours, or of another question.
        """
        types = {column.name: python_type(column.type) for column in self.columns}
        try:
            padded = cursor + "=" * (-len(cursor) % 4)
            digest, key = json.loads(base64.urlsafe_b64decode(padded))
            named = zip(self.key, key, strict=True)
            found = tuple(
                None if value is None else TypeAdapter(types[name]).validate_python(value)
                for name, value in named
            )
        except (ValueError, TypeError, ValidationError) as error:
            raise _wrong_cursor("is none that an answer gave") from error
        texts = [each for each in key if isinstance(each, str)]
        if digest != self.digest or any("\0" in each for each in texts):
            raise _wrong_cursor("is of another question: ask it with the same parameters")
        return found


@dataclass(frozen=True, kw_only=True)
class Written(Listing):
    """Rows that no table holds: they follow from what is known of the published versions.

    Attributes:
        make: Publications by table → all rows, in any order. May wait: it is called in a thread.
        about: What tells this listing from others of its kind.
    """

    make: Callable[[Mapping[str, Publication]], Sequence[tuple[Any, ...]]]
    about: str = ""
    tables: tuple[str, ...] = ()
    sql: str = ""

    @property
    def digest(self) -> str:
        """See `Listing`."""
        return hashlib.blake2b(f"{super().digest}{self.about}".encode(), digest_size=12).hexdigest()

    def made(
        self, known: Mapping[str, Publication], after: tuple[Any, ...] | None, limit: int
    ) -> list[tuple[Any, ...]]:
        """See `Listing.rows`."""
        places = [[column.name for column in self.columns].index(name) for name in self.key]
        keyed = sorted((tuple(row[place] for place in places), row) for row in self.make(known))
        return [row for key, row in keyed if after is None or key > after][: limit + 1]


def python_type(kind: str) -> type:
    """The type of a column's values."""
    return Decimal if kind.startswith("decimal") else PYTHON[kind]


def _holds(condition: Condition, values: list[Any]) -> str:
    column = quoted(condition.column)
    if condition.value is None:
        return f"{column} IS {'' if condition.operator == '=' else 'NOT '}NULL"
    values.append(condition.value)
    return f"{column} {condition.operator} ${len(values)}"


def _wrong_cursor(why: str) -> ProblemError:
    detail = f"the cursor {why}; without one you get the first page"
    return ProblemError(HTTPStatus.BAD_REQUEST, "wrong-cursor", detail)
