"""Landing files: which are there, and which are new."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from lakehouse.errors import InputQualityError, StorageError
from lakehouse.io import files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyarrow.fs import FileInfo

    from lakehouse.io.state import StateStore
    from lakehouse.landing.feed import Arrivals

Manifest = dict[str, dict[str, Any]]
FORMATS = {".json": "json", ".jsonl": "json", ".ndjson": "json", ".csv": "csv"}
CHUNK = 1 << 20
HEAD = 1 << 16
BOM = b"\xef\xbb\xbf"
DAY = re.compile(r"(?<!\d)(\d{4})(-?)(\d{2})\2(\d{2})(?!\d)")


@dataclass(frozen=True)
class Content:
    """What a landing file holds.

    Attributes:
        digest: BLAKE2 of the stored bytes.
        layout: `array` (one JSON array), `lines` (JSON lines) or `csv`.
        header: Header line of a CSV file.
    """

    digest: str
    layout: str
    header: str | None = None


@dataclass(frozen=True)
class LandedFile:
    """A landing file. Its identity is path, size and content hash.

    Attributes:
        path: Path below the landing folder.
        uri: Absolute path or URI.
        size: Bytes on storage.
        mtime_ns: Modification time; only used to avoid hashing an untouched file again.
        known: Its content where that was found out before.
    """

    path: str
    uri: str
    size: int
    mtime_ns: int
    known: Content | None = None

    @cached_property
    def content(self) -> Content:
        """What it holds; the file is read when first asked, and only where nobody knows.

        Raises:
            InputQualityError: It is truncated.
        """
        return self.known or _inspect(self.uri, self.path)

    def record(self) -> dict[str, Any]:
        """What the manifest keeps."""
        return {"size": self.size, "mtime_ns": self.mtime_ns, **vars(self.content)}


@dataclass(frozen=True)
class Delivery:
    """What the landing folder holds compared with what was consumed: the arrivals of `Files`.

    Attributes:
        new: Files not consumed yet.
        changed: Files whose content differs from what was consumed under the same path.
        unchanged: Files consumed as they are.
        gone: Paths that were consumed and are not there any more; their rows stay.
        waiting: Paths of new files that are dated after the day of the run.
        consumed: The manifest of consumed files that it was compared with.
    """

    new: tuple[LandedFile, ...]
    changed: tuple[LandedFile, ...]
    unchanged: tuple[LandedFile, ...]
    gone: tuple[str, ...]
    waiting: tuple[str, ...] = ()
    consumed: Manifest = field(default_factory=dict)

    @property
    def present(self) -> tuple[LandedFile, ...]:
        """Every file that is there."""
        return self.new + self.changed + self.unchanged

    @property
    def ever(self) -> bool:
        """Whether any file arrived, now or before."""
        return bool(self.present or self.consumed)

    @property
    def has_new(self) -> bool:
        """Whether some file was not consumed."""
        return bool(self.new)

    @property
    def corrected(self) -> tuple[str, ...]:
        """Paths of consumed files whose content changed."""
        return tuple(each.path for each in self.changed)

    @property
    def news(self) -> str:
        """What is new, or waits, in words."""
        if self.new:
            return f"{len(self.new)} new file{'s'[: len(self.new) > 1]}"
        later = f", {len(self.waiting)} dated later wait" if self.waiting else ""
        return f"no new files{later}"

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest after consuming it; files that are gone stay in it."""
        return self.consumed | {each.path: each.record() for each in self.present}

    @cached_property
    def position(self) -> str:
        """Hash over the identities (not the modification times) of all files of the manifest."""
        lines = (f"{path}\0{r['size']}\0{r['digest']}\n" for path, r in self.manifest.items())
        return hashlib.blake2b("".join(sorted(lines)).encode(), digest_size=16).hexdigest()

    def files(self, *, whole: bool) -> tuple[LandedFile, ...]:
        """Every file that is there, or only the new ones."""
        return self.present if whole else self.new


class Files:
    """Landing files as a feed: a position stands for the manifest of consumed files."""

    def __init__(self, raw_uri: str, source: str, states: StateStore) -> None:
        """Keep where they are."""
        self._raw_uri = raw_uri
        self._source = source
        self._states = states

    def look(self, position: str | None, day: date | None) -> Delivery:
        """Compare the landing folder with the consumed files; opens those that were touched since.

        Args:
            position: What was consumed; None = nothing yet.
            day: New files dated later wait; undated files, and corrections of consumed ones, never
                do.

        Raises:
            InputQualityError: A file is of a kind that nobody can read.
        """
        return deliveries(self._raw_uri, self._source, self._states.manifest(position), day)

    def expected(self, day: date | None) -> str:
        """Where a file would have to lie."""
        return (
            f"no landing files for {self._source}{f' up to {day}' if day else ''}: "
            f"expected {self._raw_uri}/{self._source}"
            f".json|.jsonl|.csv[.gz] or files below {self._raw_uri}/{self._source}/"
        )

    def remember(self, arrivals: Arrivals) -> None:
        """Keep the manifest under its position; also where files were only touched since."""
        if isinstance(arrivals, Delivery) and arrivals.manifest != arrivals.consumed:
            self._states.save_manifest(arrivals.position, arrivals.manifest)


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


def deliveries(raw_uri: str, source: str, consumed: Manifest, day: date | None = None) -> Delivery:
    """Compare the landing folder with a manifest; see `Files.look`."""
    new: list[LandedFile] = []
    changed: list[LandedFile] = []
    unchanged: list[LandedFile] = []
    waiting: list[str] = []
    for info in _candidates(raw_uri, source):
        path = _relative(info, raw_uri)
        record = consumed.get(path)
        if record is None and day and (day_of(path) or day) > day:
            waiting.append(path)
            continue
        _format_of(path)
        mtime_ns = info.mtime_ns or 0
        landed = LandedFile(path, f"{raw_uri}/{path}", info.size, mtime_ns)
        if record is None:
            new.append(landed)
            continue
        known = Content(record["digest"], record["layout"], record["header"])
        is_untouched = (record["size"], record["mtime_ns"]) == (info.size, mtime_ns)
        if is_untouched or landed.content == known:
            unchanged.append(replace(landed, known=known))
        else:
            changed.append(landed)
    present = {each.path for each in (*new, *changed, *unchanged)}
    return Delivery(
        new=tuple(new),
        changed=tuple(changed),
        unchanged=tuple(unchanged),
        gone=tuple(sorted(set(consumed) - present)),
        waiting=tuple(sorted(waiting)),
        consumed=consumed,
    )


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


def _inspect(uri: str, path: str) -> Content:
    digest, head = _hash_and_head(uri, path)
    head = head.removeprefix(BOM)
    if _format_of(path) == "csv":
        first = head.splitlines()[0] if head.strip() else b""
        return Content(digest, "csv", first.decode("utf-8", "replace"))
    # Only `.json` may be an array; a line of `.jsonl` that starts with [ is just a bad row.
    may_be_array = path.removesuffix(".gz").lower().endswith(".json")
    is_array = may_be_array and head.lstrip()[:1] == b"["
    return Content(digest, "array" if is_array else "lines")


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
