"""What a landing file holds, by its name."""

from __future__ import annotations

KINDS = {
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}
COMPRESSIONS = ("", ".gz", ".zst")


def kind_of(path: str) -> str | None:
    """What a file holds by its name; None for a name that says nothing."""
    name = path.lower().rsplit("/", 1)[-1]
    for compression in COMPRESSIONS[1:]:
        name = name.removesuffix(compression)
    return KINDS.get(name[name.rfind(".") :]) if "." in name else None
