"""W8 of ours: deliveries of user records, each a run of bronze.user_metadata and its history."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from benchmarks.ours.runs import outcomes
from lakehouse.io import delta_log, ops

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lakehouse.engine.runner import Lake

HISTORY = "silver.user_profiles"
TABLES = ("bronze.user_metadata", HISTORY)
COUNTED = """
SELECT count(*) FILTER (WHERE is_current) AS current,
       count(*) FILTER (WHERE NOT is_current) AS closed FROM t"""


def merges(lake: Lake, raw: Path, files: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """Land file after file, each a run of its own, then run once more with nothing new.

    Returns:
        By the name of the file, and for `unchanged`: seconds of the run and of the history alone,
        commits made, and rows in the history, current and closed, once it ended.

    Raises:
        SystemExit: A table failed.
    """
    landing = raw / "user_metadata"
    landing.mkdir(parents=True)
    told = {}
    for file in files:
        os.link(file, landing / file.name)
        told[file.stem] = merge(lake)
    return told | {"unchanged": merge(lake)}


def merge(lake: Lake) -> dict[str, Any]:
    """One run of both tables."""
    before = commits(lake)
    wall, done = outcomes(lake, TABLES)
    made = {table: n - before[table] for table, n in commits(lake).items()}
    [counted] = ops.query_delta(lake.settings.table_uri(HISTORY), COUNTED)
    return {
        "wall_s": wall,
        "table_s": next(round(each.seconds, 2) for each in done if each.table == HISTORY),
        "commits": made[HISTORY],
        "all_commits": sum(made.values()),
        **counted,
    }


def commits(lake: Lake) -> dict[str, int]:
    """Commits of each table so far."""
    newest = {table: delta_log.latest_version(lake.settings.table_uri(table)) for table in TABLES}
    return {table: 0 if version is None else version + 1 for table, version in newest.items()}
