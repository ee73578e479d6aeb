"""Silver and gold: published inputs → rows of the touched slices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.engine.labels import labelled
from lakehouse.engine.scope import (
    IS_TOUCHED,
    days_named,
    history_of,
    is_sliced,
    may_lack_repeats,
    rows_of_slices,
    with_repeats_elsewhere,
    within,
)
from lakehouse.engine.write import Written, conform, written_differences, written_rows
from lakehouse.io.delta_log import Span
from lakehouse.io.fault_points import fault_point
from lakehouse.io.state import Account
from lakehouse.spec import Scd2
from lakehouse.transforms.dedupe import (
    DEDUPLICATED,
    FATE,
    LEFT_OUT,
    LOADED,
    TOO_LATE,
    is_later,
    with_fates,
)
from lakehouse.transforms.scd2 import intervals

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from lakehouse.engine.job import Job
    from lakehouse.engine.scope import Scope
    from lakehouse.engines.protocols import ObservedCounts
    from lakehouse.spec import Table


@labelled("derive")
def derive(job: Job, scope: Scope) -> Written:
    """Recompute the slices in scope and write what differs."""
    fault_point("before_read", job.table.name)
    with job.engine.doing("find scope"):
        touched = _found(job, scope.touched) if scope.touched is not None else None
    observed = _driving_rows(job, touched)
    desired = _transformed(job, observed.rows, touched)
    fault_point("before_write", job.table.name)
    written = _write(job, desired, touched)
    return replace(written, account=Account(**observed.counts()))


@dataclass(frozen=True)
class _Touched:
    """The slices to recompute.

    Attributes:
        slices: Their keys.
        spans: Days of the table and of inputs that they are made of, by the name of the table.
    """

    slices: DataFrame
    spans: dict[str, Span]


def _found(job: Job, touched: DataFrame) -> _Touched:
    """Touched slices, computed once: every row of an input is looked up among them."""
    days = {t.name: t.day for t in (job.table, *job.table.upstream) if t.day}
    named = days_named(job.table)
    ends: dict[str, Column] = {}
    for name, (first, last) in named.items():
        ends |= {f"first {name}": F.min(first), f"last {name}": F.max(last)}
    observed = job.engine.observe(touched, n=F.count(F.lit(1)), **ends)
    kept = job.engine.keep(observed.rows)
    found = observed.values()
    spans = {
        name: Span(days[name], found[f"first {name}"], found[f"last {name}"])
        for name in named
        if found["n"]
    }
    return _Touched(job.engine.few(kept, int(found["n"] or 0)), spans)


def desired_rows(job: Job) -> DataFrame:
    """What the whole table should hold, from the published inputs."""
    return _transformed(job, _driving_rows(job, None).rows, None)


def _driving_rows(job: Job, touched: _Touched | None) -> ObservedCounts:
    """The first input with the fate of each row, counted."""
    first = job.table.upstream[0]
    rows = _input(job, first, touched)
    if touched is not None and may_lack_repeats(job.table):
        rows = with_repeats_elsewhere(rows, job.read_input(first), touched.slices, job.table)
    rows = with_fates(
        rows,
        dedupe=job.table.dedupe,
        happened_on=first.happened_on,
        never_late=job.table.never_late,
        as_of=job.cut_at or job.run.as_of,
        left_out=job.table.left_out,
    )
    if job.entry.fates:
        rows = job.entry.fates(rows, job.run)
    if IS_TOUCHED in rows.columns:
        rows = rows.filter(IS_TOUCHED).drop(IS_TOUCHED)
    return job.engine.observe(
        rows,
        rows_in=F.count(F.lit(1)),
        rows_loaded=F.count_if(F.col(FATE) == LOADED),
        rows_deduplicated=F.count_if(F.col(FATE) == DEDUPLICATED),
        rows_too_late=F.count_if(F.col(FATE) == TOO_LATE),
        rows_left_out=F.count_if(F.col(FATE) == LEFT_OUT),
    )


def _transformed(job: Job, driving: DataFrame, touched: _Touched | None) -> DataFrame:
    counted = driving.filter(F.col(FATE) == LOADED).drop(FATE)
    others = [_in_time(job, table, touched) for table in job.table.upstream[1:]]
    rows = job.entry.transform(counted, *others, job.run)
    if isinstance(job.table.write, Scd2):
        rows = intervals(rows, job.table.write)
    rows = conform(rows, job.table)
    # Rows may count in slices that nothing touched, and of which the others were not read.
    return _within(rows, touched, job.table) if job.table.has_windows else rows


def _in_time(job: Job, table: Table, touched: _Touched | None) -> DataFrame:
    """A later input without what happened after the as-of date."""
    rows = _input(job, table, touched)
    if not table.happened_on:
        return rows  # made of tables that were cut
    return rows.filter(~is_later(table.happened_on, job.cut_at or job.run.as_of))


def _input(job: Job, table: Table, touched: _Touched | None) -> DataFrame:
    rows = job.read_input(table, touched.spans.get(table.name) if touched else None)
    history = history_of(job.table, table)
    if history and touched is not None and set(history.on) <= set(job.table.write.slices):
        return within(rows, touched.slices.select(*history.on).distinct(), history.on)
    if touched is None or not is_sliced(job.table, table):
        return rows
    return rows_of_slices(rows, table, touched.slices, job.table)


def _write(job: Job, desired: DataFrame, touched: _Touched | None) -> Written:
    if job.fills:
        return written_rows(job, _laid_out(job, desired))
    stored = job.engine.store.read(
        job.uri, job.base, touched.spans.get(job.table.name) if touched else None
    )
    return written_differences(job, _within(stored, touched, job.table), desired)


def _laid_out(job: Job, desired: DataFrame) -> DataFrame:
    """Rows of a first load in the order of their days, which weigh what those of the input do."""
    first = job.table.upstream[0]
    rows = job.inputs[first.name].rows
    return job.engine.by_day(desired, job.table, job.read_input(first), first.day, rows)


def _within(rows: DataFrame, touched: _Touched | None, table: Table) -> DataFrame:
    """Only the rows of touched slices."""
    return within(rows, touched.slices, table.write.slices) if touched else rows
