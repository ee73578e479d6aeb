"""Columns and their types, written as Spark SQL type names."""

from __future__ import annotations

from dataclasses import dataclass

STRING = "string"
BOOLEAN = "boolean"
INT = "int"
LONG = "bigint"
DOUBLE = "double"
DATE = "date"
TIMESTAMP = "timestamp"
BINARY = "binary"


def decimal(precision: int, scale: int) -> str:
    """Exact decimal type; the only type to sum money in (double sums depend on row order)."""
    return f"decimal({precision},{scale})"


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Args:
        name: Column name; the unit is part of the name (`_ms`, `_rate`, `_at`, ...).
        type: Spark SQL type.
        doc: What a reader needs to know; shown in the catalogue and in the Delta schema.
        nullable: Whether null is a legal value; false becomes a NOT NULL constraint.
        pii: Personal data: left out of Delta's file statistics.
        compared: Whether another value makes a stored row differ from a desired one; false for the
            time of ingestion.
        formerly: Name of the stored column that this one was called before; `lakehouse migrate`
            keeps its values.
    """

    name: str
    type: str
    doc: str
    nullable: bool = True
    pii: bool = False
    compared: bool = True
    formerly: str | None = None


TECHNICAL_COLUMNS = (
    Column("_row_id", STRING, "MD5 of the landed content: the identity of a row.", nullable=False),
    Column("_source_file", STRING, "Landing file the row came from, below the raw folder."),
    Column("_extra", STRING, "Fields the source sent that are not declared, as JSON."),
)
"""Added by the engine to every bronze table, after the declared columns."""
