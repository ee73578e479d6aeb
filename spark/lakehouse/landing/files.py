"""Landing files: which are there, and which are new."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from lakehouse.errors import InputQualityError
from lakehouse.io import files
from lakehouse.landing.content import Content
from lakehouse.landing.days import day_of
from lakehouse.landing.kinds import KINDS, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from pyarrow.fs import FileInfo

    from lakehouse.io.state import StateStore
    from lakehouse.landing.feed import Arrivals
    from lakehouse.spec import Source

Manifest = dict[str, dict[str, Any]]
FEW = 5
OURS = ("truth.json",)
"""What the generator of sample data puts beside the files: no source, and no mistake."""


@dataclass(frozen=True)
class Look:
    """How files of a source are looked into.

    Attributes:
        source: What a record is.
        code: Fingerprint of the code that reads: what other code found out is not believed.
        max_record_bytes: Longer records are rejected.
    """

    source: Source
    code: str
    max_record_bytes: int

    def __call__(self, uri: str, path: str) -> Content:
        """Read a file once."""
        from lakehouse.landing.reader import inspect  # noqa: PLC0415  # a plan needs no reader

        return inspect(uri, path, self.source, max_record_bytes=self.max_record_bytes)

    def known(self, path: str, record: dict[str, Any]) -> Content | None:
        """What a manifest keeps of a file, if this code and mapping found it out."""
        is_ours = record.get("code") == self.code and record.get("mapping") == self.mapping(path)
        return Content.of(record) if is_ours else None

    def mapping(self, path: str) -> str | None:
        """Fingerprint of a file's mapping: with another one, the file holds something else."""
        found = self.source.mapping_of(path)
        return found.fingerprint if found else None


@dataclass(frozen=True)
class LandedFile:
    """A landing file. Its identity is path, size and content hash.

    Attributes:
        path: Path below the landing folder.
        uri: Absolute path or URI.
        size: Bytes on storage.
        traces: What storage tells of when it was written; only used to avoid hashing an untouched
            file again.
        look: Reads it, to find out what it holds.
        known: Its content where that was found out before.
    """

    path: str
    uri: str
    size: int
    traces: dict[str, int | None]
    look: Look
    known: Content | None = None

    @cached_property
    def content(self) -> Content:
        """What it holds; the file is read when first asked, and only where nobody knows.

        Raises:
            InputQualityError: It is not what its name says, or ends early.
        """
        return self.known or self.look(self.uri, self.path)

    @property
    def day(self) -> date | None:
        """The day in its path."""
        return day_of(self.path)

    def record(self) -> dict[str, Any]:
        """What the manifest keeps."""
        found = {"size": self.size, **self.traces, "code": self.look.code}
        mapping = self.look.mapping(self.path)
        return found | ({"mapping": mapping} if mapping else {}) | self.content.record()


@dataclass(frozen=True)
class Delivery:
    """What the landing folder holds compared with what was consumed: the arrivals of `Files`.

    Attributes:
        new: Files not consumed yet.
        changed: Files whose content differs from what was consumed under the same path.
        unchanged: Files consumed as they are.
        gone: Paths that were consumed and are not there any more; their rows stay.
        waiting: Paths of new files that are dated after the day of the run.
        withdrawn: Paths that were consumed, are there, and belong to another source by now: their
            rows go.
        consumed: The manifest of consumed files that it was compared with.
    """

    new: tuple[LandedFile, ...]
    changed: tuple[LandedFile, ...]
    unchanged: tuple[LandedFile, ...]
    gone: tuple[str, ...]
    waiting: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()
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
    def untaken(self) -> tuple[str, ...]:
        """Paths of files that are there and were not consumed."""
        return tuple(sorted([each.path for each in self.new] + list(self.waiting)))

    @property
    def taken(self) -> tuple[LandedFile, ...]:
        """Files that were consumed and are there, as they are now."""
        return self.unchanged + self.changed

    @property
    def has_new(self) -> bool:
        """Whether some file was not consumed."""
        return bool(self.new)

    @property
    def corrected(self) -> tuple[str, ...]:
        """Paths of consumed files whose content, or what it means, changed."""
        return (*(each.path for each in self.changed), *self.withdrawn)

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
        kept = {path: r for path, r in self.consumed.items() if path not in self.withdrawn}
        return kept | {each.path: each.record() for each in self.present}

    @cached_property
    def position(self) -> str:
        """Hash over the identities (not the modification times) of all files of the manifest."""
        lines = (
            f"{path}\0{r['size']}\0{r['digest']}{r.get('mapping', '')}\n"
            for path, r in self.manifest.items()
        )
        return hashlib.blake2b("".join(sorted(lines)).encode(), digest_size=16).hexdigest()

    def files(self, *, whole: bool) -> tuple[LandedFile, ...]:
        """Every file that is there, or only the new ones."""
        return self.present if whole else self.new


class Files:
    """Landing files as a feed: a position stands for the manifest of consumed files."""

    def __init__(
        self,
        raw_uri: str,
        source: Source,
        states: StateStore,
        *,
        code: str,
        max_record_bytes: int,
    ) -> None:
        """Keep where they are, and how they are read."""
        self._raw_uri = raw_uri
        self._source = source
        self._states = states
        self._look = Look(source, code, max_record_bytes)

    def look(self, position: str | None, day: date | None, *, afresh: bool = False) -> Delivery:
        """Compare the landing folder with the consumed files; opens those that were touched since.

        Args:
            position: What was consumed; None = nothing yet.
            day: New files dated later wait; undated files, and corrections of consumed ones, never
                do.
            afresh: Open all of them, whatever storage says of when they were written.

        Raises:
            InputQualityError: A file is of a kind that nobody can read.
        """
        consumed = self._states.manifest(position)
        return deliveries(self._raw_uri, self._look, consumed, day, afresh=afresh)

    def expected(self, day: date | None) -> str:
        """Where a file would have to lie."""
        name = self._source.name
        return (
            f"no landing files for {name}{f' up to {day}' if day else ''}: expected "
            f"{self._raw_uri}/{name}{'|'.join(KINDS)}[.gz|.zst] or files below "
            f"{self._raw_uri}/{name}/"
        )

    def remember(self, arrivals: Arrivals) -> None:
        """Keep the manifest under its position; also where files were only touched since."""
        if isinstance(arrivals, Delivery) and arrivals.manifest != arrivals.consumed:
            self._states.save_manifest(arrivals.position, arrivals.manifest)


def has_files(raw_uri: str, source: Source, day: date | None = None) -> bool:
    """Whether anything landed for a source, and is due on a day: a listing, no file is opened."""
    found = (_relative(info, raw_uri) for info in _candidates(raw_uri, source))
    return any(day is None or (day_of(path) or day) <= day for path in found)


def unclaimed(raw_uri: str, sources: Mapping[str, Source]) -> list[str]:
    """Files in the landing folder of which no source and no mapping knows.

    A source knows files by their names, and all in the folder of its name.
    """
    mappings = next((source.mappings for source in sources.values()), ())
    beside = files.list_files(raw_uri, below=False)
    found = [info for info in beside if info.base_name.partition(".")[0] not in sources]
    for folder in files.list_folders(raw_uri):
        if folder.base_name not in sources:
            found += files.list_files(f"{raw_uri}/{folder.base_name}")
    paths = (_relative(info, raw_uri) for info in found)
    return sorted(
        path
        for path in paths
        if path not in OURS
        and not _is_hidden(path)
        and not any(mapping.governs(path) for mapping in mappings)
    )


def listed(paths: Sequence[str]) -> str:
    """A few paths in words."""
    few = ", ".join(paths[:FEW])
    return few if len(paths) <= FEW else f"{few} and {len(paths) - FEW} more"


def deliveries(
    raw_uri: str, look: Look, consumed: Manifest, day: date | None = None, *, afresh: bool = False
) -> Delivery:
    """Compare the landing folder with a manifest; see `Files.look`."""
    new: list[LandedFile] = []
    changed: list[LandedFile] = []
    unchanged: list[LandedFile] = []
    waiting: list[str] = []
    for info in _candidates(raw_uri, look.source):
        path = _relative(info, raw_uri)
        record = consumed.get(path)
        if record is None and day and (day_of(path) or day) > day:
            waiting.append(path)
            continue
        if kind_of(path, look.source.mapping_of(path)) is None:
            message = (
                f"landing file {path} has an unknown file type; "
                f"use {', '.join(KINDS)} (each also .gz or .zst), give its format in a mapping, or "
                "move it away"
            )
            raise InputQualityError(message, path=path)
        traces = files.traces(info, local=files.is_local(raw_uri))
        landed = LandedFile(path, f"{raw_uri}/{path}", info.size, traces, look)
        if record is None:
            new.append(landed)
            continue
        told = {"size": info.size, **traces}
        if record.get("mapping") != look.mapping(path):
            changed.append(landed)
        elif not afresh and told == {name: record.get(name) for name in told}:
            unchanged.append(replace(landed, known=look.known(path, record)))
        elif landed.content.digest == record["digest"]:
            unchanged.append(landed)
        else:
            changed.append(landed)
    present = {each.path for each in (*new, *changed, *unchanged)}
    gone = sorted(set(consumed) - present)
    there = _still_there(raw_uri, look.source, {path: consumed[path] for path in gone})
    return Delivery(
        new=tuple(new),
        changed=tuple(changed),
        unchanged=tuple(unchanged),
        gone=tuple(path for path in gone if path not in there),
        withdrawn=tuple(path for path in gone if path in there),
        waiting=tuple(sorted(waiting)),
        consumed=consumed,
    )


def _still_there(raw_uri: str, source: Source, gone: Manifest) -> set[str]:
    """Paths of files that are there and no more the source's: only a mapping makes them so."""
    if not gone or not (source.mappings or any("mapping" in each for each in gone.values())):
        return set()  # a listing of everything that landed is dear where much has
    return {_relative(info, raw_uri) for info in files.list_files(raw_uri)}


def _candidates(raw_uri: str, source: Source) -> Iterator[FileInfo]:
    """Files of a source: those that a mapping gives it, and by their names those of no mapping."""
    if source.mappings:
        found = files.list_files(raw_uri)
    else:
        found = files.list_files(raw_uri, below=False)
        found += files.list_files(f"{raw_uri}/{source.name}")
    return (info for info in found if _is_of(_relative(info, raw_uri), source))


def _is_of(path: str, source: Source) -> bool:
    if _is_hidden(path):
        return False
    if any(mapping.governs(path) for mapping in source.mappings):
        return source.mapping_of(path) is not None
    if "/" in path:
        return path.startswith(f"{source.name}/")
    return path.partition(".")[0] == source.name and kind_of(path) is not None


def _is_hidden(path: str) -> bool:
    """Whether a path is not for us: of the system, or of who writes the files."""
    return any(part.startswith((".", "_")) for part in path.split("/"))


def _relative(info: FileInfo, raw_uri: str) -> str:
    _, base = files.locate(raw_uri)
    return cast("str", info.path).removeprefix(f"{base}/")
