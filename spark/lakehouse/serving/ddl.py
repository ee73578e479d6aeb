"""Tables of the serving database, from the specs: types, keys, indexes, partitions, comments."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse.io.sql import literal, quoted
from lakehouse.serving.ops_tables import OPS, OpsTable
from lakehouse.serving.roles import READER
from lakehouse.spec import BOOLEAN, DATE, DOUBLE, INT, LONG, STRING, TIMESTAMP

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lakehouse.catalog.registry import Entry
    from lakehouse.spec import Column, Table

STAGING, PARTITIONS = "staging", "partitions"
_TYPES = {
    STRING: "text",
    BOOLEAN: "boolean",
    INT: "integer",
    LONG: "bigint",
    DOUBLE: "double precision",
    DATE: "date",
    TIMESTAMP: "timestamp with time zone",
}
_LONGEST_NAME = 63


@dataclass(frozen=True)
class Served:
    """A table as the database knows it.

    Attributes:
        table: The contract.
        doc: What a reader sees as the table's comment.
    """

    table: Table
    doc: str

    @classmethod
    def of(cls, entry: Entry) -> Served:
        """The served form of a registered table."""
        return cls(entry.table, entry.doc)

    @property
    def name(self) -> str:
        """Where readers find it."""
        return f"{quoted(self.table.layer)}.{quoted(self.table.noun)}"

    @property
    def staged(self) -> str:
        """Where it is built before readers see it."""
        return f"{STAGING}.{quoted(self.table.noun)}"

    @property
    def columns(self) -> list[str]:
        """Names, in order: without those the engine adds."""
        return [column.name for column in self.table.columns]

    @property
    def grain(self) -> tuple[str, ...]:
        """Its key."""
        return self.table.write.grain

    @property
    def indexed(self) -> tuple[tuple[str, ...], ...]:
        """Columns of its key and of each index."""
        return (self.grain, *(self.table.serve.indexes if self.table.serve else ()))

    @property
    def by_year_of(self) -> str:
        """Column of the partitions, or nothing."""
        return self.table.serve.by_year_of if self.table.serve else ""

    @property
    def definition(self) -> str:
        """Fingerprint of everything that a rebuild would make differently."""
        text = "\n".join([*self.create(), *self.finish(), *self.partition(2000)])
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def create(self) -> Iterator[str]:
        """Statements that make it in staging, still without key and indexes."""
        columns = _columns(self.table.columns)
        by = f" PARTITION BY RANGE ({quoted(self.by_year_of)})" if self.by_year_of else ""
        yield f"DROP TABLE IF EXISTS {self.staged} CASCADE"
        yield f"CREATE TABLE {self.staged} ({columns}){by}"

    def partition(self, year: int) -> Iterator[str]:
        """Statements that make a year's part of the staged table."""
        if self.by_year_of:
            yield (
                f"CREATE TABLE {STAGING}.{self.part(year)} PARTITION OF {self.staged} "
                f"{_year_bounds(year)}"
            )

    def attach(self, year: int) -> Iterator[str]:
        """Statements that add a year to the served table, without keeping readers out."""
        part = f"{PARTITIONS}.{self.part(year)}"
        yield f"CREATE TABLE {part} (LIKE {self.name} INCLUDING DEFAULTS)"
        yield f"ALTER TABLE {self.name} ATTACH PARTITION {part} {_year_bounds(year)}"

    def finish(self) -> Iterator[str]:
        """Statements that make the staged table what readers expect: key, indexes, comments."""
        yield self._key()
        for columns in self.table.serve.indexes if self.table.serve else ():
            name = _index_name(self.table.noun, columns)
            yield f"CREATE INDEX {name} ON {self.staged} ({_list(columns)})"
        yield f"COMMENT ON TABLE {self.staged} IS {literal(self.doc)}"
        yield from _comments(self.staged, self.table.columns)

    def swap(self, years: Iterable[int]) -> Iterator[str]:
        """Statements that put the staged table in the place of the served one."""
        yield f"DROP TABLE IF EXISTS {self.name}"
        yield f"ALTER TABLE {self.staged} SET SCHEMA {quoted(self.table.layer)}"
        for year in years if self.by_year_of else ():
            yield f"ALTER TABLE {STAGING}.{self.part(year)} SET SCHEMA {PARTITIONS}"

    def part(self, year: int) -> str:
        """Name of a year's part."""
        suffix = f"_{year:04}"
        stem = f"{self.table.layer}_{self.table.noun}"[: _LONGEST_NAME - len(suffix)]
        return quoted(stem + suffix)

    def _key(self) -> str:
        nullable = {column.name for column in self.table.columns if column.nullable}
        if nullable & set(self.grain):  # null is a value of a key: it stands for all
            name = _index_name(self.table.noun, ("key",))
            columns = f"({_list(self.grain)}) NULLS NOT DISTINCT"
            return f"CREATE UNIQUE INDEX {name} ON {self.staged} {columns}"
        return f"ALTER TABLE {self.staged} ADD PRIMARY KEY ({_list(self.grain)})"


def sql_type(kind: str) -> str:
    """The database's type for a type of the specs.

    Raises:
        KeyError: It has none; a served table holds plain columns only.
    """
    if exact := re.fullmatch(r"decimal(\(\d+,\d+\))", kind):
        return f"numeric{exact[1]}"
    return _TYPES[kind]


def schemas(layers: Iterable[str]) -> Iterator[str]:
    """Statements that make the schemas."""
    for name in (*sorted(layers), STAGING, PARTITIONS, "ops"):
        yield f"CREATE SCHEMA IF NOT EXISTS {quoted(name)}"


def records(name: str, table: OpsTable) -> Iterator[str]:
    """Statements that make a table of records in the place of one laid out otherwise."""
    yield f"DROP TABLE IF EXISTS {name}"
    key = f"PRIMARY KEY ({_list(table.key)})"
    yield f"CREATE TABLE {name} ({_columns(table.columns)}, {key})"
    yield from _comments(name, table.columns)


def admit(layers: Iterable[str]) -> Iterator[str]:
    """Statements that let the reader into the schemas, and show him what publishing tells."""
    for name in (*sorted(layers), "ops"):
        yield f"GRANT USAGE ON SCHEMA {quoted(name)} TO {READER}"
    yield f"GRANT SELECT ON {', '.join(OPS)} TO {READER}"


def _columns(columns: Iterable[Column]) -> str:
    return ", ".join(
        f"{quoted(each.name)} {sql_type(each.type)}{'' if each.nullable else ' NOT NULL'}"
        for each in columns
    )


def _comments(table: str, columns: Iterable[Column]) -> Iterator[str]:
    for each in columns:
        yield f"COMMENT ON COLUMN {table}.{quoted(each.name)} IS {literal(each.doc)}"


def _year_bounds(year: int) -> str:
    return f"FOR VALUES FROM ('{year:04}-01-01') TO ('{year + 1:04}-01-01')"


def _index_name(noun: str, columns: tuple[str, ...]) -> str:
    return quoted(f"{noun}_{'_'.join(columns)}_idx"[-_LONGEST_NAME:])


def _list(columns: Iterable[str]) -> str:
    return ", ".join(quoted(name) for name in columns)
