"""A landing file as it would come in: a dry run of its mapping, which writes nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from lakehouse.landing import reader
from lakehouse.landing.files import LandedFile, Look
from lakehouse.landing.reader.mapped import LEFT_OUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from lakehouse.spec import Source

LOOKED_AT = 1_000
"""Rows of which unused fields are collected."""


@dataclass
class Preview:
    """What would become of a file.

    Attributes:
        records: Records in it.
        rejected: Those of which would go to quarantine.
        left_out: Those that its mapping does not want.
        rows: The first that would land.
        rejects: The first that would not: line, reasons and what stands there.
        unused: Paths with a value that nothing reads, most frequent first.
        empty: Fields that the mapping names, of which no record that would land has a value.
    """

    records: int = 0
    rejected: int = 0
    left_out: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    rejects: list[dict[str, Any]] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)

    @property
    def landing(self) -> int:
        """Records that would land, repeats among them."""
        return self.records - self.rejected - self.left_out


def preview(uri: str, path: str, source: Source, *, max_record_bytes: int, n: int) -> Preview:
    """Read a file as a source's, whole, and show its first rows.

    Args:
        uri: Where it is.
        path: What it is called below the landing folder.
        source: What it is read as, with the mappings that may govern it.
        max_record_bytes: Longer records are rejected.
        n: Rows to show.

    Raises:
        InputQualityError: It is not what its name or its mapping says.
    """
    look = Look(source, "", max_record_bytes)
    parts = reader.parts_of([LandedFile(path, uri, 0, {}, look)])
    found, counts = Preview(), dict[str, int]()
    mapping = source.mapping_of(path)
    found.empty = [name for name, _ in mapping.fields] if mapping else []
    for batch in reader.read(parts, source, max_record_bytes=max_record_bytes):
        left_out, reasons = batch[LEFT_OUT].to_pylist(), batch["_reasons"].to_pylist()
        found.records += len(batch)
        found.left_out += sum(left_out)
        found.rejected += sum(bool(each) for each in reasons)
        found.empty = [each for each in found.empty if not _has_values(batch, each)]
        for extra in islice(filter(None, batch["_extra"].to_pylist()), LOOKED_AT):
            for name in _paths(json.loads(extra)):
                counts[name] = counts.get(name, 0) + 1
        for number, (is_out, why) in enumerate(zip(left_out, reasons, strict=True)):
            if len(found.rows) >= n and len(found.rejects) >= n:
                break
            row = batch.slice(number, 1).to_pylist()[0]
            if why and len(found.rejects) < n:
                raw = row["_raw"].decode("utf-8", "replace")
                found.rejects.append({"line": row["_line"], "reasons": why, "raw": raw})
            elif not why and not is_out and len(found.rows) < n:
                found.rows.append({each.name: row[each.name] for each in source.fields})
    found.unused = sorted(counts, key=lambda name: (-counts[name], name))
    return found


def _has_values(batch: pa.RecordBatch, name: str) -> bool:
    is_good = pc.equal(pc.list_value_length(batch["_reasons"]), 0)
    return bool(pc.any(pc.and_(is_good, pc.is_valid(batch[name]))).as_py())


def _paths(value: Any, before: str = "") -> Iterator[str]:  # noqa: ANN401  # JSON is any
    """Paths of the values in a JSON value; a list is one."""
    if not isinstance(value, dict):
        if value not in (None, "", [], {}):
            yield before
        return
    for key, inner in value.items():
        name = f'"{key}"' if set(key) & set('."[]') else key
        yield from _paths(inner, f"{before}.{name}" if before else name)
