"""The columns of stored tables, changed by delta-rs whoever computes: that moves no row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deltalake import DeltaTable

from lakehouse.engines.commits import opened, said, translated
from lakehouse.engines.properties import properties
from lakehouse.engines.schemas import field_of, schema_of
from lakehouse.io import files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakehouse.spec import Column, Table

GROWN = "lakehouse.grown"
"""Property of a table to which columns were added: older files may lack them."""


def replace(uri: str, table: Table, metadata: dict[str, Any]) -> None:
    """Put the empty table of a spec in place of what is there, in one commit.

    Versions before it stay as they are; it is another table, of another identity.
    """
    with translated(uri):
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
    with translated(uri):
        # In this order: without the columns, the property only costs a little time.
        opened(uri).alter.set_table_properties(
            {GROWN: "true"}, raise_if_not_exists=False, commit_properties=said(metadata)
        )
        opened(uri).alter.add_columns(
            [field_of(each) for each in columns], commit_properties=said(metadata)
        )
