"""Silver and gold: published inputs → rows of the touched slices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.engine.labels import labelled
from lakehouse.engine.recipe import Recipe
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
    desired = _desired(job, observed.rows, touched)
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
    return _desired(job, _driving_rows(job, None).rows, None)


def _driving_rows(job: Job, touched: _Touched | None) -> ObservedCounts:
    """The first input with the fate of each row, counted."""
    first = job.table.upstream[0]
    everything = None
    if touched is not None and may_lack_repeats(job.table):
        everything = job.read_input(first)
    return job.engine.observe(
        job.engine.planned(
            _with_fates,
            _read(job, first, touched),
            touched.slices if touched else None,
            everything,
            about=Recipe.of(job),
        ),
        rows_in=F.count(F.lit(1)),
        rows_loaded=F.count_if(F.col(FATE) == LOADED),
        rows_deduplicated=F.count_if(F.col(FATE) == DEDUPLICATED),
        rows_too_late=F.count_if(F.col(FATE) == TOO_LATE),
        rows_left_out=F.count_if(F.col(FATE) == LEFT_OUT),
    )


def _with_fates(
    recipe: Recipe, rows: DataFrame, slices: DataFrame | None, everything: DataFrame | None
) -> DataFrame:
    """Rows of the first input that touched slices are made of, or all, each with its fate.

    Args:
        recipe: That of the table.
        rows: Rows of the input.
        slices: The touched slices.
        everything: All its rows, where rows of other slices may repeat some of these.
    """
    table, first = recipe.table, recipe.table.upstream[0]
    rows = _of_slices(table, first, rows, slices)
    if slices is not None and everything is not None:
        rows = with_repeats_elsewhere(rows, everything, slices, table)
    rows = with_fates(
        rows,
        dedupe=table.dedupe,
        happened_on=first.happened_on,
        never_late=table.never_late,
        as_of=recipe.cut_at,
        left_out=table.left_out,
    )
    if recipe.entry.fates:
        rows = recipe.entry.fates(rows, recipe.run)
    return rows.filter(IS_TOUCHED).drop(IS_TOUCHED) if IS_TOUCHED in rows.columns else rows


def _desired(job: Job, driving: DataFrame, touched: _Touched | None) -> DataFrame:
    others = (_read(job, table, touched) for table in job.table.upstream[1:])
    slices = touched.slices if touched else None
    return job.engine.planned(_transformed, driving, slices, *others, about=Recipe.of(job))


def _transformed(
    recipe: Recipe, driving: DataFrame, slices: DataFrame | None, *others: DataFrame
) -> DataFrame:
    """What touched slices, or the whole table, should hold.

    Args:
        recipe: That of the table.
        driving: The first input with the fate of each row.
        slices: The touched slices.
        others: Rows of the other inputs.
    """
    table = recipe.table
    counted = driving.filter(F.col(FATE) == LOADED).drop(FATE)
    inputs = zip(table.upstream[1:], others, strict=True)
    in_time = (_in_time(recipe, each, rows, slices) for each, rows in inputs)
    rows = recipe.entry.transform(counted, *in_time, recipe.run)
    if isinstance(table.write, Scd2):
        rows = intervals(rows, table.write)
    rows = conform(rows, table)
    # Rows may count in slices that nothing touched, and of which the others were not read.
    return within(rows, slices, table.write.slices) if table.has_windows else rows


def _in_time(recipe: Recipe, table: Table, rows: DataFrame, slices: DataFrame | None) -> DataFrame:
    """A later input without what happened after the as-of date."""
    rows = _of_slices(recipe.table, table, rows, slices)
    if not table.happened_on:
        return rows  # made of tables that were cut
    return rows.filter(~is_later(table.happened_on, recipe.cut_at))


def _read(job: Job, table: Table, touched: _Touched | None) -> DataFrame:
    """The rows of an input, at least those of touched slices."""
    return job.read_input(table, touched.spans.get(table.name) if touched else None)


def _of_slices(table: Table, read: Table, rows: DataFrame, slices: DataFrame | None) -> DataFrame:
    """Of the rows of an input those that touched slices are made of."""
    history = history_of(table, read)
    if history and slices is not None and set(history.on) <= set(table.write.slices):
        return within(rows, slices.select(*history.on).distinct(), history.on)
    if slices is None or not is_sliced(table, read):
        return rows
    return rows_of_slices(rows, read, slices, table)


def _write(job: Job, desired: DataFrame, touched: _Touched | None) -> Written:
    if job.fills:
        return written_rows(job, _laid_out(job, desired))
    span = touched.spans.get(job.table.name) if touched else None
    stored = job.engine.store.read(job.uri, job.base, span)
    slices = touched.slices if touched else None
    current = job.engine.planned(_of_touched, stored, slices, about=job.table)
    return written_differences(job, current, desired)


def _of_touched(table: Table, rows: DataFrame, slices: DataFrame | None) -> DataFrame:
    """Only the rows of touched slices."""
    return within(rows, slices, table.write.slices)


def _laid_out(job: Job, desired: DataFrame) -> DataFrame:
    """Rows of a first load in the order of their days, which weigh what those of the input do."""
    first = job.table.upstream[0]
    rows = job.inputs[first.name].rows
    return job.engine.by_day(desired, job.table, job.read_input(first), first.day, rows)
