"""Landing sources: what arrives as files, before anything trusts it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lakehouse.spec.columns import STRING

Severity = Literal["fail", "warn"]


@dataclass(frozen=True)
class Field:
    """One field of a landed row.

    Args:
        name: Field name in the file.
        type: Spark SQL type it must parse as; a value that does not parse rejects the row.
        required: A missing or null value rejects the row.
        optional: The source may do without the field, but a row that has it must fill it.
        default: SQL literal used when the field is absent or null.
    """

    name: str
    type: str = STRING
    required: bool = False
    optional: bool = False
    default: str | None = None


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

    Formats: `.json` (an array, or one object per line), `.jsonl`, `.ndjson`, `.csv` (header,
    columns in any order), each also as `.gz`.

    Args:
        name: Source name.
        doc: Who sends it and what a row is.
        fields: Declared fields. Undeclared ones are kept in `_extra`.
        rules: Row rules beyond types and required fields.
    """

    name: str
    doc: str
    fields: tuple[Field, ...]
    rules: tuple[RowRule, ...] = ()

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the required fields."""
        return tuple(field.name for field in self.fields if field.required)
