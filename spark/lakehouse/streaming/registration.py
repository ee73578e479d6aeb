"""Our contracts in a schema registry: each kind of record under a subject of its own.

A subject is called `<source>.<kind>`, as `web_events.page_view`: by the record, not by the topic
(`topic_web_events-value`). A topic has all kinds of a source, and a subject has one schema: by
topic, the kinds would have to be one `oneOf`, where a new kind is a new version of all others, and
a schema's id would not tell a reader of which kind a record is. The schema's title is the subject:
clients with the record name strategy take the title for the name of the record.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lakehouse.errors import ConfigError, RegistryRefusedError, SchemaRefusedError
from lakehouse.landing.compatibility import incompatible
from lakehouse.landing.contracts import kind_of
from lakehouse.landing.schema_documents import parsed
from lakehouse.streaming.registry_rules import NO_SCHEMA, NO_SUBJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lakehouse.landing.contracts import Declared
    from lakehouse.streaming.registry import Registry


@dataclass(frozen=True)
class Proposal:
    """A schema to register.

    Attributes:
        subject: Under which name.
        text: The schema.
    """

    subject: str
    text: str


@dataclass(frozen=True)
class Registered:
    """A schema that is in the registry.

    Attributes:
        subject: Under which name.
        id: Its id.
        state: `new`, or `unchanged` where it was there before.
    """

    subject: str
    id: int
    state: str


@dataclass(frozen=True)
class Problem:
    """Why a schema may not be registered.

    Attributes:
        subject: The subject.
        field: The field that it is about; empty for the record itself.
        what: What is wrong.
    """

    subject: str
    field: str
    what: str


class Target(Protocol):
    """A registry, wherever it is."""

    def find(self, subject: str, text: str) -> int | None:
        """The id of a schema that the subject has; None where it has not."""

    def newest(self, subject: str) -> str | None:
        """The schema of the latest version; None where there is none."""

    def add(self, subject: str, text: str) -> int:
        """Register a schema; its id."""


@dataclass(frozen=True)
class InFiles:
    """The registry in files."""

    registry: Registry

    def find(self, subject: str, text: str) -> int | None:
        """The id of a schema that the subject has; None where it has not."""
        try:
            return self.registry.look_up(subject, text).id
        except RegistryRefusedError as error:
            if error.details["code"] in {NO_SUBJECT, NO_SCHEMA}:
                return None
            raise

    def newest(self, subject: str) -> str | None:
        """The schema of the latest version; None where there is none."""
        try:
            return self.registry.version(subject, "latest").text
        except RegistryRefusedError as error:
            if error.details["code"] == NO_SUBJECT:
                return None
            raise

    def add(self, subject: str, text: str) -> int:
        """Register a schema; its id."""
        return self.registry.register(subject, text).id


def proposals(contracts: Iterable[Declared]) -> list[Proposal]:
    """The schemas of every kind of some contracts, in their declared version."""
    return [
        Proposal(subject, json.dumps(schema | {"title": subject}, ensure_ascii=False))
        for contract in contracts
        for name, schema in contract.schemas.items()
        for subject in [f"{contract.source}.{kind_of(name)}"]
    ]


def problems(target: Target, proposed: Sequence[Proposal]) -> list[Problem]:
    """What is wrong with schemas, compared with the latest of their subjects: BACKWARD.

    It is asked whatever the registry's own level is.
    """
    return [
        Problem(each.subject, field, what)
        for each in proposed
        if (newest := target.newest(each.subject)) is not None
        for field, what in _wrong(newest, each.text)
    ]


def _wrong(newest: str, text: str) -> Iterator[tuple[str, str]]:
    try:
        yield from incompatible(parsed(newest), parsed(text))
    except SchemaRefusedError as error:
        yield "", f"cannot be compared: {error}"


def assert_compatible(target: Target, where: str, contracts: Iterable[Declared]) -> None:
    """Contracts may be registered where they are agreed on, as far as BACKWARD goes.

    Raises:
        ConfigError: One may not; says which field of which kind, and why.
        RegistryError: The registry does not answer, or is busy.
        RegistryRefusedError: It refuses.
    """
    wrong = problems(target, proposals(contracts))
    if wrong:
        told = "; ".join(
            f"{each.subject}: {each.field or 'the record'} {each.what}" for each in wrong
        )
        raise ConfigError(
            f"contracts are not compatible with those in {where}: {told}; raise what the sources "
            "declare to what senders agreed on (`lakehouse contracts register --dry-run` checks)",
            problems=[vars(each) for each in wrong],
        )


def register(target: Target, proposed: Sequence[Proposal]) -> list[Registered]:
    """Register schemas; those that are there stay as they are."""
    done = []
    for each in proposed:
        known = target.find(each.subject, each.text)
        if known is None:
            done.append(Registered(each.subject, target.add(each.subject, each.text), "new"))
        else:
            done.append(Registered(each.subject, known, "unchanged"))
    return done
