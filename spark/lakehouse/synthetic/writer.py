"""The landing folder: which files are ours, and how new ones appear in it.

A file is ours when the marker lists it with its present size and hash. Files are written beside
their place under a hidden name and renamed at the very end, all together: an interrupted run
leaves the folder as it was.
"""

import gzip
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO, ClassVar, Protocol

from lakehouse.errors import LakehouseError
from lakehouse.synthetic.source import Source
from lakehouse.synthetic.text import Text, payload

MARKER = ".generated.json"
TRUTH = "truth.json"

_BLOCK = 1 << 20
_GZIP_LEVEL = 4


class LandingConflictError(LakehouseError):
    """Files that the generator did not make, or that were changed since, stand in its way."""

    exit_code: ClassVar[int] = 73  # EX_CANTCREAT

    def __init__(self, out: Path, conflicts: list[str]) -> None:
        """Name the files and the ways out."""
        super().__init__(
            f"{out} holds files this generator did not make, or that were changed since it did: "
            f"{', '.join(conflicts)}. Nothing was written. Move them away, choose another --out, "
            "or pass --force to replace exactly these files.",
            files=conflicts,
        )


@dataclass(frozen=True, order=True)
class MadeFile:
    """A file of a run, as the marker lists it; ``path`` is below the landing folder."""

    path: str
    bytes: int
    sha256: str

    @property
    def source(self) -> str:
        """`user_signups` for user_signups.jsonl.gz and for user_signups/2026-01-01.jsonl."""
        return self.path.split("/")[0].split(".")[0]


class Sink(Protocol):
    """Anything that takes bytes."""

    def write(self, data: bytes | memoryview, /) -> int:
        """Append bytes."""


class _HashingFile:
    """A binary file that knows the size and hash of what was written to it."""

    def __init__(self, raw: BinaryIO) -> None:
        self.raw, self.size, self.sha256 = raw, 0, hashlib.sha256()

    def write(self, data: bytes | memoryview, /) -> int:
        self.size += len(data)
        self.sha256.update(data)
        return self.raw.write(data)

    def flush(self) -> None:
        self.raw.flush()


@dataclass
class LandingFolder:
    """One run's view of a landing folder: take stock, stage files, then publish them."""

    out: Path
    _before: list[MadeFile] = field(init=False)
    _opened: list[str] = field(init=False, default_factory=list)
    _staged: list[MadeFile] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._before = _read_marker(self.out / MARKER)

    def refuse_conflicts(self, targets: list[str], sources: set[str]) -> None:
        """Raise when publishing would replace or remove a file that is not ours."""
        earlier = [made.path for made in self._before if made.source in sources]
        present = [path for path in {*targets, *earlier} if (self.out / path).exists()]
        conflicts = sorted(path for path in present if not self._is_ours(path))
        if conflicts:
            raise LandingConflictError(self.out, conflicts)

    def strangers(self, sources: set[str]) -> list[str]:
        """Files of other makers that a pipeline would read together with ours."""
        beside = [path for name in sources for path in self.out.glob(f"{name}.*")]
        below = [path for name in sources for path in (self.out / name).rglob("*")]
        listed = {made.path for made in self._before}
        names = [path.relative_to(self.out).as_posix() for path in beside + below if path.is_file()]
        hidden = (".", "_")
        return sorted(
            name
            for name in names
            if name not in listed and not any(part.startswith(hidden) for part in name.split("/"))
        )

    def own_text(self, path: str) -> str | None:
        """The content of a file, if it is ours."""
        return (self.out / path).read_text("utf-8") if self._is_ours(path) else None

    @contextmanager
    def stage(self, path: str, *, compress: bool) -> Iterator[Sink]:
        """Open a file under its hidden name; it is remembered for ``publish``."""
        hidden = self._hidden(path)
        hidden.parent.mkdir(parents=True, exist_ok=True)
        self._opened.append(path)
        with hidden.open("wb") as raw:
            hashing = _HashingFile(raw)
            if compress:
                # No name and no time in the header: the same rows give the same bytes.
                with gzip.GzipFile("", "wb", _GZIP_LEVEL, hashing, mtime=0) as zipped:
                    yield zipped
            else:
                yield hashing
        self._staged.append(MadeFile(path, hashing.size, hashing.sha256.hexdigest()))

    def publish(self, sources: set[str]) -> list[str]:
        """Rename all staged files into place; return the files of earlier runs that are gone."""
        kept = [made for made in self._before if made.source not in {*sources, "truth"}]
        new = sorted(self._staged)
        # Listed before they appear: after a crash half-way both old and new files are ours.
        self._write_marker(sorted({*self._before, *new}))
        for made in new:
            self._hidden(made.path).replace(self.out / made.path)
        current = {made.path for made in [*kept, *new]}
        stale = sorted({made.path for made in self._before} - current)
        for path in stale:
            (self.out / path).unlink(missing_ok=True)
            self._remove_if_empty(path)
        self._write_marker(sorted([*kept, *new]))
        return stale

    def abandon(self) -> None:
        """Remove whatever is staged and not published, finished or not."""
        for path in self._opened:
            self._hidden(path).unlink(missing_ok=True)
            self._remove_if_empty(path)

    @property
    def published(self) -> list[MadeFile]:
        """The files that the marker lists now."""
        return _read_marker(self.out / MARKER)

    def _is_ours(self, path: str) -> bool:
        file = self.out / path
        listed = [made for made in self._before if made.path == path]
        if not listed or not file.is_file():
            return False
        size = file.stat().st_size
        # The hash is read last and only if it can match: files may be large.
        return any(made.bytes == size for made in listed) and (
            MadeFile(path, size, _sha256(file)) in listed
        )

    def _hidden(self, path: str) -> Path:
        file = self.out / path
        return file.with_name(f".{file.name}.part")

    def _remove_if_empty(self, path: str) -> None:
        folder = (self.out / path).parent
        if folder != self.out:
            with suppress(OSError):
                folder.rmdir()

    def _write_marker(self, made: list[MadeFile]) -> None:
        content = {"made_by": "generate_synthetic_data", "files": [asdict(each) for each in made]}
        hidden = self._hidden(MARKER)
        hidden.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
        hidden.replace(self.out / MARKER)


class Rows:
    """An open landing file that takes lines; a .json file becomes one array of them."""

    def __init__(self, file: Sink, source: Source) -> None:
        """Write what comes before the first line."""
        self._file, self._is_array, self._empty = file, source.extension == "json", True
        self._file.write(b"[" if self._is_array else source.header.encode())

    def write(self, lines: Text) -> None:
        """Append lines."""
        if not self._is_array:
            self._file.write(payload(lines))
            return
        for line in lines.to_pylist():
            self._file.write(b"\n" if self._empty else b",\n")
            self._file.write(line.rstrip("\n").encode())
            self._empty = False

    def finish(self) -> None:
        """Write what comes after the last line."""
        if self._is_array:
            self._file.write(b"\n]\n")


def _read_marker(path: Path) -> list[MadeFile]:
    """The files listed; none when the marker is missing or is not readable as ours."""
    try:
        listed = json.loads(path.read_text("utf-8"))["files"]
        return [MadeFile(**each) for each in listed]
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return []


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
