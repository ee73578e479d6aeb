"""Which slices of a table a run must recompute: the touched ones, or all (law 8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.engine.labels import labelled
from lakehouse.engine.outlook import (
    changed_inputs,
    how_as_of_moved,
    how_cut_moved,
    news,
    why_everything,
)
from lakehouse.io.delta_log import Span
from lakehouse.spec import ReplaceSlices
from lakehouse.transforms.dedupe import are_among

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from lakehouse.engine.job import Job
    from lakehouse.io.state import Version
    from lakehouse.spec import SliceOf, Table, ValidAt

IS_TOUCHED = "_is_touched"


@dataclass(frozen=True)
class Scope:
    """What to recompute.

    Attributes:
        reason: Why, in words for `lakehouse plan`.
        touched: The slice keys to recompute; None = all of them.
    """

    reason: str
    touched: DataFrame | None = None


@labelled("find scope")
def derive_scope(job: Job) -> Scope:
    """Compare what was consumed with what is published, and find the touched slices."""
    if reason := why_everything(job):
        return Scope(reason)
    words = news(job)
    changed = changed_inputs(job)
    if not job.table.write.slices:
        return Scope(f"{words}; recomputed as a whole")
    touched = [_unfinished(job)] if how_as_of_moved(job) else []
    for table in job.table.upstream:
        if not (is_sliced(job.table, table) or history_of(job.table, table)):
            if table.name in changed or _is_cut_anew(job, table):
                return Scope(f"{words}; {table.name} touches every slice")
            continue
        feeds = [_days_between(job, table)] if _is_cut_anew(job, table) else []
        if table.name in changed:
            feed = _changes(job, table, *changed[table.name])
            if feed is None:
                return Scope(f"{words}; change history of {table.name} is gone")
            feeds.append(feed)
        touched += [_touched_by(job, table, feed) for feed in feeds]
    return Scope(words, touched=job.engine.planned(_each_once, *touched, about=None))


def _each_once(_: None, *slices: DataFrame) -> DataFrame:
    """Slices that were touched by something, without repeats."""
    return reduce(lambda a, b: a.unionByName(b), slices).distinct()


def _changes(job: Job, table: Table, old: Version | None, new: Version) -> DataFrame | None:
    """What changed in an input since it was consumed; None when that cannot be told."""
    if old is None or old.table_id != new.table_id:
        return None
    where = job.settings.table_uri(table.name)
    return job.engine.store.changes(where, old.number, new.number)


def _is_cut_anew(job: Job, table: Table) -> bool:
    """Whether rows of an input count now that did not, or the other way round."""
    return table in job.table.cut and how_cut_moved(job) is not None


def _unfinished(job: Job) -> DataFrame:
    """The slices that may change although no input did."""
    stored = job.engine.store.read(job.uri, job.base)
    return job.engine.planned(_slices_unfinished, stored, about=job.table)


def _slices_unfinished(table: Table, stored: DataFrame) -> DataFrame:
    return stored.filter(table.unfinished).select(*table.write.slices)


def _days_between(job: Job, table: Table) -> DataFrame:
    """Rows of an input between the last days that counted: they count now, or do no more."""
    ends = (job.published and job.published.counted_until, job.cut_key)
    after, until = sorted(date.fromisoformat(day) for day in ends if day)
    is_ordered = table.day == table.happened_on
    span = Span(table.happened_on, after, until) if is_ordered else None
    rows = job.read_input(table, span)  # first: without an engine there is no expression either
    day = F.expr(table.happened_on)
    return rows.filter((day > F.lit(after)) & (day <= F.lit(until)))


def _touched_by(job: Job, table: Table, feed: DataFrame) -> DataFrame:
    """The slices that the changed rows of an input touch, with repeats."""
    first = job.table.upstream[0]
    about = (job.table, table)
    if history_of(*about):
        return job.engine.planned(_where_valid, feed, job.read_input(first), about=about)
    has_repeats = table is first and has_repeats_across_slices(job.table)
    others = job.read_input(first) if has_repeats else None
    return job.engine.planned(_with_same_slices, feed, others, about=about)


@dataclass(frozen=True)
class _Link:
    """How a slice column follows from the rows of an input.

    Attributes:
        name: The slice column.
        of: How it follows; None when the input has the column itself.
    """

    name: str
    of: SliceOf | None

    @property
    def slice(self) -> Column:
        """The slice of a row, or a row for each slice it counts in."""
        if self.of is None:
            return F.col(self.name)
        return F.explode(F.expr(self.of.touches)) if self.of.touches else F.col(self.of.column)

    @property
    def named_column(self) -> str:
        """The column of the input of which a touched slice names values."""
        return self.of.column if self.of else self.name

    @property
    def first_and_last(self) -> tuple[Column, Column]:
        """The lowest and the highest of the values that a touched slice names."""
        if self.of and self.of.needs:
            return F.array_min(F.expr(self.of.needs)), F.array_max(F.expr(self.of.needs))
        return F.col(self.name), F.col(self.name)

    @property
    def looked_up_by(self) -> Column:
        """What a row of the input is looked up by, among the values that touched slices want."""
        return F.col(self.of.column) if self.of and self.of.needs else self.slice

    @property
    def wanted(self) -> Column:
        """The values by which a touched slice looks up the rows it is made of."""
        return F.explode(F.expr(self.of.needs)) if self.of and self.of.needs else F.col(self.name)


def _links(table: Table, upstream: Table) -> list[_Link]:
    """One link a slice column; empty when some slice column does not follow from the input."""
    declared = table.write.of if isinstance(table.write, ReplaceSlices) else ()
    there = set(upstream.column_names)
    derived = {each.name: each for each in declared if each.column in there}
    if not set(table.write.slices) <= there | set(derived):
        return []
    return [_Link(name, derived.get(name)) for name in table.write.slices]


def _slices_of(table: Table, upstream: Table) -> list[Column]:
    """The slices that a row of an input counts in, as columns of the table's names."""
    return [link.slice.alias(link.name) for link in _links(table, upstream)]


def is_sliced(table: Table, upstream: Table) -> bool:
    """Whether the slices that a row of an input counts in follow from the row."""
    return bool(_links(table, upstream))


def rows_of_slices(
    rows: DataFrame, upstream: Table, touched: DataFrame, table: Table, how: str = "left_semi"
) -> DataFrame:
    """The rows of a sliced input that touched slices are made of, or (`left_anti`) are not."""
    links = _links(table, upstream)
    needed = touched.select(*(link.wanted.alias(f"_of_{link.name}") for link in links)).distinct()
    keyed = rows.withColumns({f"_of_{link.name}": link.looked_up_by for link in links})
    return _semi(keyed, needed, tuple(needed.columns), how).select(*rows.columns)


def days_named(table: Table) -> dict[str, tuple[Column, Column]]:
    """First and last day that a touched slice names, of the table and of inputs, by their name.

    Only where files are ordered by that day.
    """
    links = {each: _links(table, each) for each in table.upstream}
    links[table] = [_Link(name, of=None) for name in table.write.slices]
    return {
        each.name: link.first_and_last
        for each, linked in links.items()
        for link in linked
        if each.day and link.named_column == each.day
    }


def history_of(table: Table, upstream: Table) -> ValidAt | None:
    """How the table joins an input that is a history; None for every other input."""
    return next((each for each in table.valid_at if each.table is upstream), None)


def has_repeats_across_slices(table: Table) -> bool:
    """Whether rows that are repeats of each other may lie in several slices."""
    slices = set(table.write.slices)
    return table.dedupe is not None and bool(slices) and not slices <= set(table.dedupe.keys)


def may_lack_repeats(table: Table) -> bool:
    """Whether rows of touched slices may be repeated in slices that nothing touched.

    Not where a slice is of one key, and nothing but changes of the first input touches slices: they
    touch each slice of the keys they meet.
    """
    if table.dedupe is None or not has_repeats_across_slices(table):
        return False
    first, *others = table.upstream
    named = {link.name for link in _links(table, first) if link.of is None}
    are_touched = not others and table.as_of is None and set(table.dedupe.keys) <= named
    return not are_touched


def with_repeats_elsewhere(
    rows: DataFrame, everything: DataFrame, touched: DataFrame, table: Table
) -> DataFrame:
    """Add the rows outside the touched slices that repeat a row inside; `IS_TOUCHED` tells them."""
    met = rows.filter(are_among(table.dedupe)).select(*dedupe_keys(table)).distinct()
    elsewhere = rows_of_slices(everything, table.upstream[0], touched, table, how="left_anti")
    repeats = _with_same_keys(elsewhere, met, table).select(*rows.columns)
    return rows.withColumn(IS_TOUCHED, F.lit(True)).unionByName(
        repeats.withColumn(IS_TOUCHED, F.lit(False))
    )


def dedupe_keys(table: Table) -> list[Column]:
    """The dedupe keys as columns `_key_0`, `_key_1` and so on."""
    keys = table.dedupe.keys if table.dedupe else ()
    return [F.expr(key).alias(f"_key_{number}") for number, key in enumerate(keys)]


def _with_same_keys(rows: DataFrame, met: DataFrame, table: Table) -> DataFrame:
    keyed = rows.filter(are_among(table.dedupe)).select("*", *dedupe_keys(table))
    return _semi(keyed, met, tuple(met.columns))


def _with_same_slices(
    about: tuple[Table, Table], feed: DataFrame, rows: DataFrame | None
) -> DataFrame:
    """Slices of changed rows of an input, and of its rows that share a dedupe key with one."""
    table, read = about
    slices = _slices_of(table, read)
    touched = feed.select(*slices)
    if rows is None:
        return touched
    met = feed.filter(are_among(table.dedupe)).select(*dedupe_keys(table)).distinct()
    return touched.unionByName(_with_same_keys(rows, met, table).select(*slices))


def _where_valid(about: tuple[Table, Table], feed: DataFrame, rows: DataFrame) -> DataFrame:
    """Slices of the rows of the first input that lie in a changed interval, old or new."""
    table, read = about
    history = next(each for each in table.valid_at if each.table is read)
    rows = rows.alias("_row")
    spans = feed.select(*history.on, history.start, history.end).distinct().alias("_span")
    moment = F.col(f"_row.{history.at}")
    is_inside = (moment >= F.col(f"_span.{history.start}")) & (
        moment < F.col(f"_span.{history.end}")
    )
    same = [F.col(f"_row.{name}").eqNullSafe(F.col(f"_span.{name}")) for name in history.on]
    met = rows.join(spans, [*same, is_inside], "left_semi")
    return met.select(*_slices_of(table, table.upstream[0]))


def within(rows: DataFrame, touched: DataFrame | None, slices: tuple[str, ...]) -> DataFrame:
    """Only the rows of touched slices."""
    return rows if touched is None else _semi(rows, touched, slices)


def _semi(
    rows: DataFrame, keys: DataFrame, names: tuple[str, ...], how: str = "left_semi"
) -> DataFrame:
    """Rows whose columns are among the keys, or are not; null is a value like any other."""
    renamed = keys.select(*(keys[name].alias(f"_slice_{name}") for name in names))
    same = [rows[name].eqNullSafe(renamed[f"_slice_{name}"]) for name in names]
    return rows.join(renamed, same, how)
