"""Silver and gold: published inputs → rows of the touched slices."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.engine.faults import reach
from lakehouse.engine.labels import labelled
from lakehouse.engine.observe import Tally, broadcast_if_few
from lakehouse.engine.scope import (
    IS_TOUCHED,
    history_of,
    is_sliced,
    made_of,
    roams,
    with_repeats_elsewhere,
    within,
)
from lakehouse.engine.write import Written, conform, written_differences, written_rows
from lakehouse.io import delta
from lakehouse.io.state import Account
from lakehouse.spec import Scd2
from lakehouse.transforms.dedupe import DEDUPLICATED, FATE, LOADED, TOO_LATE, with_fates
from lakehouse.transforms.scd2 import intervals

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.engine.job import Job
    from lakehouse.engine.scope import Scope
    from lakehouse.spec import Table


@labelled("derive")
def derive(job: Job, scope: Scope) -> Written:
    """Recompute the slices in scope and write what differs."""
    reach("before_read", job.table.name)
    with job.engine.doing("find scope"):
        touched = _found(scope.touched) if scope.touched is not None else None
    tally = _driving_rows(job, touched)
    desired = _transformed(job, tally.rows, touched)
    reach("before_write", job.table.name)
    written = _write(job, desired, touched)
    return replace(written, account=Account(**tally.counts()))


def _found(touched: DataFrame) -> DataFrame:
    """Touched slices, computed once: every row of an input is looked up among them."""
    tally = Tally(touched, n=F.count(F.lit(1)))
    kept = tally.rows.localCheckpoint()
    return broadcast_if_few(kept, tally.counts()["n"])


def desired_rows(job: Job) -> DataFrame:
    """What the whole table should hold, from the published inputs."""
    return _transformed(job, _driving_rows(job, None).rows, None)


def _driving_rows(job: Job, touched: DataFrame | None) -> Tally:
    """The first input with the fate of each row, counted."""
    first = job.table.upstream[0]
    rows = _input(job, first, touched)
    if touched is not None and roams(job.table):
        rows = with_repeats_elsewhere(rows, job.read_input(first), touched, job.table)
    rows = with_fates(
        rows,
        dedupe=job.table.dedupe,
        cutoff=job.table.cutoff,
        as_of=job.run.as_of,
    )
    if IS_TOUCHED in rows.columns:
        rows = rows.filter(IS_TOUCHED).drop(IS_TOUCHED)
    return Tally(
        rows,
        rows_in=F.count(F.lit(1)),
        rows_loaded=F.count_if(F.col(FATE) == LOADED),
        rows_deduplicated=F.count_if(F.col(FATE) == DEDUPLICATED),
        rows_too_late=F.count_if(F.col(FATE) == TOO_LATE),
    )


def _transformed(job: Job, driving: DataFrame, touched: DataFrame | None) -> DataFrame:
    counted = driving.filter(F.col(FATE) == LOADED).drop(FATE)
    others = [_input(job, table, touched) for table in job.table.upstream[1:]]
    rows = job.entry.transform(counted, *others, job.run)
    if isinstance(job.table.write, Scd2):
        rows = intervals(rows, job.table.write)
    rows = conform(rows, job.table)
    # Rows may count in slices that nothing touched, and of which the others were not read.
    return within(rows, touched, job.table.write.slices) if job.table.has_windows else rows


def _input(job: Job, table: Table, touched: DataFrame | None) -> DataFrame:
    rows = job.read_input(table)
    history = history_of(job.table, table)
    if history and touched is not None and set(history.on) <= set(job.table.write.slices):
        return within(rows, touched.select(*history.on).distinct(), history.on)
    if touched is None or not is_sliced(job.table, table):
        return rows
    return made_of(rows, table, touched, job.table)


def _write(job: Job, desired: DataFrame, touched: DataFrame | None) -> Written:
    if job.base is None:
        return written_rows(job, desired)
    stored = delta.read(job.spark, job.uri, job.base)
    current = within(stored, touched, job.table.write.slices)
    return written_differences(job, current, desired)
