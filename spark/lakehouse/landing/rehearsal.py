"""Rejected records under the rules of today: a dry run of a replay, which writes nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lakehouse.io import files
from lakehouse.landing import reader
from lakehouse.landing.files import LandedFile, Look

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lakehouse.spec import Source

_JUDGED = ("source_file", "source_line", "raw", "layout", "header")


@dataclass(frozen=True)
class Change:
    """What a replay would change in the quarantine of a file.

    Attributes:
        source_file: The file, below the landing folder.
        from_: `file`, which is read again, or `quarantine`, as the file is gone.
        before: Records in quarantine.
        after: Records that would be.
        reasons: Why these, with their number; most first.
    """

    source_file: str
    from_: str
    before: int
    after: int
    reasons: dict[str, int]

    @property
    def row(self) -> dict[str, Any]:
        """For tables and JSON; what leaves the quarantine is loaded, unless it is a repeat."""
        told = ", ".join(f"{reason} ({n:,})" for reason, n in self.reasons.items())
        return {
            "source_file": self.source_file,
            "judged_from": self.from_,
            "rejected_now": self.before,
            "rejected_then": self.after,
            "would_leave": max(self.before - self.after, 0),
            "reasons_then": told,
        }


def rehearse(
    rejected: Sequence[dict[str, Any]], source: Source, raw_uri: str, *, max_record_bytes: int
) -> list[Change]:
    """Judge rejected records again; a file that is still there is read as it is now.

    Args:
        rejected: Rows of the quarantine.
        source: What they should be, with the mappings of the lake.
        raw_uri: The landing folder.
        max_record_bytes: Longer ones are rejected.
    """
    before = Counter(row["source_file"] for row in rejected)
    there = {path for path in before if path and files.exists(f"{raw_uri}/{path}")}
    gone = [row for row in rejected if row["source_file"] not in there]
    found: dict[str, Counter[str]] = {path: Counter() for path in before}
    after: Counter[str] = Counter()
    for batch in _judged(gone, there, source, raw_uri, max_record_bytes):
        pairs = zip(batch["_source_file"].to_pylist(), batch["_reasons"].to_pylist(), strict=True)
        for path, reasons in pairs:
            after[path] += bool(reasons)
            found[path].update(reasons)
    return [
        Change(
            path,
            "file" if path in there else "quarantine",
            n,
            after[path],
            dict(found[path].most_common()),
        )
        for path, n in sorted(before.items())
    ]


def verdicts(
    rejected: Sequence[dict[str, Any]], source: Source, *, max_record_bytes: int
) -> Counter[str]:
    """What becomes of rejected records by the rules of today: their reasons, or "" if accepted.

    Args:
        rejected: Rows of the quarantine.
        source: What they should be.
        max_record_bytes: Longer ones are rejected.
    """
    found: Counter[str] = Counter()
    for batch in _judged(rejected, (), source, "", max_record_bytes):
        found.update(", ".join(reasons) for reasons in batch["_reasons"].to_pylist())
    return found


def _judged(
    gone: Sequence[dict[str, Any]],
    there: Iterable[str],
    source: Source,
    raw_uri: str,
    longest: int,
) -> Iterator[pa.RecordBatch]:
    if gone:
        held = pa.Table.from_pylist([{name: row[name] for name in _JUDGED} for row in gone])
        yield from reader.rejudge(held.to_batches(), source, max_record_bytes=longest)
    look = Look(source, "", longest)
    present = [LandedFile(path, f"{raw_uri}/{path}", 0, {}, look) for path in sorted(there)]
    if present:
        yield from reader.read(reader.parts_of(present), source, max_record_bytes=longest)
