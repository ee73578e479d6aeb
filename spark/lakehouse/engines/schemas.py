"""Declared columns as Delta writes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from deltalake import Field, Schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakehouse.spec import Column


def schema_of(columns: Sequence[Column]) -> Schema:
    """Declared columns as Delta writes them."""
    fields = [_field(column) for column in columns]
    return Schema.from_json(json.dumps({"type": "struct", "fields": fields}))


def field_of(column: Column) -> Field:
    """A declared column as one of a stored table."""
    return Field.from_json(json.dumps(_field(column)))


def _field(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": _delta_type(column.type),
        "nullable": column.nullable,
        "metadata": {"comment": column.doc},
    }


def _delta_type(kind: str) -> Any:  # noqa: ANN401  # a name, or a dict of an array
    if kind.startswith("array<"):
        return {"type": "array", "elementType": _delta_type(kind[6:-1]), "containsNull": True}
    return {"bigint": "long", "int": "integer"}.get(kind, kind)
