"""A small schema registry: JSON Schemas by subject and version, in files of one folder.

What it does and how it refuses follows Confluent's, so that clients of that can use it. An id names
one schema for ever, under every subject; an id is never given twice, not even after its schema was
deleted for good. What is compatible is judged by `landing.compatibility`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lakehouse.errors import RegistryDamagedError, RegistryRefusedError
from lakehouse.io.fault_points import fault_point
from lakehouse.streaming.registry_files import Files, Subject, Version
from lakehouse.streaming.registry_rules import (
    BACKWARD,
    INCOMPATIBLE,
    INVALID_LEVEL,
    LEVELS,
    NO_LEVEL,
    NO_SCHEMA,
    NO_SUBJECT,
    NO_VERSION,
    NONE,
    SUBJECT_DELETED,
    SUBJECT_NOT_DELETED,
    TRANSITIVE,
    VERSION_DELETED,
    VERSION_NOT_DELETED,
    key_of,
    number_of,
    stored_key_of,
    wrong_with,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass
class Registry:
    """The subjects of a folder, and what may be done with them."""

    files: Files

    # ------------------------------------------------------------------ reading

    def names(self, *, deleted: bool = False, only_deleted: bool = False) -> list[str]:
        """Subjects that have versions.

        Args:
            deleted: With those whose versions are all deleted.
            only_deleted: Those alone.
        """
        return [
            each.name
            for each in self.files.subjects().values()
            if each.versions and (not each.live if only_deleted else deleted or each.live)
        ]

    def versions(self, name: str, *, deleted: bool = False) -> tuple[Version, ...]:
        """The versions of a subject, in their order.

        Raises:
            RegistryRefusedError: There is none.
        """
        subject = self._subject(name)
        found = subject.versions if deleted else subject.live
        if not found:
            raise _no_subject(name)
        return found

    def version(self, name: str, number: str | int, *, deleted: bool = False) -> Version:
        """One version of a subject, by its number or as `latest`.

        Raises:
            RegistryRefusedError: There is no such subject or version, or the number is none.
        """
        wanted = number_of(number)
        found = self.versions(name, deleted=deleted)
        if wanted is None:
            return found[-1]
        for each in found:
            if each.number == wanted:
                return each
        raise RegistryRefusedError(f"Version {wanted} not found.", code=NO_VERSION)

    def users(self, schema_id: int, *, deleted: bool = True) -> list[tuple[str, Version]]:
        """The subjects and versions that have the schema of an id.

        Raises:
            RegistryRefusedError: There is no such schema.
        """
        subjects = self.files.subjects().values()
        found = [
            (subject.name, each)
            for subject in subjects
            for each in subject.versions
            if each.id == schema_id and (deleted or not each.is_deleted)
        ]
        if not found:
            raise RegistryRefusedError(f"Schema {schema_id} not found", code=NO_SCHEMA)
        return found

    def look_up(self, name: str, text: str, *, deleted: bool = False) -> Version:
        """The newest version of a subject with this schema.

        Raises:
            RegistryRefusedError: There is no such subject or schema; or the text is no schema.
        """
        key = key_of(text)
        found = self._same(self.versions(name, deleted=deleted), key)
        if found is None:
            raise RegistryRefusedError("Schema not found", code=NO_SCHEMA)
        return found

    def level(self, name: str | None = None) -> str:
        """The level of compatibility that holds: of all subjects, or of one.

        Raises:
            RegistryDamagedError: The files have another.
        """
        own = self._subject(name).level if name is not None else None
        level = own or self.files.level or BACKWARD
        if level not in LEVELS:
            raise RegistryDamagedError(
                f"{self.files.folder} has the level {level}; set one of {', '.join(LEVELS)}"
            )
        return level

    def own_level(self, name: str) -> str:
        """The level of a subject itself.

        Raises:
            RegistryRefusedError: It has that of all.
        """
        own = self._subject(name).level
        if own is None:
            raise RegistryRefusedError(
                f"Subject '{name}' does not have subject-level compatibility configured",
                code=NO_LEVEL,
            )
        return own

    def wrong_with(self, name: str, text: str, number: str | int | None = None) -> list[str]:
        """Why a schema is not compatible; empty if it is, or if the level is NONE.

        Args:
            name: The subject.
            text: The schema.
            number: The version to compare with; by default those that the level asks for.

        Raises:
            RegistryRefusedError: The text is no schema, or there is no such version.
        """
        key_of(text)
        level = self.level(name)
        if number is None or (number_of(number) is None and not self._subject(name).live):
            others = self._compared(self._subject(name), level)
        else:
            others = [self.version(name, number)]
        return [] if level == NONE else list(wrong_with(others, text))

    def problems(self) -> Iterator[str]:
        """What is wrong with the files: ids of two schemas, and versions that are not compatible.

        A version is held to what was checked when it was registered, so that only a change of the
        files, or of the rules, can make it wrong.
        """
        keys: dict[int, str] = {}
        for subject in self.files.subjects().values():
            numbers = {each.number: each for each in subject.versions}
            for each in subject.versions:
                what = f"{subject.name} version {each.number}"
                try:
                    key = key_of(each.text)
                except RegistryRefusedError as error:
                    yield f"{what}: {error}"
                    continue
                if keys.setdefault(each.id, key) != key:
                    yield f"{what}: its id {each.id} is also that of another schema"
                others = [numbers[other] for other in each.against if other in numbers]
                yield from (f"{what}: {wrong}" for wrong in wrong_with(others, each.text))

    # ------------------------------------------------------------------ writing

    def register(self, name: str, text: str) -> Version:
        """Add a schema to a subject, unless it is there: the version that has it.

        Raises:
            RegistryRefusedError: It is no schema, or not compatible with what is there.
        """
        key = key_of(text)
        self.files.assert_name(name)
        with self.files.locked():
            subject = self._subject(name)
            if known := self._same(subject.live, key):
                return known
            level = self.level(name)
            others = self._compared(subject, level)
            if wrong := list(wrong_with(others, text)):
                raise RegistryRefusedError(
                    "Schema being registered is incompatible with an earlier schema for subject "
                    f'"{name}", details: {"; ".join(wrong)}',
                    code=INCOMPATIBLE,
                    wrong=wrong,
                )
            made = Version(
                number=max((each.number for each in subject.versions), default=0) + 1,
                id=self._id_of(key),
                text=text,
                level=level,
                against=tuple(each.number for each in others),
            )
            fault_point("registry_id_taken", name)
            self.files.save(subject.changed(made))
            fault_point("registry_registered", name)
            return made

    def delete_subject(self, name: str, *, permanent: bool = False) -> list[int]:
        """Delete all versions of a subject, and its level; their numbers.

        Raises:
            RegistryRefusedError: There is none; or it is deleted already; or, permanently, not yet.
        """
        with self.files.locked():
            subject = self._subject(name)
            if not subject.versions:
                raise _no_subject(name)
            if permanent and subject.live:
                raise RegistryRefusedError(
                    f"Subject '{name}' was not deleted first before being permanently deleted",
                    code=SUBJECT_NOT_DELETED,
                )
            if not permanent and not subject.live:
                raise RegistryRefusedError(
                    f"Subject '{name}' was soft deleted. Set permanent=true to delete permanently",
                    code=SUBJECT_DELETED,
                )
            gone = subject.versions if permanent else subject.live
            deleted = tuple(replace(each, is_deleted=True) for each in subject.versions)
            self.files.save(Subject(name, () if permanent else deleted))
            return [each.number for each in gone]

    def delete_version(self, name: str, number: str | int, *, permanent: bool = False) -> int:
        """Delete one version of a subject; its number.

        Raises:
            RegistryRefusedError: There is none; or it is deleted already; or, permanently, not yet.
        """
        with self.files.locked():
            found = self.version(name, number, deleted=number_of(number) is not None)
            what = f"Subject '{name}' Version {found.number} was"
            if permanent and not found.is_deleted:
                raise RegistryRefusedError(
                    f"{what} not deleted first before being permanently deleted",
                    code=VERSION_NOT_DELETED,
                )
            if not permanent and found.is_deleted:
                raise RegistryRefusedError(
                    f"{what} soft deleted. Set permanent=true to delete permanently",
                    code=VERSION_DELETED,
                )
            subject = self._subject(name)
            rest = tuple(each for each in subject.versions if each.number != found.number)
            gone = replace(found, is_deleted=True)
            self.files.save(replace(subject, versions=rest) if permanent else subject.changed(gone))
            return found.number

    def choose_level(self, level: str | None, name: str | None = None) -> None:
        """Set the level of compatibility of all subjects or one; None takes it away.

        Raises:
            RegistryRefusedError: It is none of those that are judged here.
        """
        if level is not None and level not in LEVELS:
            raise RegistryRefusedError(
                f"Invalid compatibility level {level}. Judged here are {', '.join(LEVELS)}.",
                code=INVALID_LEVEL,
            )
        with self.files.locked():
            if name is None:
                self.files.choose_level(level)
            else:
                self.files.save(replace(self._subject(name), level=level))

    # ------------------------------------------------------------------ within

    def _subject(self, name: str) -> Subject:
        return self.files.subjects().get(name, Subject(name))

    def _id_of(self, key: str) -> int:
        """The id that the schema has under another subject, or a new one."""
        versions = [each for subject in self.files.subjects().values() for each in subject.versions]
        known = self._same(versions, key)
        return known.id if known else self.files.take_id()

    def _same(self, versions: Sequence[Version], key: str) -> Version | None:
        return next((each for each in reversed(versions) if stored_key_of(each.text) == key), None)

    def _compared(self, subject: Subject, level: str) -> Sequence[Version]:
        """The versions that a new one must be compatible with."""
        newest_first = subject.live[::-1]
        return {NONE: (), BACKWARD: newest_first[:1], TRANSITIVE: newest_first}[level]


def _no_subject(name: str) -> RegistryRefusedError:
    return RegistryRefusedError(f"Subject '{name}' not found.", code=NO_SUBJECT)
