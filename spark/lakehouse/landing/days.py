"""The day that a landing file is dated by its path."""

from __future__ import annotations

import re
from datetime import date

_MARKED = re.compile(
    r"(?:year|y)=(\d{4})/(?:month|m)=(\d{1,2})/(?:day|d)=(\d{1,2})(?!\d)"  # Hive's folders
    r"|(?<!\d)(\d{4})/(\d{1,2})/(\d{1,2})(?!\d)"
    r"|(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)"
    r"|(?<!\d)(\d{4})_(\d{2})_(\d{2})(?!\d)"
    r"|(?<!\d)(\d{4})\.(\d{2})\.(\d{2})(?!\d)"
)
_BARE = re.compile(r"(?<!\d)(\d{4})(\d{2})(\d{2})(?!\d)")


def day_of(path: str) -> date | None:
    """The day in a path; None for an undated file.

    A day with its parts apart (`2026-01-06`, `2026/01/06`, `2026_01_06`, `year=2026/month=1/day=6`)
    counts before bare digits, which may number a batch. Of several days of one kind the last
    counts: the others say since when.
    """
    for shape in (_MARKED, _BARE):
        for found in reversed(list(shape.finditer(path))):
            year, month, day = (int(part) for part in found.groups() if part is not None)
            try:
                return date(year, month, day)
            except ValueError:
                continue
    return None
