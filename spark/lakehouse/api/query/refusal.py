"""Why a query is not run, and which part of it is to blame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lakehouse.errors import ConfigError

if TYPE_CHECKING:
    from sqlglot.expressions import Expr

Reason = Literal[
    "syntax",
    "size",
    "statement",
    "construct",
    "function",
    "type",
    "relation",
    "column",
    "parameter",
]
"""What was wrong: tests and clients tell refusals apart by it, never by the sentence."""


class RefusedError(ConfigError):
    """A query is none that may run; nothing was sent anywhere.

    Attributes:
        reason: What was wrong.
        line: Line of the query, from 1; None where no single place is to blame.
        column: Character in that line, from 1; None likewise.
    """

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        """Say where it is, if that is known."""
        where = f" (line {line}, column {column})" if line else ""
        super().__init__(f"{message}{where}", reason=reason, line=line, column=column)
        self.reason = reason
        self.line = line
        self.column = column

    @classmethod
    def at(cls, node: Expr, reason: Reason, message: str) -> RefusedError:
        """A refusal of a part of the query: the place of the first name or value in it."""
        found = [each.meta for each in node.walk() if "line" in each.meta]
        if not found:
            return cls(reason, message)
        first = min(found, key=lambda meta: int(meta["start"]))
        length = first["end"] - first["start"]  # `col` is that of its last character
        return cls(reason, message, line=first["line"], column=max(1, first["col"] - length))
