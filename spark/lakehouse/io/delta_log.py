"""What the log of a Delta table says: commits, the files of a version, those of a change feed.

Read without the engine, which takes three jobs and most of a second to answer the same.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa
from pyarrow.fs import FileType

from lakehouse.errors import SchemaMismatchError
from lakehouse.io import files

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from deltalake import DeltaTable

Action = dict[str, dict[str, Any]]
MOST_FILES = 1000
"""A version of more files is left to the engine, which need not look at each of them first."""
_COMMIT = re.compile(r"/(\d{20})\.json$")


def actions(uri: str, version: int) -> list[Action]:
    """What a commit did, as the log says.

    Raises:
        FileNotFoundError: The log does not reach back to it any more.
    """
    filesystem, root = files.locate(uri)
    with filesystem.open_input_stream(f"{root}/_delta_log/{version:020}.json") as stream:
        return [json.loads(line) for line in stream.read().splitlines() if line.strip()]


def latest_version(uri: str) -> int | None:
    """Newest version, or None when nothing is there.

    Raises:
        SchemaMismatchError: There are files, but not those of a Delta table.
    """
    commits = [_COMMIT.search(info.path) for info in files.list_files(f"{uri}/_delta_log")]
    versions = [int(match[1]) for match in commits if match]
    if versions:
        return max(versions)
    if files.list_files(uri):
        message = (
            f"{uri} contains files but is not a Delta table; move the folder away, and "
            "the next run creates the table"
        )
        raise SchemaMismatchError(message, path=uri)
    return None


def table_id(uri: str, version: int) -> str:
    """Delta's identity of the table that a version is one of."""
    from deltalake import DeltaTable  # noqa: PLC0415  # a listing of commits does without

    table = DeltaTable(uri, version=version, storage_options=files.storage_options(uri))
    return str(table.metadata().id)


def columns(uri: str, version: int) -> dict[str, tuple[str, bool]]:
    """Name → type, as Spark writes it, and whether null is legal, of the columns of a version."""
    from deltalake import DeltaTable  # noqa: PLC0415  # a listing of commits does without

    table = DeltaTable(uri, version=version, storage_options=files.storage_options(uri))
    fields = json.loads(table.schema().to_json())["fields"]
    return {field["name"]: (type_name(field["type"]), field["nullable"]) for field in fields}


def type_name(kind: Any) -> str:  # noqa: ANN401  # a name, or a dict of an array
    """A type of Delta as Spark writes it."""
    if isinstance(kind, dict):
        return f"array<{type_name(kind['elementType'])}>"
    return {"long": "bigint", "integer": "int"}.get(kind, str(kind))


def notes(uri: str, after: int, until: int) -> list[dict[str, Any]]:
    """What each commit in (after, until] says of itself; empty where it says nothing."""
    found = []
    for version in range(after + 1, until + 1):
        about = (each.get("commitInfo") for each in actions(uri, version))
        said = next(filter(None, about), {}).get("userMetadata")
        found.append(json.loads(said or "{}"))
    return found


@dataclass(frozen=True)
class Span:
    """Days of a column, the first and the last included."""

    column: str
    first: date
    last: date


@dataclass(frozen=True)
class Snapshot:
    """A version of a table whose Parquet files are its rows, no more and no less.

    Attributes:
        schema: The columns, as Delta and Spark write them in JSON.
        paths: Where the files are.
    """

    schema: dict[str, Any]
    paths: list[str]


def snapshot(uri: str, version: int | None, span: Span | None = None) -> Snapshot | None:
    """A version, by default the newest; None where it is for the engine to read.

    With a span, files that hold none of its days are left out; others hold rows of other days, too.

    That is where the files hold more than the rows (deletion vectors) or less (partitions), where
    there are none or very many of them, and where something is wrong: the engine says what.
    """
    table = _opened(uri, version)
    if table is None or table.metadata().partition_columns:
        return None
    added = pa.table(table.get_add_actions(flatten=True))
    if not 0 < added.num_rows <= MOST_FILES:
        return None
    paths = _located(uri, map(unquote, _may_hold(added, span)))
    return Snapshot(json.loads(table.schema().to_json()), paths)


def is_clustered(table: DeltaTable) -> bool:
    """Whether a table has liquid clustering, as all had that were made before 2026-11-27."""
    return "clustering" in (table.protocol().writer_features or ())


def files_of(table: DeltaTable, uri: str, span: Span | None = None) -> list[str]:
    """The files of a version; with a span, without those that hold none of its days."""
    added = pa.table(table.get_add_actions(flatten=True))
    return _located(uri, map(unquote, _may_hold(added, span))) if added.num_rows else []


def _opened(uri: str, version: int | None) -> DeltaTable | None:
    """A version whose files tell of its rows without the engine."""
    from deltalake import DeltaTable  # noqa: PLC0415  # a listing of commits does without
    from deltalake.exceptions import DeltaError  # noqa: PLC0415  # same

    try:
        table = DeltaTable(uri, version=version, storage_options=files.storage_options(uri))
    except (DeltaError, OSError):
        return None
    return None if table.protocol().reader_features else table


def _may_hold(added: pa.Table, span: Span | None) -> list[str]:
    """The files that may hold days of a span; at least one, for there must be some to read."""
    paths: list[str] = added.column("path").to_pylist()
    edges = () if span is None else (f"min.{span.column}", f"max.{span.column}")
    if span is None or not set(edges) <= set(added.column_names):
        return paths
    lows, highs = (added.column(edge).to_pylist() for edge in edges)
    kept = [
        path
        for path, low, high in zip(paths, lows, highs, strict=True)
        if low is None or high is None or (low <= span.last and span.first <= high)
    ]
    return kept or paths[:1]


def totals(uri: str, version: int, dates: Sequence[str]) -> tuple[int, dict[str, date]] | None:
    """Rows of a version and the newest value of its dates, as the files' statistics say.

    None where they do not: that is for the engine to count.
    """
    table = _opened(uri, version)
    if table is None:
        return None
    added = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    newest: dict[str, date] = {}
    for file in added:
        if file["num_records"] is None:
            return None
        for name in dates:
            found = file.get(f"max.{name}")
            if found is not None:
                newest[name] = max(found, newest.get(name, found))
            elif file.get(f"null_count.{name}") != file["num_records"]:
                return None
    return sum(file["num_records"] for file in added), newest


@dataclass
class Feed:
    """The files that hold what changed between two versions.

    Attributes:
        described: Rows with the way they changed, `_change_type`.
        added: Rows that were inserted.
        removed: Rows that were deleted.
    """

    described: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def at(self, uri: str) -> Feed:
        """The same with the files' whole paths."""
        return Feed(*(_located(uri, paths) for paths in (self.described, self.added, self.removed)))


def feed(uri: str, after: int, until: int) -> Feed | None:
    """What versions in (after, until] changed; None when it cannot be told any more.

    VACUUM removes files but not the commits that name them, and the log is shortened at times; rows
    of before and after a change of the columns are not of one kind.
    """
    found = Feed()
    shapes = set()
    for version in range(after + 1, until + 1):
        try:
            commit = actions(uri, version)
        except FileNotFoundError:
            return None
        shapes |= {_shape(each["metaData"]) for each in commit if "metaData" in each}
        data = [each for each in commit if _changes_rows(each)]
        if any("deletionVector" in each.get("add", each.get("remove", {})) for each in data):
            return None
        if described := _paths(commit, "cdc"):
            found.described += described
        else:
            found.added += _paths(data, "add")
            found.removed += _paths(data, "remove")
    if shapes and shapes != {_shape_at(uri, after)}:
        return None
    filesystem, root = files.locate(uri)
    wanted = [f"{root}/{path}" for path in (*found.described, *found.added, *found.removed)]
    if any(info.type != FileType.File for info in filesystem.get_file_info(wanted)):
        return None
    return found.at(uri)


def _shape(metadata: dict[str, Any]) -> tuple[str, str]:
    """Which table it is, and its columns."""
    return metadata["id"], json.dumps(json.loads(metadata["schemaString"]), sort_keys=True)


def _shape_at(uri: str, version: int) -> tuple[str, str] | None:
    """The same of a version; None when its log is gone."""
    table = _opened(uri, version)
    if table is None:
        return None
    return _shape({"id": table.metadata().id, "schemaString": table.schema().to_json()})


def _changes_rows(action: Action) -> bool:
    return any(action.get(kind, {}).get("dataChange") for kind in ("add", "remove"))


def _paths(actions: Iterable[Action], kind: str) -> list[str]:
    return [unquote(each[kind]["path"]) for each in actions if kind in each]


def _located(uri: str, paths: Iterable[str]) -> list[str]:
    return [f"{uri}/{path}" for path in paths]
