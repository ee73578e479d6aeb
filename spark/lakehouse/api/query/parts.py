"""What a query consists of: every part of its tree is looked up, and its values become bound."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlglot import exp

from lakehouse.api.query import words
from lakehouse.api.query.refusal import Reason, RefusedError
from lakehouse.errors import close_to

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Value = str | int | float | bool | Decimal | date | datetime | None
"""What a parameter can be bound to."""
Problem = tuple[Reason, str] | None

MOST_PARTS = 3_000
MOST_MADE = 30_000
"""Of the query that is made: stars and aliases are written out in it."""
MOST_RELATIONS = 16
MOST_STARS = 4
"""With so many relations, each star could double the columns of the one inside it."""
MOST_JOINED_TEXTS = 24
DEEPEST = 60
LONGEST_NAME = 63
"""PostgreSQL cuts longer names off, and two that differ become one."""

_KINDS: dict[type, str] = {
    bool: "BOOLEAN",
    int: "BIGINT",
    float: "DOUBLE",
    Decimal: "DECIMAL(38, 9)",
    datetime: "TIMESTAMPTZ",
    date: "DATE",
}


class Bound:
    """The parameters of a query, and which of them it uses."""

    def __init__(self, parameters: Mapping[str, Value]) -> None:
        """Take what the caller gave."""
        self._given = parameters
        self._values: list[Value] = []

    @property
    def values(self) -> tuple[Value, ...]:
        """What `$1`, `$2`, … are."""
        return tuple(self._values)

    def of(self, value: Value) -> exp.Expr:
        """A value as a part of a query: never as a text in it.

        A text has no type of its own, so that it can be compared with a date as well.
        """
        self._values.append(value)
        place = exp.Parameter(this=exp.Literal.number(len(self._values)))
        kind = _KINDS.get(type(value))
        return exp.cast(place, kind, dialect="duckdb") if kind else place

    def number(self, tree: exp.Query) -> None:
        """Put the values in the places of `$name`.

        Raises:
            RefusedError: A parameter has no value, or a value no parameter.
        """
        used: dict[str, exp.Expr] = {}
        for place in list(tree.find_all(exp.Placeholder)):
            if place.name not in used:  # one number a name: $n in SELECT and GROUP BY is the same
                used[place.name] = self._bound(place)
            place.replace(used[place.name].copy())
        if unused := sorted(set(self._given) - set(used)):
            raise RefusedError("parameter", f"the query has no parameter ${unused[0]}")

    def whole_number(self, node: exp.Expr | None) -> int | None:
        """What a LIMIT or OFFSET says, if it says a number."""
        if isinstance(node, exp.Literal) and not node.is_string and node.name.isdigit():
            return int(node.name)
        if isinstance(node, exp.Cast) and isinstance(node.this, exp.Parameter):
            value = self._values[int(node.this.name) - 1]
            if type(value) is int and value >= 0:
                return value
        return None

    def _bound(self, place: exp.Placeholder) -> exp.Expr:
        name = place.args.get("this")
        if not isinstance(name, str) or name not in self._given:
            hint = close_to(str(name), self._given) if name else " Write it with a name, as $name."
            raise RefusedError.at(
                place, "parameter", f"no value for parameter ${name or ''}.{hint}"
            )
        value = self._given[name]
        if value is not None and type(value) not in {str, *_KINDS}:
            raise RefusedError("parameter", f"parameter ${name} is no single value")
        if isinstance(value, str) and "\0" in value:
            raise RefusedError("parameter", f"parameter ${name} holds the character U+0000")
        return exp.null() if value is None else self.of(value)


def assert_allowed(tree: exp.Query) -> None:
    """Look up every part of a query as it was written.

    Raises:
        RefusedError: It has a part that is in no list, or too many parts.
    """
    assert_known(tree, MOST_PARTS)
    if numbered := tree.find(exp.Parameter):  # numbers are ours to give: one may be a filter's
        raise RefusedError.at(numbered, "parameter", "parameters are written $name")
    joined = sum(len(each.expressions) or 1 for each in tree.find_all(*words.GROWING))
    stars = [each for each in tree.find_all(exp.Star) if not isinstance(each.parent, exp.Count)]
    for what, found, most in (
        ("relations", len(list(tree.find_all(exp.Table))), MOST_RELATIONS),
        ("stars", len(stars), MOST_STARS),
        ("joined texts", joined, MOST_JOINED_TEXTS),
    ):
        if found > most:
            raise RefusedError("size", f"the query has {found} {what}, {most} are allowed")


def assert_resolved(tree: exp.Query) -> None:
    """Look up every part of a query whose names are resolved.

    Raises:
        RefusedError: It has a part that is in no list, too many parts, or a star.
    """
    assert_known(tree, MOST_MADE)
    for star in tree.find_all(exp.Star):
        if not isinstance(star.parent, exp.Count):
            raise RefusedError.at(star, "construct", "* cannot be written out here")


def assert_known(tree: exp.Query, most: int) -> None:
    """Look up every part of a query, which has so many at most.

    Raises:
        RefusedError: It has a part that is in no list, or too many parts.
    """
    waiting, n = [(tree, 0)], 0
    while waiting:
        node, depth = waiting.pop()
        n += 1
        _assert_part(node)
        if n > most or depth > DEEPEST:
            raise RefusedError.at(node, "size", "the query is too large, or nested too deeply")
        waiting.extend((child, depth + 1) for child in node.iter_expressions())


def cap(tree: exp.Query, bound: Bound, max_rows: int) -> None:
    """Let a query give one row more than its answer has at most, in the order that it asks for.

    Raises:
        RefusedError: A LIMIT or OFFSET is no number.
    """
    for clause in tree.find_all(exp.Limit, exp.Offset):
        number = bound.whole_number(clause.expression)
        if number is None:
            raise RefusedError.at(clause, "construct", f"{clause.key.upper()} takes a whole number")
        clause.set("expression", exp.Literal.number(number))
    limit = tree.args.get("limit")
    wanted = int(limit.expression.name) if limit else max_rows + 1
    most = exp.Literal.number(min(wanted, max_rows + 1))
    tree.set("limit", exp.Limit(expression=most))


def _assert_part(node: exp.Expr) -> None:
    kind = type(node)
    if kind not in words.STRUCTURE and kind not in words.FUNCTIONS:
        raise _unknown(node)
    _assert_detail(node)
    allowed = words.ARGUMENTS.get(kind)
    for name, value in node.args.items():
        if value is None or value is False or value == []:
            continue
        if allowed is not None and name not in allowed:
            what = name.strip("_").replace("_", " ").upper()
            raise RefusedError.at(node, "construct", f"{what} is not allowed here")
        if isinstance(value, str):
            _assert_word(node, name, value)


def _assert_word(node: exp.Expr, name: str, value: str) -> None:
    """A text that is written as it is must be one of those that are known."""
    if isinstance(node, exp.Identifier | exp.Literal | exp.Placeholder | exp.Var):
        return  # looked at by `_assert_detail`, or replaced
    if value.upper() not in words.WORDS.get((type(node), name), ()):
        raise RefusedError.at(node, "construct", f"{value.upper()} is not allowed here")


def _assert_detail(node: exp.Expr) -> None:
    detail = _DETAILS.get(type(node))
    if detail and (problem := detail(node)):
        reason, message = problem
        raise RefusedError.at(node, reason, message)


def _identifier(node: exp.Expr) -> Problem:
    name = node.args["this"]
    if not name or len(name.encode()) > LONGEST_NAME or '"' in name:
        return "construct", f"a name has 1 to {LONGEST_NAME} bytes and no quotes in it"
    return None


def _literal(node: exp.Expr) -> Problem:
    if not node.args.get("is_string") and not words.NUMBER.fullmatch(node.args["this"]):
        return "construct", "numbers are written with digits"
    return None


def _table(node: exp.Expr) -> Problem:
    if not isinstance(node.this, exp.Identifier):
        return "function", "functions give no tables here; name a relation, such as gold.web_kpis"
    return None


def _data_type(node: exp.Expr) -> Problem:
    if node.this not in words.TYPES or node.args.get("nested"):
        return "type", f"values can be cast to {', '.join(words.TYPES.values())}"
    return None


def _var(node: exp.Expr) -> Problem:
    name = node.name.upper().removesuffix("S")
    known = words.PARTS if isinstance(node.parent, exp.Extract) else words.UNITS
    if name not in known:
        return "construct", f"a part of a moment is one of {', '.join(sorted(known)).lower()}"
    return None


def _format(node: exp.Expr) -> Problem:
    written = node.args.get("format")
    if not (isinstance(written, exp.Literal) and words.FORMAT.fullmatch(written.name)):
        return "function", "a format is a text of %Y %m %d %H %M %S and -/:. between them"
    return None


def _interval(node: exp.Expr) -> Problem:
    if not isinstance(node.this, exp.Literal) or not isinstance(node.args.get("unit"), exp.Var):
        return "construct", "an interval is a number and a unit, such as INTERVAL 7 DAY"
    if not node.this.name.removeprefix("-").isdigit():
        return "construct", "an interval is a whole number of units"
    return None


def _star(node: exp.Expr) -> Problem:
    """`*` or `t.*`, and nothing made of it: that would be a row as a whole."""
    of_table = isinstance(node.parent, exp.Column)
    place = node.parent.parent if of_table and node.parent else node.parent
    if not isinstance(place, exp.Select) and (of_table or not isinstance(place, exp.Count)):
        return "construct", "* stands alone in a SELECT, or in count(*)"
    return None


def _select(node: exp.Expr) -> Problem:
    return None if node.expressions else ("syntax", "a SELECT names at least one column")


def _tuple(node: exp.Expr) -> Problem:
    if not isinstance(node.parent, exp.GroupingSets):
        return "construct", "rows of several values are not allowed here"
    return None


def _round(node: exp.Expr) -> Problem:
    digits = node.args.get("decimals")
    if digits is not None and not (isinstance(digits, exp.Literal) and digits.name in _DIGITS):
        return "function", "round takes 0 to 9 digits"
    return None


_DIGITS = frozenset("0123456789")
_DETAILS: dict[type[exp.Expr], Callable[[exp.Expr], Problem]] = {
    exp.Identifier: _identifier,
    exp.Literal: _literal,
    exp.Star: _star,
    exp.Select: _select,
    exp.Table: _table,
    exp.DataType: _data_type,
    exp.Var: _var,
    exp.TimeToStr: _format,
    exp.Interval: _interval,
    exp.Tuple: _tuple,
    exp.Round: _round,
}


def _unknown(node: exp.Expr) -> RefusedError:
    if isinstance(node, exp.Func):
        name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
        hint = close_to(name.lower(), words.FUNCTIONS.values())
        return RefusedError.at(node, "function", f"function {name.lower()} is not allowed.{hint}")
    what = node.key.upper()
    return RefusedError.at(node, "construct", f"{what} is not allowed in a query")
