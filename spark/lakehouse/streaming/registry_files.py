"""The files of the schema registry: one a subject, the next id, the level of all subjects.

`subjects/<subject>.json`, its name escaped as in a URL; `ids.json`; `config.json`; `.lock`. Every
file is replaced as a whole, so that a reader sees it before or after a change, whoever is killed.
Only the holder of the lock writes.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lakehouse.errors import ConfigError, RegistryDamagedError, RegistryRefusedError
from lakehouse.io.files import delete, read_json, write_json
from lakehouse.io.locks import file_lock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakehouse.settings import Settings

PATIENCE_S = 30.0
"""A registration takes milliseconds."""
LONGEST_NAME = 200
"""Of a subject's file: a file system's 255 bytes, less the ending and what a temporary one has."""
INVALID_SUBJECT = 42208
_TEMPORARY = re.compile(r"\..*\.json\.[0-9a-f]{32}")
"""What `write_json` writes before it takes the place of the file."""


@dataclass(frozen=True)
class Version:
    """A schema as it was registered under a subject.

    Attributes:
        number: Which version of the subject.
        id: The id of the schema, which is the same under every subject.
        text: The schema, as it was sent.
        is_deleted: Whether it was deleted, and can still be found by who asks for it.
        level: What was checked when it was registered.
        against: The versions that it was compared with then.
    """

    number: int
    id: int
    text: str
    is_deleted: bool = False
    level: str = "NONE"
    against: tuple[int, ...] = ()


@dataclass(frozen=True)
class Subject:
    """A name under which schemas follow each other.

    Attributes:
        name: The name.
        versions: All that are not deleted for good, in their order.
        level: The subject's own level of compatibility; None where it has that of all.
    """

    name: str
    versions: tuple[Version, ...] = ()
    level: str | None = None

    @property
    def live(self) -> tuple[Version, ...]:
        """The versions that are not deleted."""
        return tuple(each for each in self.versions if not each.is_deleted)

    def changed(self, version: Version) -> Subject:
        """The same with another version of this number."""
        numbers = {each.number: each for each in self.versions} | {version.number: version}
        return replace(self, versions=tuple(numbers[number] for number in sorted(numbers)))


def folder_of(settings: Settings) -> Path:
    """Where the registry of a lake is: `.registry` below its root.

    Raises:
        ConfigError: The root is an object store, where nobody can hold a lock.
    """
    if settings.is_remote:
        raise ConfigError(
            f"the schema registry cannot be kept in {settings.root}, where two processes could "
            "take one id; name a folder with --registry, or a registry with LAKEHOUSE_REGISTRY_URL"
        )
    return Path(settings.root_uri) / ".registry"


@dataclass
class Files:
    """The registry's folder."""

    folder: Path
    _read: dict[Path, tuple[tuple[int, int, int], Subject]] = field(default_factory=dict)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one who writes.

        Raises:
            LockedError: Another process does, and does not end.
        """
        with file_lock(self.folder / ".lock", "the schema registry", PATIENCE_S):
            yield

    def subjects(self) -> dict[str, Subject]:
        """All subjects by name, in the order of their names.

        Raises:
            RegistryDamagedError: A file is not as it was written.
        """
        found: dict[Path, tuple[tuple[int, int, int], Subject]] = {}
        for path in self._place.glob("*.json"):
            with contextlib.suppress(FileNotFoundError):  # deleted just now
                stat = path.stat()
                mark = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
                known = self._read.get(path)
                found[path] = known if known and known[0] == mark else (mark, self._subject(path))
        self._read = found
        subjects = (subject for _, subject in found.values())
        return {each.name: each for each in sorted(subjects, key=lambda each: each.name)}

    def save(self, subject: Subject) -> None:
        """Write a subject; without versions and a level of its own, there is none."""
        self.assert_name(subject.name)
        path = self._path(subject.name)
        if not subject.versions and subject.level is None:
            delete(str(path))
            return
        content = {
            "subject": subject.name,
            "compatibility": subject.level,
            "versions": [
                {
                    "version": each.number,
                    "id": each.id,
                    "schema": each.text,
                    "deleted": each.is_deleted,
                    "level": each.level,
                    "against": list(each.against),
                }
                for each in subject.versions
            ],
        }
        write_json(str(path), content)

    def take_id(self) -> int:
        """An id that nobody had before; it is spent, even if nothing comes of it.

        Raises:
            RegistryDamagedError: Which ids were spent is not known any more.
        """
        used = [each.id for subject in self.subjects().values() for each in subject.versions]
        path = self.folder / "ids.json"
        told = _parsed(path)
        if told is None and used:
            raise RegistryDamagedError(
                f"{path} is missing, and ids are in use; write one there that was never given: "
                '{"next": …}',
                path=str(path),
            )
        following = max([told["next"] if told else 1, *(each + 1 for each in used)])
        write_json(str(path), {"next": following + 1})
        return following

    @property
    def level(self) -> str | None:
        """The level of subjects without their own; None where nobody chose one."""
        told = _parsed(self.folder / "config.json")
        return told["compatibility"] if told else None

    def choose_level(self, level: str | None) -> None:
        """Set it, or take it away."""
        path = str(self.folder / "config.json")
        delete(path) if level is None else write_json(path, {"compatibility": level})

    def clear_leftovers(self) -> None:
        """Remove what killed writers left; only the holder of the lock may."""
        for path in (*self.folder.glob(".*"), *self._place.glob(".*")):
            if _TEMPORARY.fullmatch(path.name):
                path.unlink(missing_ok=True)

    def assert_name(self, name: str) -> None:
        """A subject can have this name.

        Raises:
            RegistryRefusedError: It cannot.
        """
        escaped = quote(name, safe="")
        if not name or not name.isprintable() or len(escaped) > LONGEST_NAME:
            raise RegistryRefusedError(
                f"The specified subject {name!r} is not a valid subject: it has up to "
                f"{LONGEST_NAME} printable characters, escaped as in a URL",
                code=INVALID_SUBJECT,
            )

    @property
    def _place(self) -> Path:
        return self.folder / "subjects"

    def _path(self, name: str) -> Path:
        return self._place / f"{quote(name, safe='')}.json"

    def _subject(self, path: Path) -> Subject:
        subject = _subject(path)
        if self._path(subject.name) != path:
            raise RegistryDamagedError(
                f"{path} is of subject {subject.name}, which has another file; move one away",
                path=str(path),
            )
        return subject


def _parsed(path: Path) -> Any:  # noqa: ANN401  # JSON is any
    try:
        return read_json(str(path))
    except ValueError as error:
        raise _damaged(path, error) from error


def _subject(path: Path) -> Subject:
    content = _parsed(path)
    if content is None:
        raise FileNotFoundError(path)
    try:
        return Subject(
            content["subject"],
            tuple(
                Version(
                    each["version"],
                    each["id"],
                    each["schema"],
                    is_deleted=each["deleted"],
                    level=each["level"],
                    against=tuple(each["against"]),
                )
                for each in content["versions"]
            ),
            content["compatibility"],
        )
    except (KeyError, TypeError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> RegistryDamagedError:
    return RegistryDamagedError(
        f"{path} is damaged ({error!r}); put back a copy of it", path=str(path)
    )
