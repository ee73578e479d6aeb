"""Commits that delta-rs makes, whichever engine computed the rows.

It makes a commit of few rows in a fraction of a second, which takes Spark a dozen jobs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from lakehouse.engines import layout
from lakehouse.engines.properties import properties
from lakehouse.engines.schemas import schema_of
from lakehouse.errors import SchemaMismatchError, WriteConflictError
from lakehouse.io import delta_log, files, panics
from lakehouse.io.sql import quoted
from lakehouse.spec.changes import DELETE, OPERATION

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta
    from types import TracebackType

    import pyarrow as pa

    from lakehouse.io.delta_log import Span
    from lakehouse.spec import Column, Table


def opened(uri: str, version: int | None = None) -> DeltaTable:
    """A version of a table, by default the newest."""
    return DeltaTable(uri, version=version, storage_options=files.storage_options(uri))


def takes_commits(uri: str) -> bool:
    """Whether delta-rs can write the table: not those that Spark once made with more features."""
    table = opened(uri)
    return not table.protocol().reader_features and not delta_log.is_clustered(table)


def said(metadata: dict[str, Any]) -> CommitProperties:
    """What a commit says of itself; it is made at once or not at all."""
    return CommitProperties(
        custom_metadata={"userMetadata": json.dumps(metadata, default=str)}, max_commit_retries=0
    )


def create(uri: str, table: Table) -> None:
    """Make the empty table of a spec."""
    create_of(uri, table.stored_columns, properties(table))


def create_of(
    uri: str,
    columns: Sequence[Column],
    configuration: dict[str, str],
    *,
    instead: dict[str, Any] | None = None,
) -> None:
    """Make an empty table of some columns; `instead` of what is there, where the commit says so."""
    with translated(uri):
        DeltaTable.create(
            uri,
            schema_of(columns),
            mode="error" if instead is None else "overwrite",
            configuration=configuration,
            storage_options=files.storage_options(uri),
            commit_properties=None if instead is None else said(instead),
            raise_if_key_not_exists=False,
        )


def append(rows: pa.Table, uri: str, metadata: dict[str, Any]) -> None:
    """Add rows in one commit; none without rows."""
    if not rows.num_rows:
        return
    with translated(uri):
        table = opened(uri)
        _check_not_null(rows, table, uri)
        write_deltalake(table, rows, mode="append", commit_properties=said(metadata))


def merge(
    staged: pa.Table, uri: str, table: Table, metadata: dict[str, Any], *, span: Span | None
) -> None:
    """Apply staged differences, which may be known to lie in some days, in one commit."""
    nullable = {column.name for column in table.stored_columns if column.nullable}
    same = [
        f"(t.{quoted(n)} {'IS NOT DISTINCT FROM' if n in nullable else '='} s.{quoted(n)})"
        for n in table.write.grain
    ]
    if span is not None:  # values in the statement leave files out, those of a join do not
        day = f"t.{quoted(span.column)}"
        same.append(f"{day} >= DATE '{span.first}' AND {day} <= DATE '{span.last}'")
    values = {quoted(name): f"s.{quoted(name)}" for name in table.column_names}
    with translated(uri):
        stored = opened(uri)
        _check_not_null(staged.filter(pc.field(OPERATION) != DELETE), stored, uri)
        (
            stored.merge(
                staged,
                " AND ".join(same),
                source_alias="s",
                target_alias="t",
                commit_properties=said(metadata),
            )
            .when_matched_delete(f"s.{OPERATION} = '{DELETE}'")
            .when_matched_update(values)
            .when_not_matched_insert(values, f"s.{OPERATION} <> '{DELETE}'")
            .execute()
        )


def compact(uri: str, metadata: dict[str, Any]) -> None:
    """Merge small files, in one commit that changes no row."""
    with translated(uri):
        opened(uri).optimize.compact(
            target_size=layout.FILE_BYTES, commit_properties=said(metadata)
        )


def vacuum(uri: str, retention: timedelta) -> None:
    """Delete files that no version younger than the retention needs; makes no commit."""
    hours = int(retention.total_seconds() // 3600)
    filesystem, root = files.locate(uri)
    with translated(uri):  # delta-rs would commit that it did it
        table = opened(uri)
        # In full: also what was never committed, and change data, of which the log keeps no list.
        gone = table.vacuum(hours, dry_run=True, enforce_retention_duration=False, full=True)
        for path in gone:
            filesystem.delete_file(f"{root}/{path}")


def _check_not_null(rows: pa.Table, table: DeltaTable, uri: str) -> None:
    for name in required(table):
        if nulls := rows.column(name).null_count:
            raise null_error(uri, name, nulls)


def required(table: DeltaTable) -> list[str]:
    """The columns of a stored table in which each row needs a value."""
    fields = json.loads(table.schema().to_json())["fields"]
    return [field["name"] for field in fields if not field["nullable"]]


def null_error(uri: str, column: str, nulls: int) -> SchemaMismatchError:
    """Rows that lack what their table declares each to have."""
    message = f"{uri}: column {column} is declared NOT NULL, but is null in {nulls} rows"
    return SchemaMismatchError(message, path=uri, column=column)


class translated:  # noqa: N801  # reads as a verb at its call sites
    """Turn delta-rs's errors into ours."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._held_back = panics.held_back(uri)

    def __enter__(self) -> None:
        files.assert_room(self._uri)
        self._held_back.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._held_back.__exit__(kind, error, trace)
        if not isinstance(error, Exception):
            return
        if isinstance(error, CommitFailedError) or (
            isinstance(error, DeltaError) and "already exists" in str(error)
        ):
            message = f"another writer committed to {self._uri}; run again"
            raise WriteConflictError(message, path=self._uri) from error
        if "ClusteredTable" in str(error):
            message = (
                f"{self._uri} uses liquid clustering, which delta-rs cannot write; use "
                "LAKEHOUSE_ENGINE=spark or, if the landing files of all its rows still exist, "
                "move the folder away and run `lakehouse repair` on the table"
            )
            raise SchemaMismatchError(message, path=self._uri) from error
        clear = files.explained(error, self._uri)
        if clear is not error:
            raise clear from error
