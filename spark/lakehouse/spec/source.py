"""Landing sources: what arrives as files, before anything trusts it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

from lakehouse.errors import TableDefinitionError
from lakehouse.spec.columns import DATE, INT, LONG, STRING, TIMESTAMP
from lakehouse.spec.mapping import Mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

Severity = Literal["fail", "warn"]
Epoch = Literal["s", "ms", "us"]

MISSING = ("\\N", "NULL", "null", "undefined", "NaN", "nan")
"""Texts that programs write where they have no value; an empty text is one, too."""


@dataclass(frozen=True)
class Field:
    """One field of a landed row.

    Args:
        name: Field name in the file.
        type: Spark SQL type it must parse as; a value that does not parse rejects the row.
        required: A missing or null value rejects the row.
        optional: The source may do without the field, but a row that has it must fill it.
        default: SQL literal used when the field is absent or null.
        also: Other names that senders give it.
        rounded: A whole number that senders measure with decimal places: it is rounded.
        epoch: Unit of a moment that is sent as a number since 1970 (UTC); None = never.
        at: The objects of a JSON record that it stands in, the outer one first: `properties` or
            `properties.transaction`; empty = the record itself.
        examples: Values that such a field has, for rows that tests make up; empty = any.
    """

    name: str
    type: str = STRING
    required: bool = False
    optional: bool = False
    default: str | None = None
    also: tuple[str, ...] = ()
    rounded: bool = False
    epoch: Epoch | None = None
    at: str = ""
    examples: tuple[object, ...] = ()


@dataclass(frozen=True)
class RowRule:
    """A predicate that every landed row must satisfy; a row that does not goes to quarantine.

    Args:
        name: Rule name, as shown in the quarantine.
        predicate: SQL over the typed fields; null counts as satisfied (use `required` for nulls).
        doc: The rule in words.
    """

    name: str
    predicate: str
    doc: str


@dataclass(frozen=True, kw_only=True)
class EventType:
    """A kind of record that a source sends, and the fields that belong to it.

    Args:
        name: Value of the field that tells the kind.
        doc: What it says happened.
        fields: Its own fields, beside those of every record.
        required: Those of its fields that it must tell.
    """

    name: str
    doc: str
    fields: tuple[str, ...] = ()
    required: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What senders and the lake agreed on: the kinds of records, in a version.

    `lakehouse contracts` writes it as JSON Schemas, one a kind, and compares the versions.

    Args:
        version: Counts changes; none may take away what an earlier one allows.
        told_by: Field that tells the kind.
        kinds: The kinds.
    """

    version: int
    told_by: str
    kinds: tuple[EventType, ...]

    def rules(self) -> tuple[RowRule, ...]:
        """What every record must satisfy: a kind there is, and what that must tell."""
        names = ", ".join(f"'{kind.name}'" for kind in self.kinds)
        known = RowRule(
            f"unknown:{self.told_by}",
            f"{self.told_by} IN ({names})",
            f"{self.told_by} is one of {', '.join(kind.name for kind in self.kinds)}.",
        )
        told = (
            RowRule(
                f"missing:{name}",
                f"{self.told_by} <> '{kind.name}' OR {name} IS NOT NULL",
                f"{kind.name} tells {name}.",
            )
            for kind in self.kinds
            for name in kind.required
        )
        return (known, *told)


@dataclass(frozen=True, kw_only=True)
class Source:
    """Files at `<raw>/<name>.<ext>` or anywhere below `<raw>/<name>/`.

    Formats: JSON (one object a line, one after another, in arrays, in an envelope) as `.json`,
    `.jsonl` or `.ndjson`; text with a header as `.csv` or `.tsv`, columns in any order, with
    comma, semicolon, tab or bar; each also as `.gz` or `.zst`; and `.parquet`.

    Args:
        name: Source name.
        doc: Who sends it and what a row is.
        fields: Declared fields. Undeclared ones are kept in `_extra`.
        rules: Row rules beyond types and required fields.
        dated_by: Field that says when a record became true. Of a record without it the day in
            the name of its file is part of what it is.
        missing: Texts that stand for no value.
        since: First plausible day: a clock that was never set, or a zero taken for a moment, tells
            an earlier one. A record with an earlier day in any of its fields is rejected.
        without: What is not known where the source never arrived, in words: tables that read it
            are made without it. Empty = it is needed.
        contract: The kinds of its records; None = all are of one.
        least: Fields beside the required ones that the smallest record tells, to satisfy a rule.
        topic: Kafka topic by which the same records may come, beside files.
        whole_messages: A record is a message of the topic with all it has, whatever its value
            holds; see `landing.messages`.
        mappings: Of a lake, how files of other shapes become records of this source or another.
    """

    name: str
    doc: str
    fields: tuple[Field, ...]
    rules: tuple[RowRule, ...] = ()
    dated_by: str | None = None
    missing: tuple[str, ...] = MISSING
    since: date = date(1970, 1, 1)
    without: str = ""
    contract: Contract | None = None
    least: tuple[str, ...] = ()
    topic: str = ""
    whole_messages: bool = False
    mappings: tuple[Mapping, ...] = ()

    def __post_init__(self) -> None:
        """Reject what contradicts itself where it was written."""
        names = [field.name for field in self.fields]
        problems = [f"field {name} is declared twice" for name in {*names} if names.count(name) > 1]
        if self.dated_by is not None and self.dated_by not in names:
            problems.append(f"dated_by {self.dated_by} is not a field")
        for field in self.fields:
            if field.epoch and field.type not in {DATE, TIMESTAMP}:
                problems.append(f"{field.name} has an epoch but is not a timestamp")
            if field.rounded and field.type not in {INT, LONG}:
                problems.append(f"{field.name} is rounded but not a whole number")
            if field.optional and field.at:
                problems.append(
                    f"{field.name} is optional, which a field inside an object always is"
                )
        problems += [f"least {name} is not a field" for name in self.least if name not in names]
        problems += self._contract_problems(set(names))
        if problems:
            raise TableDefinitionError(f"source {self.name}: {'; '.join(problems)}")

    def _contract_problems(self, names: set[str]) -> Iterator[str]:
        contract = self.contract
        if contract is None:
            return
        told = {contract.told_by, *(name for kind in contract.kinds for name in kind.fields)}
        yield from (f"contract names {name}, which is not a field" for name in sorted(told - names))
        for kind in contract.kinds:
            others = sorted(set(kind.required) - set(kind.fields))
            yield from (f"{kind.name} requires {name}, which is not of it" for name in others)

    @property
    def nested(self) -> tuple[str, ...]:
        """The objects that fields stand in, inner ones first."""
        told = {field.at for field in self.fields if field.at}
        around = {at.rpartition(".")[0] for at in told} - {""}
        return tuple(sorted(told | around, key=lambda at: (-at.count("."), at)))

    def mapping_of(self, path: str) -> Mapping | None:
        """How a file's records become this source's; None for a file that holds its records."""
        return next((m for m in self.mappings if m.source == self.name and m.governs(path)), None)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the required fields."""
        return tuple(field.name for field in self.fields if field.required)
