"""Small files on any storage the lake may live on: local folders and object stores alike."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import uuid
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakehouse.errors import LakehouseError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyarrow import fs as arrow_fs


ROOM = 64 * 1024
"""More than an entry of a log and a handful of rows take."""


@lru_cache(maxsize=8)
def _object_store(scheme: str) -> arrow_fs.FileSystem:
    from pyarrow import fs as arrow_fs  # noqa: PLC0415  # 0.1 s that `--help` does without

    if scheme in {"s3", "s3a"}:
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
        protocol, _, host = endpoint.rpartition("://")
        options = {"endpoint_override": host, "scheme": protocol or "http"} if host else {}
        return arrow_fs.S3FileSystem(
            region=os.environ.get("AWS_REGION", "us-east-1"),
            allow_bucket_creation=False,
            **options,
        )
    filesystem, _ = arrow_fs.FileSystem.from_uri(f"{scheme}://")
    return filesystem


def locate(uri: str) -> tuple[arrow_fs.FileSystem, str]:
    """The file system of a path or URI, and the path within it."""
    if "://" not in uri:
        from pyarrow import fs as arrow_fs  # noqa: PLC0415  # see _object_store

        return arrow_fs.LocalFileSystem(), uri
    scheme, _, path = uri.partition("://")
    return _object_store(scheme), path


def storage_options(uri: str) -> dict[str, str] | None:
    """Object store access for delta-rs, from the usual AWS variables."""
    if "://" not in uri:
        return None
    options = {key: value for key, value in os.environ.items() if key.startswith("AWS_")}
    if options.get("AWS_ENDPOINT_URL", "").startswith("http://"):
        options["AWS_ALLOW_HTTP"] = "true"
    return options


def is_local(uri: str) -> bool:
    """Whether the path is on this machine's file system."""
    return "://" not in uri


def exists(uri: str) -> bool:
    """Whether a file or folder is there."""
    from pyarrow import fs as arrow_fs  # noqa: PLC0415  # see _object_store

    filesystem, path = locate(uri)
    return bool(filesystem.get_file_info(path).type != arrow_fs.FileType.NotFound)


def read_json(uri: str) -> Any | None:  # noqa: ANN401  # JSON is any
    """The parsed content, or None when there is no such file."""
    filesystem, path = locate(uri)
    try:
        with filesystem.open_input_stream(path) as stream:
            return json.loads(stream.read())
    except FileNotFoundError:
        return None


def read_text(uri: str) -> str | None:
    """The content as text, or None when there is no such file."""
    filesystem, path = locate(uri)
    try:
        with filesystem.open_input_stream(path) as stream:
            return bytes(stream.read()).decode("utf-8", "replace")
    except FileNotFoundError:
        return None


def write_json(uri: str, content: object) -> None:
    """Write atomically: a reader sees the old content or the new one, also after a crash."""
    data = json.dumps(content, indent=1, sort_keys=True, default=str).encode()
    with storage_errors(uri):
        if is_local(uri):
            _write_local(Path(uri), data)
            return
        filesystem, path = locate(uri)
        with filesystem.open_output_stream(path) as stream:  # a PUT is atomic
            stream.write(data)


def delete(uri: str) -> None:
    """Remove a file; fine when there is none."""
    filesystem, path = locate(uri)
    with contextlib.suppress(FileNotFoundError):
        filesystem.delete_file(path)


def move(uri: str, target: str) -> None:
    """Move a file or a folder; in an object store it is copied, then deleted."""
    from pyarrow import fs as arrow_fs  # noqa: PLC0415  # see _object_store

    filesystem, path = locate(uri)
    _, to = locate(target)
    with storage_errors(target):
        if is_local(uri):
            Path(to).parent.mkdir(parents=True, exist_ok=True)
            Path(path).rename(to)
        elif filesystem.get_file_info(path).type == arrow_fs.FileType.File:
            filesystem.move(path, to)
        else:
            arrow_fs.copy_files(path, to, filesystem, filesystem)
            filesystem.delete_dir(path)


def traces(info: arrow_fs.FileInfo, *, local: bool) -> dict[str, int | None]:
    """What moves when a file is written: modification time, and of a local one more than that.

    Whoever writes a file can set its modification time back, but not the time of its last change;
    and a file that takes the place of another has another number.
    """
    told: dict[str, int | None] = {"mtime_ns": info.mtime_ns or 0, "ctime_ns": None, "inode": None}
    if local:
        with contextlib.suppress(FileNotFoundError):  # it went away since it was listed
            stat = Path(info.path).stat()
            told |= {"ctime_ns": stat.st_ctime_ns, "inode": stat.st_ino}
    return told


def list_folders(uri: str) -> list[arrow_fs.FileInfo]:
    """Folders in a folder; none when there is no such folder."""
    from pyarrow import fs as arrow_fs  # noqa: PLC0415  # see _object_store

    filesystem, path = locate(uri)
    with storage_errors(uri):
        infos = filesystem.get_file_info(arrow_fs.FileSelector(path, allow_not_found=True))
    return [info for info in infos if info.type == arrow_fs.FileType.Directory]


def list_files(uri: str, *, below: bool = True) -> list[arrow_fs.FileInfo]:
    """Files of a folder and those below it, in path order; empty when there is no such folder."""
    from pyarrow import fs as arrow_fs  # noqa: PLC0415  # see _object_store

    filesystem, path = locate(uri)
    selector = arrow_fs.FileSelector(path, recursive=below, allow_not_found=True)
    with storage_errors(uri):
        infos = filesystem.get_file_info(selector)
    found = [info for info in infos if info.type == arrow_fs.FileType.File]
    return sorted(found, key=lambda info: info.path)


@contextlib.contextmanager
def storage_errors(uri: str) -> Iterator[None]:
    """Turn errors of the storage, whoever reports them, into one clear line."""
    try:
        yield
    except LakehouseError:
        raise
    except Exception as error:
        clear = explained(error, uri)
        if clear is error and isinstance(error, OSError):
            message = (
                f"cannot write {uri}: {error.strerror or error}; fix the storage, then run again"
            )
            raise StorageError(message, path=uri) from error
        if clear is error:
            raise
        raise clear from error


def assert_room(uri: str) -> None:
    """There is room for a commit: delta-rs panics aloud where there is none, and tells no error.

    Raises:
        StorageError: The disk is full.
    """
    place = Path(uri)
    while is_local(uri) and not place.exists():
        place = place.parent
    if is_local(uri) and shutil.disk_usage(place).free < ROOM:
        raise StorageError(_FULL.format(uri=uri), path=uri)


def explained(error: Exception, uri: str) -> Exception:
    """The error in our words when the storage is to blame, else the error itself.

    Python, pyarrow, delta-rs and the engine each have their own exceptions; the operating system's
    words stand in all of them.
    """
    if isinstance(error, LakehouseError):
        return error
    text = "\n".join(str(each) for each in _chain(error))
    for words, message in _TROUBLES.items():
        if any(word in text for word in words):
            return StorageError(message.format(uri=uri), path=uri)
    return error


def _chain(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__


_FULL = "the disk is full, no space left: cannot write {uri}; free space and run again"
_TROUBLES = {
    ("No space left on device", "Disk quota exceeded", "DiskErrorException"): _FULL,
    ("Not a directory", "ParentNotDirectoryException", "FileAlreadyExistsException: Dest"): (
        "cannot use {uri}: a file stands where a folder should be; move it away"
    ),
    ("Permission denied", "AccessDenied", "Read-only file system", "Mkdirs failed"): (
        "no permission for {uri}; grant it, or set LAKEHOUSE_ROOT to another place"
    ),
}


def _write_local(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
