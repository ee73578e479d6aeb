"""The columns of stored tables, changed by delta-rs whoever computes: that moves no row."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from deltalake import CommitProperties, DeltaTable, Field, Schema
from deltalake.exceptions import CommitFailedError

from lakehouse.engines.properties import properties
from lakehouse.errors import WriteConflictError
from lakehouse.io import files, panics

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lakehouse.spec import Column, Table

GROWN = "lakehouse.grown"
"""Property of a table to which columns were added: older files may lack them."""


def replace(uri: str, table: Table, metadata: dict[str, Any]) -> None:
    """Put the empty table of a spec in place of what is there, in one commit.

    Versions before it stay as they are; it is another table, of another identity.
    """
    with _translated(uri):
        DeltaTable.create(
            uri,
            schema_of(table.stored_columns),
            mode="overwrite",
            configuration=properties(table),
            storage_options=files.storage_options(uri),
            commit_properties=said(metadata),
            raise_if_key_not_exists=False,
        )


def add(uri: str, columns: Sequence[Column], metadata: dict[str, Any]) -> None:
    """Add nullable columns, null in the rows that are there; no file is touched."""
    fields = [Field.from_json(json.dumps(_field(each))) for each in columns]
    with _translated(uri):
        # In this order: without the columns, the property only costs a little time.
        _opened(uri).alter.set_table_properties(
            {GROWN: "true"}, raise_if_not_exists=False, commit_properties=said(metadata)
        )
        _opened(uri).alter.add_columns(fields, commit_properties=said(metadata))


def schema_of(columns: Sequence[Column]) -> Schema:
    """Declared columns as Delta writes them."""
    fields = [_field(column) for column in columns]
    return Schema.from_json(json.dumps({"type": "struct", "fields": fields}))


def said(metadata: dict[str, Any]) -> CommitProperties:
    """What a commit says of itself; it is made at once or not at all."""
    return CommitProperties(
        custom_metadata={"userMetadata": json.dumps(metadata, default=str)}, max_commit_retries=0
    )


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


def _opened(uri: str) -> DeltaTable:
    return DeltaTable(uri, storage_options=files.storage_options(uri))


@contextmanager
def _translated(uri: str) -> Iterator[None]:
    try:
        with files.storage_errors(uri), panics.held_back(uri):
            files.assert_room(uri)
            yield
    except CommitFailedError as error:
        message = f"another writer committed to {uri}; run again"
        raise WriteConflictError(message, path=uri) from error
