"""Silver and gold: published inputs → rows of the touched slices."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pyspark.sql import Observation
from pyspark.sql import functions as F

from lakehouse.engine.faults import reach
from lakehouse.engine.scope import is_sliced, within
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


def derive(job: Job, scope: Scope) -> Written:
    """Recompute the slices in scope and write what differs."""
    reach("before_read", job.table.name)
    touched = scope.touched.localCheckpoint() if scope.touched is not None else None
    account = Observation()
    desired = desired_rows(job, touched, account)
    reach("before_write", job.table.name)
    written = _write(job, desired, touched)
    counts = {name: int(value) for name, value in account.get.items()}
    return replace(written, account=Account(**counts))


def desired_rows(
    job: Job, touched: DataFrame | None = None, account: Observation | None = None
) -> DataFrame:
    """What the slices in scope should hold, from the published inputs."""
    slices = job.table.write.slices
    first, *others = job.table.upstream
    driving = with_fates(
        _input(job, first, touched, slices),
        dedupe=job.table.dedupe,
        cutoff=job.table.cutoff,
        as_of=job.run.as_of,
    )
    if account is not None:
        driving = driving.observe(
            account,
            F.count(F.lit(1)).alias("rows_in"),
            F.count_if(F.col(FATE) == LOADED).alias("rows_loaded"),
            F.count_if(F.col(FATE) == DEDUPLICATED).alias("rows_deduplicated"),
            F.count_if(F.col(FATE) == TOO_LATE).alias("rows_too_late"),
        )
    counted = driving.filter(F.col(FATE) == LOADED).drop(FATE)
    rest = [_input(job, table, touched, slices) for table in others]
    rows = job.entry.transform(counted, *rest, job.run)
    if isinstance(job.table.write, Scd2):
        rows = intervals(rows, job.table.write)
    return conform(rows, job.table)


def _input(
    job: Job, table: Table, touched: DataFrame | None, slices: tuple[str, ...]
) -> DataFrame:
    rows = job.read_input(table)
    return within(rows, touched, slices) if is_sliced(job.table, table) else rows


def _write(job: Job, desired: DataFrame, touched: DataFrame | None) -> Written:
    if job.base is None:
        return written_rows(job, desired)
    stored = delta.read(job.spark, job.uri, job.base)
    current = within(stored, touched, job.table.write.slices)
    return written_differences(job, current, desired)
