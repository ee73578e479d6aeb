"""Figures that readers saw as final and that a later run changed: `ops.metric_restatements`.

A late row, a corrected file or a new definition may change a figure of a day that was over. That is
right, and nobody who quoted the old figure should have to find out alone. Which figures are
final a table declares (`final`): those of a period that goes on are expected to grow.

A figure as of another day is another figure: nothing is noted when a lake goes back to an earlier
as-of date. Where no day is part of the grain, figures tell of everything so far, and a day more
changes all of them: there only what changes within one day is noted.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from lakehouse.engine.labels import labelled
from lakehouse.io import ops
from lakehouse.spec import DATE
from lakehouse.spec.changes import DELETE, UPDATE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.engine.job import Job
    from lakehouse.io.state import State
    from lakehouse.spec import Table
from lakehouse.spec.changes import CHANGE_TYPE

NAME = "metric_restatements"
BEFORE = ("update_preimage", "delete")
AFTER = ("update_postimage", "insert")


@labelled("note restatements")
def record(job: Job, candidate: State) -> None:
    """Note what publishing a candidate of a mart changes; twice for one version notes it once."""
    table, base = job.table, candidate.base
    changes_old = candidate.changed.keys() & {UPDATE, DELETE}
    if not table.final or base is None or base == candidate.version or not changes_old:
        return
    if job.published is not None and not _are_comparable(table, job.published, candidate):
        return
    noted = (
        f"SELECT 1 FROM t WHERE table_name = '{table.name}' AND version = {candidate.version} "
        f"AND run_id = '{candidate.run_id}'"
    )
    feed = job.engine.store.changes(job.uri, base, candidate.version)
    if feed is None or ops.read(job.settings, NAME, noted):
        return
    at = datetime.now(UTC)
    about = {
        "run_id": candidate.run_id,
        "table_name": table.name,
        "version": candidate.version,
        "cause": candidate.reason,
        "restated_at": at,
    }
    ops.append(job.settings, NAME, [about | each for each in _restated(job, feed)])


def _are_comparable(table: Table, before: State, after: State) -> bool:
    """Whether figures of both tell of the same, as far as is known."""
    ends = (before.told_until, after.told_until)
    if None in ends:
        return True
    has_day = any(each.type == DATE for each in table.columns if each.name in table.write.grain)
    return (before.told_until or "") <= (after.told_until or "") if has_day else len({*ends}) == 1


def _restated(job: Job, feed: DataFrame) -> list[dict[str, Any]]:
    keys = job.table.write.grain
    figures = [name for name in job.table.column_names if name not in keys]
    kind = F.col(CHANGE_TYPE)
    before = feed.filter(kind.isin(*BEFORE)).filter(job.table.final)
    named = {"ignoreNullFields": "false"}
    key = F.to_json(F.struct(*keys), named).alias("key")
    values = F.to_json(F.struct(*figures), named)
    old = before.select(key, values.alias("old"))
    new = feed.filter(kind.isin(*AFTER)).select(key, values.alias("new"))
    pairs = old.join(new, "key", "left").filter(~F.col("old").eqNullSafe(F.col("new")))
    return [_difference(row["key"], row["old"], row["new"]) for row in pairs.collect()]


def _difference(key: str, old: str, new: str | None) -> dict[str, Any]:
    """Only the figures that differ; `new` is null where the row is gone."""
    was = json.loads(old)
    if new is None:
        return {"key": key, "old": old, "new": None}
    now = json.loads(new)
    names = [name for name in was if was[name] != now[name]]
    return {
        "key": key,
        "old": json.dumps({name: was[name] for name in names}),
        "new": json.dumps({name: now[name] for name in names}),
    }
