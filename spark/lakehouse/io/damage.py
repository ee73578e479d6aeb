"""What is wrong with a stored version of a Delta table, and what of it can still be read."""

from __future__ import annotations

import contextlib
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from pyarrow.fs import FileType

from lakehouse.errors import DamagedTableError
from lakehouse.io import delta_log, files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyarrow.fs import FileInfo

    from lakehouse.io.state import State

_COMMIT = re.compile(r"/_delta_log/(\d{20})\.json$")
_CHECKPOINT = re.compile(r"/_delta_log/((\d{20})\.checkpoint.*\.parquet|_last_checkpoint)$")
NAMED = 3


def damage_of(uri: str, state: State, *, whole: bool = False) -> str | None:
    """What is wrong with the published version of a table, in words; None where nothing is.

    Args:
        uri: Where it is.
        state: What is published of it.
        whole: Read all of its files, instead of looking whether they are there as they were.
    """
    return _damage(uri, state.version, state.table_id, whole=whole)


def damage_of_newest(uri: str, *, whole: bool = False) -> str | None:
    """The same of the newest version of a table that nobody publishes; None where there is none."""
    if not files.list_files(uri):
        return None
    return _damage(uri, max(_log(uri)[0], default=0), None, whole=whole)


def assert_published(name: str, uri: str, state: State) -> None:
    """What is at a place is the table that was published, up to that version.

    Raises:
        DamagedTableError: It is not; says what is wrong and what to do.
    """
    try:
        is_there = state.table_id in {None, delta_log.table_id(uri, state.version)}
    except Exception:  # noqa: BLE001  # whatever delta-rs makes of a broken log
        is_there = False
    if not is_there:
        raise damaged(name, uri, damage_of(uri, state) or "its log cannot be read")


def assert_intact(name: str, uri: str, state: State) -> None:
    """All of a published version is there.

    Raises:
        DamagedTableError: It is not; says what is wrong and what to do.
    """
    if found := damage_of(uri, state):
        raise damaged(name, uri, found)


def damaged(name: str, uri: str, found: str) -> DamagedTableError:
    """The error that says what is wrong with a table, and the way back."""
    message = f"{name} at {uri} is damaged: {found}; `lakehouse repair {name}` rebuilds it"
    return DamagedTableError(message, table=name, path=uri)


def reads_without_checkpoints(uri: str, version: int) -> bool:
    """Whether a version is all there when its log is read from the first commit on."""
    commits, found = _log(uri)
    if not found or any(number not in commits for number in range(version + 1)):
        return False
    filesystem, root = files.locate(uri)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "_delta_log"
        log.mkdir()
        for number in range(version + 1):
            with filesystem.open_input_stream(f"{root}/_delta_log/{number:020}.json") as stream:
                (log / f"{number:020}.json").write_bytes(stream.read())
        try:
            sizes = _sizes(DeltaTable(folder, version=version))
        except Exception:  # noqa: BLE001  # whatever delta-rs makes of a broken log
            return False
    return not _bad_files(uri, sizes, whole=True)


def checkpoints(uri: str) -> list[str]:
    """Checkpoints of a table's log and what points to the last of them, below its folder."""
    return [f"_delta_log/{info.base_name}" for info in _log(uri)[1]]


def readable_files(uri: str, version: int) -> list[str]:
    """Data files of a version that can be read, below the folder of the table.

    Where its log cannot be, all data files that no readable entry of it removes.
    """
    try:
        table = DeltaTable(uri, version=version, storage_options=files.storage_options(uri))
        paths = list(_sizes(table))
    except Exception:  # noqa: BLE001  # whatever delta-rs makes of a broken log
        paths = _files_left(uri)
    return [path for path in paths if opens(uri, path, whole=True)]


def _files_left(uri: str) -> list[str]:
    _, root = files.locate(uri)
    removed: set[str] = set()
    for number in _log(uri)[0]:
        with contextlib.suppress(ValueError):
            entry = delta_log.actions(uri, number)
            removed |= {unquote(each["remove"]["path"]) for each in entry if "remove" in each}
    found = (info.path.removeprefix(f"{root}/") for info in files.list_files(uri, below=False))
    return [path for path in found if path.endswith(".parquet") and path not in removed]


def _damage(uri: str, version: int, table_id: str | None, *, whole: bool) -> str | None:
    if not files.list_files(uri):
        return "its folder is gone, or empty"
    if found := _damage_of_log(uri, version):
        return found
    try:
        table = DeltaTable(uri, version=version, storage_options=files.storage_options(uri))
        sizes = _sizes(table)
    except Exception as error:  # noqa: BLE001  # whatever delta-rs makes of a broken log
        return f"its log cannot be read up to version {version} ({_brief(error)})"
    if table_id not in {None, str(table.metadata().id)}:
        return "its folder holds another table than the one that was published"
    bad = _bad_files(uri, sizes, whole=whole)
    if bad:
        return f"{len(bad)} of {len(sizes)} data files are missing or damaged: {_listed(bad)}"
    return None


def _sizes(table: DeltaTable) -> dict[str, int]:
    """Bytes of each data file of a version, by its path below the folder."""
    added = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    return {unquote(row["path"]): row["size_bytes"] for row in added}


def _damage_of_log(uri: str, version: int) -> str | None:
    commits, checkpoints = _log(uri)
    if not commits and not checkpoints:
        return "its log is gone"
    known = {number: info for info in checkpoints if (number := _number(info)) is not None}
    bad = [
        info.base_name
        for info in known.values()
        if not opens(uri, f"_delta_log/{info.base_name}", whole=True)
    ]
    if bad:
        return f"checkpoints of its log are damaged: {_listed(bad)}"
    start = max((number for number in known if number <= version), default=-1)
    missing = [n for n in range(start + 1, version + 1) if n not in commits]
    return f"its log lacks {_listed([f'{n:020}.json' for n in missing])}" if missing else None


def _log(uri: str) -> tuple[set[int], list[FileInfo]]:
    """Numbers of the commits, and checkpoints with what points to the last of them."""
    infos = files.list_files(f"{uri}/_delta_log")
    commits = {int(match[1]) for info in infos if (match := _COMMIT.search(info.path))}
    return commits, [info for info in infos if _CHECKPOINT.search(info.path)]


def _number(checkpoint: FileInfo) -> int | None:
    digits = checkpoint.base_name.partition(".")[0]
    return int(digits) if digits.isdigit() else None


def _bad_files(uri: str, sizes: dict[str, int], *, whole: bool) -> list[str]:
    """Files that are not there as they were written."""
    filesystem, root = files.locate(uri)
    infos = filesystem.get_file_info([f"{root}/{path}" for path in sizes])
    return [
        path
        for (path, size), info in zip(sizes.items(), infos, strict=True)
        if info.type != FileType.File or info.size != size or not opens(uri, path, whole=whole)
    ]


def opens(uri: str, path: str, *, whole: bool) -> bool:
    """Whether a Parquet file of a table can be read: its footer, or all of it."""
    filesystem, root = files.locate(uri)
    try:
        with filesystem.open_input_file(f"{root}/{path}") as stream:
            file = pq.ParquetFile(stream)
            if whole:
                for _ in file.iter_batches():
                    pass
    except (pa.ArrowException, OSError, ValueError):
        return False
    return True


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _brief(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
