"""The columns of stored tables, changed by delta-rs whoever computes: that moves no row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakehouse.engines.commits import create_of, opened, said, translated
from lakehouse.engines.properties import properties
from lakehouse.engines.schemas import field_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakehouse.spec import Column, Table

GROWN = "lakehouse.grown"
"""Property of a table to which columns were added: older files may lack them."""


def replace(uri: str, table: Table, metadata: dict[str, Any]) -> None:
    """Put the empty table of a spec in place of what is there, in one commit.

    Versions before it stay as they are; it is another table, of another identity.
    """
    create_of(uri, table.stored_columns, properties(table), instead=metadata)


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
