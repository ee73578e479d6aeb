"""What the names in a query mean: a column of a published relation or of the query itself.

sqlglot resolves them, and what it made is then checked name by name against the scopes: what could
not be resolved is refused, so no server is ever asked to find a meaning for a name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.errors import OptimizeError, SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.schema import MappingSchema

from lakehouse.api.query.refusal import RefusedError
from lakehouse.errors import close_to

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lakehouse.api.query.parts import Bound, Value

OWN = "own_"
"""What names of the query's own tables begin with in the SQL that runs. None of the catalogs'
tables is called so: should a server see a narrower scope than sqlglot did, it finds nothing."""


def resolved(tree: exp.Query, relations: Mapping[str, Mapping[str, str]]) -> exp.Query:
    """The query with every column written as `table.column`, and no star.

    Raises:
        RefusedError: A name means nothing, or nothing that may be read.
    """
    for each in tree.find_all(exp.Identifier):
        each.set("this", each.name.lower())  # as DuckDB, in quotes or not; columns are lower case
    for scope in _scopes(tree):
        _assert_relations(scope, relations)
    try:
        tree = qualify(
            tree,
            schema=schema_of(tree, relations),
            dialect="duckdb",
            expand_alias_refs=False,  # copies aliases of aliases: 30 lines could become 2^30
            validate_qualify_columns=False,
        )
    except OptimizeError as error:
        raise RefusedError("column", str(error).partition(". Line")[0]) from error
    except (SqlglotError, RecursionError, KeyError, ValueError, AttributeError) as error:
        raise RefusedError("construct", "the names in the query cannot be resolved") from error
    for scope in _scopes(tree):
        _mean_outputs(scope, relations)
    for scope in _scopes(tree):
        _assert_columns(scope, relations)
    _rename_own(tree)
    return tree


def schema_of(tree: exp.Query, relations: Mapping[str, Mapping[str, str]]) -> MappingSchema:
    """The relations of a query as sqlglot's optimizer takes them."""
    schema = MappingSchema(dialect="spark", normalize=False)
    for name in relations_of(tree):
        layer, _, noun = name.partition(".")
        kinds = relations[name].items()
        types = {c: "timestamptz" if kind == "timestamp" else kind for c, kind in kinds}
        schema.add_table(exp.table_(noun, db=layer), types, match_depth=False)
    return schema


def relations_of(tree: exp.Query) -> set[str]:
    """Names of the published relations that a resolved query reads."""
    return {f"{each.db}.{each.name}" for each in tree.find_all(exp.Table) if each.db}


def assert_told_apart(tree: exp.Query, columns: Sequence[str]) -> None:
    """Two columns of an answer cannot have one name.

    Raises:
        RefusedError: They do.
    """
    if twice := sorted({name for name in columns if columns.count(name) > 1}):
        message = f"the answer would have two columns {twice[0]}; rename one with AS"
        raise RefusedError.at(tree, "column", message)


def fence(
    tree: exp.Query,
    relations: Mapping[str, Mapping[str, str]],
    filters: Mapping[str, tuple[str, Value]],
    bound: Bound,
) -> None:
    """Put the rows that may be read in the place of each relation that has a filter.

    OFFSET 0 keeps both optimizers from moving conditions of the query inside: a division by zero
    there would otherwise tell of rows that the filter takes away.

    Raises:
        ValueError: A filter names a column that its relation does not have.
    """
    for table in [each for each in tree.find_all(exp.Table) if each.db]:
        name = f"{table.db}.{table.name}"
        if name not in filters:
            continue
        column, value = filters[name]
        if column not in relations[name]:
            raise ValueError(f"{name} has no column {column} to filter by")
        alias = table.args["alias"].copy()
        table.set("alias", None)
        rows = (
            exp.select(*(exp.column(each, quoted=True) for each in relations[name]))
            .from_(table.copy())
            .where(exp.column(column, quoted=True).eq(bound.of(value)))
            .offset(0)
        )
        table.replace(exp.Subquery(this=rows, alias=alias))


def _scopes(tree: exp.Query) -> list[Scope]:
    try:
        return traverse_scope(tree)
    except (SqlglotError, RecursionError) as error:
        raise RefusedError("construct", f"the names in the query clash: {error}") from error


def _assert_relations(scope: Scope, relations: Mapping[str, Mapping[str, str]]) -> None:
    for table in scope.tables:
        name = f"{table.db}.{table.name}" if table.db else table.name
        if not table.db and table.name in scope.cte_sources:
            continue
        if name not in relations:
            short = {each.partition(".")[2]: each for each in relations}
            hint = close_to(name, relations) or close_to(table.name, short.values())
            raise RefusedError.at(table, "relation", f"no relation {name} is published.{hint}")
        alias = table.args.get("alias")
        if alias and alias.args.get("columns"):
            message = "the columns of a relation are renamed in the SELECT, with AS"
            raise RefusedError.at(alias, "construct", message)


def _mean_outputs(scope: Scope, relations: Mapping[str, Mapping[str, str]]) -> None:
    """Give aliases in GROUP BY, HAVING and ORDER BY the meaning that both servers know."""
    select = scope.expression
    if not isinstance(select, exp.Select):
        return
    outputs = {each.alias: place for place, each in enumerate(select.selects, 1)}
    for clause in ("group", "having", "order"):
        found = select.args.get(clause)
        for column in list(found.find_all(exp.Column)) if found else ():
            if column.table or column.find_ancestor(exp.Select) is not select:
                continue
            place = outputs.get(column.name)
            if place is None or column.find_ancestor(exp.AggFunc, exp.Select) is not select:
                _qualify(column, scope, relations)  # what is added up is what is read
            elif clause == "group":
                column.replace(exp.Literal.number(place))
            elif clause == "having" or not isinstance(column.parent, exp.Ordered):
                column.replace(exp.paren(select.selects[place - 1].unalias(), copy=True))


def _qualify(column: exp.Column, scope: Scope, relations: Mapping[str, Mapping[str, str]]) -> None:
    """Say which source a column is of: sqlglot leaves that open where it could be an alias."""
    having = [
        name for name, source in scope.sources.items() if column.name in _columns(source, relations)
    ]
    if len(having) > 1:
        message = f"{column.name} could be of {' or '.join(having)}; say which"
        raise RefusedError.at(column, "column", message)
    if having:
        column.set("table", exp.to_identifier(having[0], quoted=True))


def _assert_columns(scope: Scope, relations: Mapping[str, Mapping[str, str]]) -> None:
    ordered = scope.expression.args.get("order")
    for column in scope.expression.find_all(exp.Column):
        if column.table or column.find_ancestor(exp.Query) is not scope.expression:
            continue
        is_output = column.name in _outputs(scope.expression)
        if not (is_output and ordered and isinstance(column.parent, exp.Ordered)):
            raise _no_column(column, scope, relations)
    for column in scope.columns:
        if column.table and not _is_there(column, scope, relations):
            raise _no_column(column, scope, relations)


def _is_there(
    column: exp.Column, scope: Scope | None, relations: Mapping[str, Mapping[str, str]]
) -> bool:
    """Whether the nearest source of that name has the column."""
    while scope is not None:
        if column.table in scope.sources:
            return column.name in _columns(scope.sources[column.table], relations)
        scope = scope.parent
    return False


def _columns(source: exp.Expr | Scope, relations: Mapping[str, Mapping[str, str]]) -> Sequence[str]:
    if isinstance(source, Scope):
        return _outputs(source.expression)
    if isinstance(source, exp.Table):
        return list(relations.get(f"{source.db}.{source.name}", ()))
    return []


def _outputs(query: exp.Expr) -> list[str]:
    return list(query.named_selects) if isinstance(query, exp.Query) else []


def _no_column(
    column: exp.Column, scope: Scope, relations: Mapping[str, Mapping[str, str]]
) -> RefusedError:
    known = [name for source in scope.sources.values() for name in _columns(source, relations)]
    where = f" in {column.table}" if column.table else ""
    hint = close_to(column.name, known)
    return RefusedError.at(column, "column", f"no column {column.name}{where} here.{hint}")


def _rename_own(tree: exp.Query) -> None:
    """Prefix the tables that the query makes itself; their aliases stay as they are."""
    for each in tree.find_all(exp.CTE):
        alias = each.args["alias"]
        alias.set("this", exp.to_identifier(OWN + each.alias, quoted=True))
    for table in tree.find_all(exp.Table):
        if not table.db:
            table.set("this", exp.to_identifier(OWN + table.name, quoted=True))
