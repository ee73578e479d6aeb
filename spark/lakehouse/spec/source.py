"""Landing sources: what arrives as files, before anything trusts it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from lakehouse.errors import TableDefinitionError
from lakehouse.spec.columns import DATE, INT, LONG, STRING, TIMESTAMP
from lakehouse.spec.mapping import Mapping

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
    """

    name: str
    type: str = STRING
    required: bool = False
    optional: bool = False
    default: str | None = None
    also: tuple[str, ...] = ()
    rounded: bool = False
    epoch: Epoch | None = None


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
        if problems:
            raise TableDefinitionError(f"source {self.name}: {'; '.join(problems)}")

    def mapping_of(self, path: str) -> Mapping | None:
        """How a file's records become this source's; None for a file that holds its records."""
        return next((m for m in self.mappings if m.source == self.name and m.governs(path)), None)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the required fields."""
        return tuple(field.name for field in self.fields if field.required)
