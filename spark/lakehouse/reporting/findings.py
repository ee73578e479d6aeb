"""What gates found wrong, for people: the check, the number and its limit, where, and what next."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse.catalog import views
from lakehouse.engine.record import masked
from lakehouse.spec.checks import OUTPUT, REJECTED_RATE

if TYPE_CHECKING:
    from lakehouse.catalog.registry import Registry
    from lakehouse.engine.outcome import Outcome
    from lakehouse.quality.expectations import Result
    from lakehouse.settings import Settings
    from lakehouse.spec import Table

ROWS, FILES = 3, 3
LONGEST = 160
"""Characters of a row: a finding is read in logs and messages."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A check that failed.

    Attributes:
        table: Table name.
        check: Name of the check.
        severity: `fail` or `warn`.
        sentence: What should be true.
        found: What was found and what is accepted: `72 %, at most 50 %`.
        files: Landing files it is about, where that is known.
        rows: A few of the rows it is about, without personal data.
        next: Command that shows more.
    """

    table: str
    check: str
    severity: str
    sentence: str
    found: str
    files: tuple[str, ...]
    rows: tuple[str, ...]
    next: str

    @property
    def lines(self) -> list[str]:
        """As a log or a message shows it."""
        word = "warning" if self.severity == "warn" else "failed"
        return [
            f"{word}: {self.table} {self.check}: {self.found}",
            f"  should be: {self.sentence}",
            *([f"  file: {', '.join(self.files)}"] if self.files else []),
            *(f"  row: {row}" for row in self.rows),
            f"  next: {self.next}",
        ]


def findings(registry: Registry, settings: Settings, outcome: Outcome) -> list[Finding]:
    """Every check of a table that failed in a run, those that stopped it first.

    A warning says nothing that a failed check of the same number has not said.
    """
    table = registry[outcome.table].table
    failed = sorted((r for r in outcome.results if not r.passed), key=lambda r: not r.is_red)
    found, told = [], set()
    for result in failed:
        if result.check.fact and (result.check.fact, result.check.subject) in told:
            continue
        told.add((result.check.fact, result.check.subject))
        files, rows, command = _evidence(table, settings, outcome, result)
        found.append(
            Finding(
                table=table.name,
                check=result.check.name,
                severity=result.check.severity,
                sentence=result.check.sentence,
                found=result.told,
                files=files,
                rows=rows,
                next=command,
            )
        )
    return found


def _evidence(
    table: Table, settings: Settings, outcome: Outcome, result: Result
) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """Files, rows, and the command that shows more."""
    if result.check.fact == REJECTED_RATE:
        return (
            _named(views.files_of_rejected(table, settings, outcome.run_id)),
            _rejected(table, settings, outcome.run_id),
            f"lakehouse quarantine show {table.name} --run {outcome.run_id}",
        )
    samples = [json.loads(masked(text, table)) for text in result.samples]
    files = dict.fromkeys(row["_source_file"] for row in samples if row.get("_source_file"))
    rows = tuple(_short(json.dumps(row, ensure_ascii=False)) for row in samples[:ROWS])
    return tuple(files)[:FILES], rows, _look(table, outcome, result)


def _named(files: dict[str, int]) -> tuple[str, ...]:
    named = [f"{name} ({n:,} row{'s' if n > 1 else ''})" for name, n in files.items()]
    more = [f"and {len(named) - FILES} more"] if len(named) > FILES else []
    return (*named[:FILES], *more)


def _rejected(table: Table, settings: Settings, run_id: str) -> tuple[str, ...]:
    """Where a few rejected rows stand, and why; what they hold only where nobody is named in it."""
    is_personal = any(column.pii for column in table.columns)
    lines = []
    for row in views.rejected(table, settings, ROWS, run_id=run_id):
        where = f"{row['source_file']}:{row['source_line']}"
        raw = "" if is_personal else f" in {row['raw'].decode('utf-8', 'replace')}"
        lines.append(_short(f"{where} {', '.join(row['reasons'])}{raw}"))
    return tuple(lines)


def _look(table: Table, outcome: Outcome, result: Result) -> str:
    check = result.check
    about = table.name if check.subject == OUTPUT else check.subject
    if not check.samples or check.alike:
        has_rows = check.refers_to or check.alike
        return f"lakehouse show {about}" if has_rows else f"lakehouse plan +{about}"
    rejected = getattr(outcome.error, "details", {}).get("version")
    version = f" --version {rejected}" if rejected is not None and about == table.name else ""
    return f"lakehouse show {about}{version} --where {shlex.quote(check.samples)}"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
