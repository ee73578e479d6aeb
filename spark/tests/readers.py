"""Read text as the landing reader does, without a lake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakehouse.landing import reader
from lakehouse.landing.files import LandedFile, Look

if TYPE_CHECKING:
    from pathlib import Path

    from lakehouse.spec import Source


def landed(path: Path, source: Source, *, max_record_bytes: int = 10_000) -> LandedFile:
    """A file in the landing folder."""
    look = Look(source, "code", max_record_bytes)
    return LandedFile(path.name, str(path), path.stat().st_size, 0, look)


def read(
    path: Path, text: str | bytes, source: Source, *, max_record_bytes: int = 10_000
) -> list[dict[str, Any]]:
    """Write a file, and read it."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    parts = reader.parts_of([landed(path, source, max_record_bytes=max_record_bytes)])
    batches = reader.read(parts, source, max_record_bytes=max_record_bytes)
    return [row for batch in batches for row in batch.to_pylist()]
