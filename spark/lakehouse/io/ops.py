"""The lake's own tables, `ops.runs` and others.

Written by delta-rs, not by Spark: a row costs milliseconds, many processes may append at once (its
put-if-absent is atomic on local disks and object stores), and reading needs no JVM.
"""

from __future__ import annotations

import io
import json
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from pyarrow import json as arrow_json
from pyarrow.fs import FileType
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from lakehouse.io import panics
from lakehouse.io.files import assert_room, locate, storage_errors, storage_options

if TYPE_CHECKING:
    from datetime import timedelta

    from lakehouse.settings import Settings

INSTANT = pa.timestamp("us", tz="UTC")
SCHEMAS = {
    "runs": pa.schema(
        [
            ("run_id", pa.string()),
            ("table_name", pa.string()),
            ("outcome", pa.string()),
            ("reason", pa.string()),
            ("as_of", pa.string()),
            ("input_versions", pa.string()),
            ("output_version", pa.int64()),
            ("rows_in", pa.int64()),
            ("rows_loaded", pa.int64()),
            ("rows_quarantined", pa.int64()),
            ("rows_deduplicated", pa.int64()),
            ("rows_too_late", pa.int64()),
            ("rows_left_out", pa.int64()),
            ("rows_rejected_again", pa.int64()),
            ("rows_inserted", pa.int64()),
            ("rows_updated", pa.int64()),
            ("rows_deleted", pa.int64()),
            ("rows_after", pa.int64()),
            ("seconds", pa.float64()),
            ("gate_seconds", pa.float64()),
            ("error", pa.string()),
            ("started_at", INSTANT),
            ("ended_at", INSTANT),
        ]
    ),
    "quality_results": pa.schema(
        [
            ("run_id", pa.string()),
            ("table_name", pa.string()),
            ("gate", pa.string()),
            ("version", pa.int64()),
            ("check_name", pa.string()),
            ("sentence", pa.string()),
            ("severity", pa.string()),
            ("minimum", pa.float64()),
            ("maximum", pa.float64()),
            ("value", pa.float64()),
            ("passed", pa.bool_()),
            ("samples", pa.list_(pa.string())),
            ("checked_at", INSTANT),
        ]
    ),
    "metric_restatements": pa.schema(
        [
            ("run_id", pa.string()),
            ("table_name", pa.string()),
            ("version", pa.int64()),
            ("key", pa.string()),
            ("old", pa.string()),
            ("new", pa.string()),
            ("cause", pa.string()),
            ("restated_at", INSTANT),
        ]
    ),
    "stream_batches": pa.schema(
        [
            ("topic", pa.string()),
            ("table_name", pa.string()),
            ("run_id", pa.string()),
            ("started_at", INSTANT),
            ("ended_at", INSTANT),
            ("seconds", pa.float64()),
            ("n", pa.int64()),
            ("waiting", pa.int64()),
            ("waiting_by_partition", pa.string()),
            ("oldest_event_at", INSTANT),
            ("newest_event_at", INSTANT),
            ("freshness_p50_s", pa.float64()),
            ("freshness_p99_s", pa.float64()),
            ("n_rejected", pa.int64()),
            ("error", pa.string()),
        ]
    ),
    "alerts": pa.schema(
        [
            ("alert_id", pa.string()),
            ("change", pa.int64()),
            ("key", pa.string()),
            ("topic", pa.string()),
            ("severity", pa.string()),
            ("title", pa.string()),
            ("text", pa.string()),
            ("runbook", pa.string()),
            ("opened_at", INSTANT),
            ("fine_since", INSTANT),
            ("recovered_at", INSTANT),
            ("outbox", pa.string()),
            ("n_waiting", pa.int64()),
            ("changed_at", INSTANT),
        ]
    ),
    "health": pa.schema(
        [
            ("check_name", pa.string()),
            ("source", pa.string()),
            ("state", pa.string()),
            ("value", pa.float64()),
            ("maximum", pa.float64()),
            ("minimum", pa.float64()),
            ("text", pa.string()),
            ("n", pa.int64()),
            ("since", INSTANT),
            ("looked_at", INSTANT),
        ]
    ),
}
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Size:
    """Files of a table's version, and their bytes."""

    files: int
    bytes: int


def append(settings: Settings, name: str, rows: list[dict[str, Any]]) -> None:
    """Add rows to an ops table; creates it when it is missing."""
    if not rows:
        return
    data = _table(rows, SCHEMAS[name])
    uri = settings.table_uri(f"ops.{name}")
    with _LOCK, storage_errors(uri), panics.held_back(uri):
        assert_room(settings.root_uri)
        _append(uri, data)


def _table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    """Rows as a table, through JSON: `from_pylist` imports pandas, a third of an unchanged run."""
    try:
        lines = [json.dumps(row, default=datetime.isoformat, allow_nan=False) for row in rows]
    except ValueError:  # JSON has no infinite numbers
        return pa.Table.from_pylist(rows, schema=schema)
    text = "\n".join(lines).encode()
    return arrow_json.read_json(
        io.BytesIO(text),
        read_options=arrow_json.ReadOptions(block_size=len(text) + 1),  # no row is cut
        parse_options=arrow_json.ParseOptions(explicit_schema=schema),
    )


@retry(
    retry=retry_if_exception_type((CommitFailedError, DeltaError)),
    stop=stop_after_attempt(8),
    wait=wait_random_exponential(multiplier=0.05, max=1),
    reraise=True,
)
def _append(uri: str, data: pa.Table) -> None:
    # Merged: a table that an earlier release made gets the columns that it does not have yet.
    options = storage_options(uri)
    write_deltalake(uri, data, mode="append", schema_mode="merge", storage_options=options)


def read(settings: Settings, name: str, query: str) -> list[dict[str, Any]]:
    """Rows of a SQL query over an ops table, which it calls `t`; empty when there is no table."""
    return query_delta(settings.table_uri(f"ops.{name}"), query)


def query_delta(uri: str, query: str, version: int | None = None) -> list[dict[str, Any]]:
    """Rows of a SQL query over any Delta table (called `t`), without Spark."""
    try:
        table = DeltaTable(uri, version=version, storage_options=storage_options(uri))
    except TableNotFoundError:
        if version is not None:  # somebody published it
            raise
        return []
    batches = QueryBuilder().register("t", table).execute(query).read_all()
    return list(pa.table(batches).to_pylist())


def query_tables(tables: dict[str, tuple[str, int]], query: str) -> list[dict[str, Any]]:
    """Rows of a SQL query over versions of some Delta tables, each under a name of its own."""
    builder = QueryBuilder()
    for name, (uri, version) in tables.items():
        with storage_errors(uri):
            table = DeltaTable(uri, version=version, storage_options=storage_options(uri))
            builder = builder.register(name, table)
    return list(pa.table(builder.execute(query).read_all()).to_pylist())


def query_versions(uri: str, versions: dict[str, int], query: str) -> pa.Table:
    """Rows of a SQL query over versions of a Delta table, each under a name of its own."""
    builder = QueryBuilder()
    with storage_errors(uri):
        for name, version in versions.items():
            table = DeltaTable(uri, version=version, storage_options=storage_options(uri))
            builder = builder.register(name, table)
        return _plain(pa.table(builder.execute(query).read_all()))


def _plain(rows: pa.Table) -> pa.Table:
    """Views of strings as strings, which every writer knows."""
    fields = [
        field.with_type(pa.string()) if pa.types.is_string_view(field.type) else field
        for field in rows.schema
    ]
    return rows.cast(pa.schema(fields))


def is_readable(uri: str, version: int) -> bool:
    """Whether a version can still be read: its log and its files are kept for a time."""
    try:
        table = DeltaTable(uri, version=version, storage_options=storage_options(uri))
    except (DeltaError, FileNotFoundError):
        return False
    paths = pa.table(table.get_add_actions(flatten=True)).column("path").to_pylist()
    filesystem, root = locate(uri)
    infos = filesystem.get_file_info([f"{root}/{unquote(path)}" for path in paths])
    return all(info.type == FileType.File for info in infos)


def commits(uri: str, limit: int) -> list[dict[str, Any]]:
    """Commits of a Delta table, newest first, with the run that made each."""
    history = DeltaTable(uri, storage_options=storage_options(uri)).history(limit)
    return [
        {
            "version": commit["version"],
            "operation": commit.get("operation"),
            "run_id": json.loads(commit.get("userMetadata") or "{}").get("run_id"),
            "at": datetime.fromtimestamp(commit["timestamp"] / 1000, UTC),
        }
        for commit in history
    ]


def size(uri: str) -> Size:
    """Files and bytes of the newest version of a Delta table; nothing where there is none."""
    found = sizes(uri)
    return Size(len(found), sum(found))


def sizes(uri: str) -> list[int]:
    """Bytes of each file of the newest version of a Delta table; none where there is no table."""
    try:
        table = DeltaTable(uri, storage_options=storage_options(uri))
    except TableNotFoundError:
        return []
    added = pa.table(table.get_add_actions(flatten=True))
    return [int(each) for each in added.column("size_bytes").to_pylist()]


def compact(settings: Settings, name: str, retention: timedelta) -> int:
    """Merge the small files of an ops table and shorten its log; returns files removed."""
    uri = settings.table_uri(f"ops.{name}")
    with _LOCK, storage_errors(uri):
        table = DeltaTable(uri, storage_options=storage_options(uri))
        table.optimize.compact()
        hours = int(retention.total_seconds() // 3600)
        removed = table.vacuum(retention_hours=hours, dry_run=False)
        table.create_checkpoint()
        table.cleanup_metadata()
    return len(removed)
