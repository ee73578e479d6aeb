"""What the columns of derived tables are made of, from the queries that their transforms build.

No row is read: a transform on empty inputs is a query, and each of its columns is followed through
the steps of it down to columns of the inputs. What a value is computed from counts, be it as a
condition or an order; what only chooses the rows (filters, keys of joins and groups) does not.

`python -m lakehouse.engines.duckdb.column_lineage` prints it as JSON: a process of its own, as
PySpark means SQLFrame in it.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from sqlglot import exp, parse_one
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

from lakehouse.catalog.policies import policies
from lakehouse.engines.duckdb import planning
from lakehouse.engines.duckdb.activation import activate
from lakehouse.settings import Settings, load_settings
from lakehouse.spec import Run, Scd2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakehouse.catalog.registry import Entry, Registry
    from lakehouse.spec import Table

Origin = tuple[str, str]
"""Input table and column."""
Path = tuple[str, ...]
"""Fields of a struct, the outer one first."""

KINDS = {"string": "varchar", "timestamp": "timestamptz"}
"""DuckDB's name of a type, where it has another."""
WHOLE_QUERY = sys.maxsize
"""Steps of a query that stay one text."""


class UntracedColumnError(Exception):
    """A name in a query that nothing there defines."""


def column_lineage(registry: Registry) -> dict[str, dict[str, list[str] | None]]:
    """Derived table → its columns → `table.column` of what they are made of.

    An empty list: of no column (a number of rows, a constant, a date of the run). None: it cannot
    be told, and may be anything in the inputs.
    """
    session: Any = activate()
    planning.MOST_STEPS = WHOLE_QUERY
    for entry in registry:
        columns = ", ".join(
            f'"{each.name}" {KINDS.get(each.type, each.type)}'
            for each in entry.table.stored_columns
        )
        session._conn.execute(f"CREATE TABLE {_flat(entry.table.name)} ({columns})")  # noqa: SLF001  # of ours
    return {
        entry.table.name: _columns(entry, session)
        for entry in registry
        if entry.table.source is None
    }


def _columns(entry: Entry, session: Any) -> dict[str, list[str] | None]:  # noqa: ANN401  # SQLFrame's
    names = {_flat(each.name): each.name for each in entry.table.upstream}
    root = _scope(_query(entry, session), entry.table)
    tracer = _Tracer()
    made: dict[str, list[str] | None] = {}
    for column in entry.table.columns:
        try:
            origins = tracer.of_column(root, column.name, ())
        except UntracedColumnError:
            made[column.name] = None
        else:
            made[column.name] = sorted(f"{names[table]}.{name}" for table, name in origins)
    return made


def _query(entry: Entry, session: Any) -> str:  # noqa: ANN401  # same
    from pyspark.sql import functions as F  # noqa: PLC0415  # SQLFrame's, now that it is active

    from lakehouse.transforms.dedupe import FATE, LOADED  # noqa: PLC0415  # same
    from lakehouse.transforms.scd2 import intervals  # noqa: PLC0415  # same

    now = datetime.now(UTC)
    shipped = load_settings(reference=Settings.model_fields["reference"].default)
    run = Run("lineage", now.date(), now, policies(entry.table.policies, shipped))
    first, *others = (session.table(_flat(each.name)) for each in entry.table.upstream)
    if entry.fates:
        first = entry.fates(first.withColumn(FATE, F.lit(LOADED)), run)
    rows: Any = entry.transform(first, *others, run)
    if isinstance(entry.table.write, Scd2):
        rows = intervals(rows, entry.table.write)
    written = rows.sql(optimize=False, dialect="duckdb", pretty=False)
    return str(written)


def _scope(query: str, table: Table) -> Scope:
    schema: dict[str, object] = {
        _flat(each.name): {column.name: column.type for column in each.stored_columns}
        for each in table.upstream
    }
    tree = qualify(
        parse_one(query, read="duckdb"),
        schema=schema,
        dialect="duckdb",
        validate_qualify_columns=False,
        identify=False,
    )
    root = build_scope(tree)
    if root is None:
        raise UntracedColumnError(table.name)
    return root


def _flat(name: str) -> str:
    return name.replace(".", "__")


@dataclass(frozen=True)
class _Tracer:
    """Follows columns through the steps of one query.

    Attributes:
        known: What columns of steps are made of, as far as it was asked for.
    """

    known: dict[tuple[int, str, Path], frozenset[Origin]] = field(default_factory=dict)

    def of_column(self, scope: Scope, name: str, path: Path) -> frozenset[Origin]:
        """Of a column of a step; `path` leads to the field of it that is meant."""
        key = (id(scope), name, path)
        if key not in self.known:
            self.known[key] = frozenset(self._of_column(scope, name, path))
        return self.known[key]

    def _of_column(self, scope: Scope, name: str, path: Path) -> Iterator[Origin]:
        if isinstance(scope.expression, exp.SetOperation):
            place = _query_of(scope).named_selects.index(name)
            for each in scope.set_operation_scopes:
                yield from self.of_column(each, _query_of(each).named_selects[place], path)
            return
        found = [each for each in _query_of(scope).selects if each.alias_or_name == name]
        if not found:
            raise UntracedColumnError(name)
        yield from self._of(scope, found[0].unalias(), path)

    def _of(self, scope: Scope, node: exp.Expr, path: Path) -> Iterator[Origin]:
        if isinstance(node, exp.Column):
            yield from self._of_reference(scope, node, path)
        elif isinstance(node, exp.Dot):
            yield from self._of(scope, node.this, (node.expression.name, *path))
        elif isinstance(node, exp.Bracket) and _is_name(node.expressions):
            yield from self._of(scope, node.this, (node.expressions[0].name, *path))
        elif isinstance(node, exp.Struct) and (value := _field(node, path)) is not None:
            yield from self._of(scope, value, path[1:])
        elif isinstance(node, exp.Query):
            inner = next(each for each in scope.subquery_scopes if each.expression is node)
            for name in _query_of(inner).named_selects:
                yield from self.of_column(inner, name, ())
        else:
            for child in node.iter_expressions():
                orders = isinstance(child, exp.Ordered)
                yield from self._of(scope, child, () if orders else path)

    def _of_reference(self, scope: Scope, column: exp.Column, path: Path) -> Iterator[Origin]:
        source = scope.sources.get(column.table)
        if isinstance(source, Scope):
            yield from self.of_column(source, column.name, path)
        elif isinstance(source, exp.Table):
            yield source.name, column.name
        elif not _is_parameter(column):
            raise UntracedColumnError(column.sql())


def _query_of(scope: Scope) -> exp.Query:
    return cast("exp.Query", scope.expression)


def _is_parameter(column: exp.Column) -> bool:
    """Whether it is a parameter of a lambda: what that runs over stands beside it."""
    scopes = (each for each in _above(column) if isinstance(each, exp.Lambda))
    names = {parameter.name for each in scopes for parameter in each.expressions}
    return (column.table or column.name) in names


def _above(node: exp.Expr) -> Iterator[exp.Expr]:
    while (parent := node.parent) is not None:
        yield parent
        node = parent


def _is_name(keys: list[exp.Expr]) -> bool:
    return len(keys) == 1 and isinstance(keys[0], exp.Literal) and keys[0].is_string


def _field(struct: exp.Struct, path: Path) -> exp.Expr | None:
    """The value of the field that a path begins with."""
    if not path:
        return None
    for each in struct.expressions:
        if each.this.name == path[0]:
            value: exp.Expr = each.expression
            return value
    return None


def main() -> None:
    """Print the lineage of all tables."""
    activate()  # before the tables import PySpark
    from lakehouse.catalog.registry import registry  # noqa: PLC0415  # same

    json.dump(column_lineage(registry()), sys.stdout, indent=1, sort_keys=True)


if __name__ == "__main__":
    main()
