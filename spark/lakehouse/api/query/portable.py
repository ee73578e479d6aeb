"""One query, two servers: what PostgreSQL and DuckDB would answer differently is written out.

The tree is changed where their types or rounding differ, so that equal rows come back; the result
is written in each dialect without comments and with every name in quotes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types

from lakehouse.api.query.names import schema_of
from lakehouse.api.query.refusal import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

WRITTEN = "duckdb"
"""Dialect of the queries that come in."""

_WRAPPING = (exp.Filter, exp.Window, exp.WithinGroup)
_EXACT = "DECIMAL(38, 12)"
"""As what doubles are rounded: PostgreSQL rounds none, and DuckDB the double 0.285 to 0.28."""


def made_alike(tree: exp.Query, relations: Mapping[str, Mapping[str, str]]) -> exp.Query:
    """The query as both servers compute it alike."""
    try:
        tree = annotate_types(tree, schema=schema_of(tree, relations), dialect=WRITTEN)
    except (SqlglotError, RecursionError, ValueError, AttributeError) as error:
        raise RefusedError("type", "the types in the query cannot be told") from error
    for node in list(tree.walk(bfs=False))[::-1]:  # inner parts first
        if change := _CHANGES.get(type(node)):
            change(node)
    return tree


def for_postgres(tree: exp.Query) -> str:
    """The query in PostgreSQL's dialect."""
    tree = tree.copy()
    for each in list(tree.find_all(exp.Like, exp.ILike)):
        # DuckDB knows no escapes unless asked to, PostgreSQL a backslash unless told otherwise.
        each.replace(exp.Escape(this=each.copy(), expression=exp.Literal.string("")))
    return _written(tree, "postgres")


def for_duckdb(tree: exp.Query) -> str:
    """The query in DuckDB's dialect."""
    return _written(tree, "duckdb")


def _written(tree: exp.Query, dialect: str) -> str:
    try:
        # What sqlglot warns of are functions that are not in our lists, and zones: ours is UTC.
        silent = ErrorLevel.IGNORE
        return tree.sql(
            dialect, identify=True, comments=False, copy=False, unsupported_level=silent
        )
    except (SqlglotError, RecursionError, ValueError) as error:
        raise RefusedError("construct", "the query cannot be written for this lake") from error


def _cast(node: exp.Expr | None, kind: str) -> exp.Cast:
    return exp.Cast(this=node, to=exp.DataType.build(kind, dialect=WRITTEN))


def _result_as(node: exp.Expr, kind: str) -> None:
    """Cast what a function gives: with its filter and window, where it has them."""
    while isinstance(node.parent, _WRAPPING) and node.arg_key == "this":
        node = node.parent
    node.replace(_cast(node.copy(), kind))


def _arguments_as(node: exp.Expr, kind: str) -> None:
    for name in ("this", "expression"):
        argument = node.args.get(name)
        if isinstance(argument, exp.Distinct):
            argument.set("expressions", [_cast(each, kind) for each in argument.expressions])
        elif argument is not None:
            node.set(name, _cast(argument, kind))


def _is_of(node: exp.Expr | None, kinds: Collection[exp.DType]) -> bool:
    return node is not None and node.type is not None and node.type.this in kinds


def _sum(node: exp.Expr) -> None:
    of = node.this.expressions[0] if isinstance(node.this, exp.Distinct) else node.this
    if _is_of(of, exp.DataType.INTEGER_TYPES):
        _result_as(node, "BIGINT")


def _in_doubles(node: exp.Expr) -> None:
    _arguments_as(node, "DOUBLE")


def _quantile(node: exp.Expr) -> None:
    """`quantile_cont(x, 0.5)` and `percentile_cont(0.5) WITHIN GROUP (ORDER BY x)` are the same."""
    if isinstance(node.parent, exp.WithinGroup):
        for each in node.parent.find_all(exp.Ordered):
            each.set("this", _cast(each.this, "DOUBLE"))
    else:
        node.set("this", _cast(node.this, "DOUBLE"))


def _divide(node: exp.Expr) -> None:
    divisor = exp.Nullif(this=_cast(node.expression, "DOUBLE"), expression=exp.Literal.number(0))
    made = exp.Div(this=_cast(node.this, "DOUBLE"), expression=divisor, typed=True, safe=False)
    node.replace(exp.paren(made, copy=False))


def _remainder(node: exp.Expr) -> None:
    node.set("expression", exp.Nullif(this=node.expression, expression=exp.Literal.number(0)))


def _round(node: exp.Expr) -> None:
    if _is_of(node.this, {exp.DType.DECIMAL, *exp.DataType.INTEGER_TYPES}):
        return
    node.set("this", _cast(node.this, _EXACT))
    node.set("decimals", node.args.get("decimals") or exp.Literal.number(0))
    _result_as(node, "DOUBLE")


def _whole(node: exp.Expr) -> None:
    _result_as(node, "BIGINT")


def _part(name: str) -> Callable[[exp.Expr], None]:
    def change(node: exp.Expr) -> None:
        made = exp.Extract(this=exp.var(name), expression=node.this)
        node.replace(_cast(made, "BIGINT"))

    return change


def _truncate(node: exp.Expr) -> None:
    """PostgreSQL makes a moment of a day, DuckDB leaves it a day."""
    if _is_of(node.this, {exp.DType.DATE}):
        _result_as(node, "DATE")


_CHANGES: dict[type[exp.Expr], Callable[[exp.Expr], None]] = {
    exp.Sum: _sum,
    **dict.fromkeys((exp.Avg, exp.Stddev, exp.Variance, exp.Corr, exp.Median), _in_doubles),
    **dict.fromkeys((exp.Sqrt, exp.Ln, exp.Exp, exp.Pow), _in_doubles),
    **dict.fromkeys((exp.PercentileCont, exp.PercentileDisc), _quantile),
    exp.Div: _divide,
    exp.Mod: _remainder,
    exp.Round: _round,
    **dict.fromkeys((exp.DateDiff, exp.Extract, exp.Length, exp.StrPosition), _whole),
    exp.Year: _part("YEAR"),
    exp.Quarter: _part("QUARTER"),
    exp.Month: _part("MONTH"),
    exp.Day: _part("DAY"),
    exp.TimestampTrunc: _truncate,
    exp.DateTrunc: _truncate,
}
