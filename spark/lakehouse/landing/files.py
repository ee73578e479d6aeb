"""Landing files: which are there, and which are new."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, cast

from lakehouse.errors import InputQualityError, StorageError
from lakehouse.io import files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyarrow.fs import FileInfo

FORMATS = {".json": "json", ".jsonl": "json", ".ndjson": "json", ".csv": "csv"}
CHUNK = 1 << 20
HEAD = 1 << 16
BOM = b"\xef\xbb\xbf"
DAY = re.compile(r"(?<!\d)(\d{4})(-?)(\d{2})\2(\d{2})(?!\d)")


@dataclass(frozen=True)
class LandedFile:
    """A landing file. Its identity is path, size and content hash.

    Attributes:
        path: Path below the landing folder.
        uri: Absolute path or URI.
        size: Bytes on storage.
        mtime_ns: Modification time; only used to avoid hashing an untouched file again.
        digest: BLAKE2 of the stored bytes.
        layout: `array` (one JSON array), `lines` (JSON lines) or `csv`.
        header: Header line of a CSV file.
    """

    path: str
    uri: str
    size: int
    mtime_ns: int
    digest: str
    layout: str
    header: str | None = None

    def record(self) -> dict[str, Any]:
        """What the manifest keeps."""
        return {
            "size": self.size,
            "mtime_ns": self.mtime_ns,
            "digest": self.digest,
            "layout": self.layout,
            "header": self.header,
        }


@dataclass(frozen=True)
class Delivery:
    """What the landing folder holds compared with what was consumed.

    Attributes:
        new: Files not consumed yet.
        changed: Files whose content differs from what was consumed under the same path.
        unchanged: Files consumed as they are.
        gone: Paths that were consumed and are not there any more; their rows stay.
        waiting: Paths of new files that are dated after the day of the run.
    """

    new: tuple[LandedFile, ...]
    changed: tuple[LandedFile, ...]
    unchanged: tuple[LandedFile, ...]
    gone: tuple[str, ...]
    waiting: tuple[str, ...] = ()

    @property
    def present(self) -> tuple[LandedFile, ...]:
        """Every file that is there."""
        return self.new + self.changed + self.unchanged


def day_of(path: str) -> date | None:
    """The day a file is dated by its path (`events/2026-01-05.jsonl`); None for an undated one."""
    for year, _, month, day in reversed(DAY.findall(path)):
        try:
            return date(int(year), int(month), int(day))
        except ValueError:
            continue
    return None


def has_files(raw_uri: str, source: str) -> bool:
    """Whether anything landed for a source: a listing, no file is opened."""
    return next(_candidates(raw_uri, source), None) is not None


def deliveries(
    raw_uri: str, source: str, known: dict[str, dict[str, Any]], day: date | None = None
) -> Delivery:
    """Compare the landing folder with the manifest of consumed files.

    Args:
        raw_uri: The landing folder.
        source: Name of the source.
        known: Manifest of consumed files.
        day: New files dated later wait; undated files, and corrections of consumed ones, never do.

    Raises:
        InputQualityError: A file is truncated, or of a kind that nobody can read.
    """
    by_status: dict[str, list[LandedFile]] = {"new": [], "changed": [], "unchanged": []}
    waiting: list[str] = []
    for info in _candidates(raw_uri, source):
        path = _relative(info, raw_uri)
        record = known.get(path)
        if record is None and day and (day_of(path) or day) > day:
            waiting.append(path)
            continue
        mtime_ns = info.mtime_ns or 0
        if record and (record["size"], record["mtime_ns"]) == (info.size, mtime_ns):
            by_status["unchanged"].append(LandedFile(path, f"{raw_uri}/{path}", **record))
            continue
        landed = _inspect(info, path, f"{raw_uri}/{path}", mtime_ns)
        if record is None:
            by_status["new"].append(landed)
        elif record["digest"] == landed.digest:
            by_status["unchanged"].append(landed)
        else:
            by_status["changed"].append(landed)
    present = {each.path for group in by_status.values() for each in group}
    return Delivery(
        new=tuple(by_status["new"]),
        changed=tuple(by_status["changed"]),
        unchanged=tuple(by_status["unchanged"]),
        gone=tuple(sorted(set(known) - present)),
        waiting=tuple(sorted(waiting)),
    )


def manifest_of(delivery: Delivery, known: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The manifest after consuming a delivery; files that are gone stay in it."""
    return known | {each.path: each.record() for each in delivery.present}


def manifest_digest(manifest: dict[str, dict[str, Any]]) -> str:
    """Hash over the identities (not the modification times) of all files of a manifest."""
    lines = (f"{path}\0{record['size']}\0{record['digest']}\n" for path, record in manifest.items())
    return hashlib.blake2b("".join(sorted(lines)).encode(), digest_size=16).hexdigest()


def _candidates(raw_uri: str, source: str) -> Iterator[FileInfo]:
    filesystem, path = files.locate(raw_uri)
    beside = [f"{path}/{source}{ext}{gz}" for ext in FORMATS for gz in ("", ".gz")]
    for info in filesystem.get_file_info(beside):
        if info.is_file:
            yield info
    for info in files.list_files(f"{raw_uri}/{source}"):
        below = info.path.removeprefix(f"{path}/")
        if not any(part.startswith((".", "_")) for part in below.split("/")):
            yield info


def _relative(info: FileInfo, raw_uri: str) -> str:
    _, base = files.locate(raw_uri)
    return cast("str", info.path).removeprefix(f"{base}/")


def _format_of(path: str) -> str:
    name = path.lower().removesuffix(".gz")
    extension = name[name.rfind(".") :] if "." in name.rsplit("/", 1)[-1] else ""
    if extension not in FORMATS:
        message = (
            f"landing file {path} has an unknown extension '{extension}'; "
            f"use {', '.join(FORMATS)} (each also .gz), or move it away"
        )
        raise InputQualityError(message, path=path)
    return FORMATS[extension]


def _inspect(info: FileInfo, path: str, uri: str, mtime_ns: int) -> LandedFile:
    kind = _format_of(path)
    digest, head = _hash_and_head(uri, path)
    header = None
    if kind == "csv":
        layout = "csv"
        first = head.removeprefix(BOM).splitlines()[0] if head.removeprefix(BOM).strip() else b""
        header = first.decode("utf-8", "replace")
    else:
        # Only `.json` may be an array; a line of `.jsonl` that starts with [ is just a bad row.
        may_be_array = path.removesuffix(".gz").lower().endswith(".json")
        is_array = may_be_array and head.removeprefix(BOM).lstrip()[:1] == b"["
        layout = "array" if is_array else "lines"
    return LandedFile(path, uri, info.size, mtime_ns, digest, layout, header)


def _hash_and_head(uri: str, path: str) -> tuple[str, bytes]:
    """Hash of the stored bytes and the first decompressed ones; proves that a gz is whole."""
    digest = hashlib.blake2b(digest_size=16)
    filesystem, inner = files.locate(uri)
    inflate = zlib.decompressobj(wbits=31) if path.endswith(".gz") else None
    head = b""
    try:
        with filesystem.open_input_file(inner) as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
                if inflate is not None:
                    chunk, inflate = _inflated(inflate, chunk)
                if len(head) < HEAD:
                    head += chunk[: HEAD - len(head)]
    except (zlib.error, gzip.BadGzipFile) as error:
        message = f"landing file {path} is not valid gzip ({error}); deliver it again"
        raise InputQualityError(message, path=path) from error
    except PermissionError as error:
        message = f"no permission to read landing file {path}; grant it and run again"
        raise StorageError(message, path=path) from error
    if inflate is not None and not inflate.eof:
        message = f"landing file {path} is truncated: the gzip stream ends early; deliver it again"
        raise InputQualityError(message, path=path)
    return digest.hexdigest(), head


def _inflated(inflate: Any, chunk: bytes) -> tuple[bytes, Any]:  # noqa: ANN401  # zlib has no type
    """Decompress a chunk, which may hold the end of one gzip member and the start of another."""
    out = inflate.decompress(chunk)
    while inflate.eof and inflate.unused_data.strip(b"\0"):
        rest = inflate.unused_data
        inflate = zlib.decompressobj(wbits=31)
        out += inflate.decompress(rest)
    return out, inflate
