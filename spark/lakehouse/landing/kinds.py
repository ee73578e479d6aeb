"""What a landing file holds, by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lakehouse.spec.mapping import Mapping

KINDS = {
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}
COMPRESSIONS = ("", ".gz", ".zst")


def kind_of(path: str, mapping: Mapping | None = None) -> str | None:
    """What a file holds by its mapping or its name; None where neither says."""
    if mapping and (mapping.format or mapping.columns):
        return mapping.format or "csv"
    name = path.lower().rsplit("/", 1)[-1]
    for compression in COMPRESSIONS[1:]:
        name = name.removesuffix(compression)
    return KINDS.get(name[name.rfind(".") :]) if "." in name else None
