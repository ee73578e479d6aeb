"""Columns that a SQL expression of a declaration names, read without an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp


def columns_of(sql: str) -> list[str]:
    """Names of the columns, in their order.

    Raises:
        ValueError: It is no SQL expression.
    """
    import sqlglot  # noqa: PLC0415  # 0.2 s that commands do not pay which find what was declared
    from sqlglot import exp  # noqa: PLC0415  # same
    from sqlglot.errors import SqlglotError  # noqa: PLC0415  # same

    try:
        tree = sqlglot.parse_one(f"SELECT {sql}", read="spark")
    except SqlglotError as error:
        reason = str(error).splitlines()[0].partition(" Line ")[0].rstrip(". ")
        raise ValueError(reason) from None
    names = (_top(column) for column in tree.find_all(exp.Column))
    return list(dict.fromkeys(name for name in names if name))


def _top(column: exp.Column) -> str:
    """The column itself where a field of a struct is meant, as in `a.b`."""
    first = column.parts[0] if column.parts else column
    return "" if first.key == "star" else str(first.name)
