"""Judges a query that somebody else wrote, and makes the one that runs in its place.

Nothing of the text itself is ever executed. It is parsed, every part of the tree is looked up in
lists of what is allowed (`words`), every name is resolved against the published relations
(`names`), and SQL is generated anew from that tree for PostgreSQL and for DuckDB (`portable`).
What the guard did not understand is therefore not in the answer, whatever the text looked like.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, ParseError, SqlglotError, TokenError
from sqlglot.parsers.duckdb import DuckDBParser

from lakehouse.api.query import names, parts, portable, words
from lakehouse.api.query.refusal import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlglot.tokenizer_core import Token

    from lakehouse.api.query.parts import Value
    from lakehouse.catalog.registry import Registry

__all__ = ["Guarded", "RefusedError", "guarded", "published"]

Relations = dict[str, dict[str, str]]
MOST_ROWS = 10_000
MOST_CHARACTERS = 20_000
MOST_TOKENS = 4_000


@dataclass(frozen=True)
class Guarded:
    """A query that may run.

    Attributes:
        postgres: Its SQL for PostgreSQL, with parameters `$1`, `$2`, …
        duckdb: Its SQL for DuckDB, with the same parameters.
        values: What they are bound to.
        relations: Names of the relations that it reads, such as `gold.web_kpis`.
        columns: Names of the columns of its answer.
        max_rows: Rows of a whole answer at most. The SQL asks for one more, which only tells that
            there are more.
        is_filtered: Whether it reads relations with a filter.
    """

    postgres: str
    duckdb: str
    values: tuple[Value, ...]
    relations: frozenset[str]
    columns: tuple[str, ...]
    max_rows: int
    is_filtered: bool


class _Reader(DuckDBParser):
    """DuckDB's dialect; what sqlglot does not know it would keep as a text, and log."""

    def _parse_command(self) -> NoReturn:
        self._parse_as_command(self._prev)

    def _parse_as_command(self, start: Token) -> NoReturn:
        message = f"only SELECT is allowed, {start.text.upper()} is none"
        raise RefusedError("statement", message, line=start.line, column=start.col)


def published(registry: Registry) -> Relations:
    """The relations that a query may read: every table that is served, with its columns."""
    return {
        name: {column.name: column.type for column in registry[name].table.columns}
        for name in registry.served
    }


def guarded(  # a query, and what its caller may see
    sql: str,
    relations: Mapping[str, Mapping[str, str]],
    *,
    parameters: Mapping[str, Value] | None = None,
    filters: Mapping[str, tuple[str, Value]] | None = None,
    max_rows: int = MOST_ROWS,
) -> Guarded:
    """Judge a query and make the one that runs.

    Args:
        sql: One SELECT, in DuckDB's dialect; parameters are written `$name`.
        relations: Name (`gold.web_kpis`) → column → type, as the specs write types: `published`
            gives those of a registry. No other relation and no other column can be named. Names
            in any case mean the same; those of the answer are in lower case.
        parameters: What the query's parameters are bound to. All of them must be used: a name that
            is spelled differently in the two places is a mistake of the caller.
        filters: Relation → column and value. Wherever the query names that relation it reads only
            the rows whose column has the value, and not even an error can tell of the others.
        max_rows: Rows of the answer at most.

    Raises:
        RefusedError: The query may not run; says why and where.
    """
    bound = parts.Bound(parameters or {})
    tree = _parsed(sql)
    parts.assert_allowed(tree)
    bound.number(tree)
    parts.cap(tree, bound, max_rows)
    tree = names.resolved(tree, relations)
    parts.assert_resolved(tree)
    read = names.relations_of(tree)
    columns = tuple(tree.named_selects)
    names.assert_told_apart(tree, columns)
    made = portable.made_alike(tree, relations)
    names.fence(made, relations, filters or {}, bound)
    return Guarded(
        postgres=portable.for_postgres(made),
        duckdb=portable.for_duckdb(made),
        values=bound.values,
        relations=frozenset(read),
        columns=columns,
        max_rows=max_rows,
        is_filtered=not read.isdisjoint(filters or {}),
    )


def _parsed(sql: str) -> exp.Query:
    """The one statement of a text, without its comments.

    Raises:
        RefusedError: It is too large, no SQL, more or less than one statement, or no SELECT.
    """
    if len(sql) > MOST_CHARACTERS:
        message = f"the query has {len(sql)} characters, {MOST_CHARACTERS} are allowed"
        raise RefusedError("size", message)
    if not sql.isprintable() and (odd := next((c for c in sql if _is_odd(c)), None)):
        raise RefusedError("syntax", f"the query holds the character U+{ord(odd):04X}")
    try:
        tokens = sqlglot.tokenize(sql, read=portable.WRITTEN)
        if len(tokens) > MOST_TOKENS:
            message = f"the query has {len(tokens)} words, {MOST_TOKENS} are allowed"
            raise RefusedError("size", message)
        reader = _Reader(dialect=portable.WRITTEN, error_level=ErrorLevel.IMMEDIATE)
        found = reader.parse(tokens, sql)
    except ParseError as error:
        raise _of_parser(error) from error
    except TokenError as error:
        raise RefusedError("syntax", "a quote or a comment is not closed") from error
    except RecursionError as error:
        raise RefusedError("size", "the query is nested too deeply") from error
    except (SqlglotError, ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
        # A text that the parser stumbles over is none that it understood.
        raise RefusedError("syntax", "this is no SQL that can be read") from error
    return _only_query([each for each in found if each is not None])


def _only_query(statements: list[exp.Expr]) -> exp.Query:
    if len(statements) != 1:
        message = f"one statement is allowed, this is {len(statements)}"
        raise RefusedError("statement", message)
    [tree] = statements
    if not isinstance(tree, words.STATEMENTS) or not isinstance(tree, exp.Query):
        message = f"only SELECT is allowed, {tree.key.upper()} is none"
        raise RefusedError.at(tree, "statement", message)
    for each in tree.walk():
        each.comments = None
    return tree


def _of_parser(error: ParseError) -> RefusedError:
    told = error.errors[0] if error.errors else {}
    message = str(told.get("description") or "this is no SQL that can be read").rstrip(".")
    return RefusedError("syntax", message, line=told.get("line"), column=told.get("col"))


def _is_odd(character: str) -> bool:
    """Whether it is a control character or half of one, which no server takes in a text."""
    return (ord(character) < ord(" ") and character not in "\t\n\r") or (
        "\ud800" <= character <= "\udfff"
    )
