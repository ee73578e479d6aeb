"""What dashboards may read: the served tables, empty, in a database that judges queries.

DuckDB speaks enough of PostgreSQL to say of a query which columns it gives, and of a wrong one
what is wrong with it: no server is needed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import duckdb
from jinja2 import TemplateError
from jinja2.sandbox import SandboxedEnvironment

from lakehouse.errors import ConfigError
from lakehouse.serving.ddl import sql_type
from lakehouse.serving.ops_tables import OPS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakehouse.catalog.registry import Registry
    from lakehouse.spec import Column

_FROM_DUCKDB = {"VARCHAR": "TEXT", "DOUBLE": "DOUBLE PRECISION", "HUGEINT": "NUMERIC"}
_CHOICE = re.compile(r"filter_values\(\s*'(\w+)'")
_READS = re.compile(r"\b(?:gold|silver|ops)\.\w+\b")
_SAMPLE = "Last 30 days"
"""A choice that every template takes."""


def served(registry: Registry) -> dict[str, tuple[Column, ...]]:
    """Every served table with its columns."""
    of_lake = {name: registry[name].table.columns for name in registry.served}
    return of_lake | {name: table.columns for name, table in OPS.items()}


def postgres_type(spark_type: str) -> str:
    """A column's type in PostgreSQL, as Superset writes it."""
    return sql_type(spark_type).upper()


class Judge:
    """Empty served tables, and what queries over them give."""

    def __init__(self, tables: dict[str, tuple[Column, ...]]) -> None:
        """Make the tables."""
        self._database = duckdb.connect()
        for name in sorted({table.partition(".")[0] for table in tables}):
            self._database.execute(f"CREATE SCHEMA {name}")
        for name, columns in tables.items():
            listed = ", ".join(f'"{c.name}" {postgres_type(c.type)}' for c in columns)
            self._database.execute(f"CREATE TABLE {name} ({listed})")

    def columns(self, query: str) -> dict[str, str]:
        """Columns that a query gives, with their types in PostgreSQL.

        Raises:
            ConfigError: The query is wrong; says what the database says.
        """
        try:
            rows = self._database.execute(f"DESCRIBE {query}").fetchall()
        except duckdb.Error as error:
            raise ConfigError(str(error).splitlines()[0]) from error
        return {
            row[0]: _FROM_DUCKDB.get(row[1], row[1].replace("DECIMAL", "NUMERIC")) for row in rows
        }


def choices(sql: str) -> set[str]:
    """Columns of filters that a template asks for."""
    return set(_CHOICE.findall(sql))


def reads(sql: str) -> list[str]:
    """Served tables that a query names, in order."""
    return list(dict.fromkeys(_READS.findall(sql)))


def renderings(sql: str) -> Iterator[str]:
    """A template as Superset renders it: nothing chosen, something in each filter, in all of them.

    Raises:
        ConfigError: It is no template.
    """
    asked = sorted(choices(sql))
    for chosen in ([], *([column] for column in asked), asked):
        yield rendered(sql, {column: [_SAMPLE] for column in chosen})


def rendered(sql: str, chosen: dict[str, list[str]]) -> str:
    """A template as Superset renders it with values chosen in filters on columns.

    Raises:
        ConfigError: It is no template.
    """

    def filter_values(
        column: str,
        default: str | None = None,
        remove_filter: bool = False,  # noqa: ARG001, FBT001, FBT002  # Superset's signature
    ) -> list[str]:
        return chosen.get(column) or ([default] if default else [])

    def where_in(values: list[Any]) -> str:
        quoted = ("'{}'".format(str(value).replace("'", "''")) for value in values)
        return f"({', '.join(quoted)})"

    sandbox = SandboxedEnvironment(autoescape=False)  # SQL, not HTML
    sandbox.filters["where_in"] = where_in
    try:
        return sandbox.from_string(sql).render(filter_values=filter_values)
    except (TemplateError, TypeError, ValueError) as error:
        raise ConfigError(f"its sql is not a valid template: {error}") from error
