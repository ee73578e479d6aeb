"""Which slices of a table a run must recompute: the touched ones, or all (law 8)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from lakehouse.io import delta

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.engine.job import Job
    from lakehouse.spec import Table


@dataclass(frozen=True)
class Scope:
    """What to recompute.

    Attributes:
        reason: Why, in words for `lakehouse plan`.
        touched: The slice keys to recompute; None = all of them.
        empty: Nothing to do at all.
    """

    reason: str
    touched: DataFrame | None = None
    empty: bool = False


def changed_inputs(job: Job) -> dict[str, tuple[int | None, int]]:
    """Inputs whose published content is not the consumed one: name → (consumed, published)."""
    consumed = job.published.inputs if job.published else {}
    return {
        name: (consumed.get(name), state.version)
        for name, state in job.inputs.items()
        if state.is_news_to(consumed.get(name))
    }


def why_everything(job: Job) -> str | None:
    """The reason to recompute the whole table, or None."""
    published = job.published
    if job.request.full_refresh:
        return "full refresh asked for"
    if published is None:
        return "never published"
    if published.code != job.entry.code:
        return "its code changed"
    if published.as_of != job.as_of_key:
        return f"as-of moved from {published.as_of} to {job.as_of_key}"
    return None


def derive_scope(job: Job) -> Scope:
    """Compare what was consumed with what is published, and find the touched slices."""
    if reason := why_everything(job):
        return Scope(reason)
    changed = changed_inputs(job)
    if not changed:
        return Scope("inputs unchanged", empty=True)
    words = ", ".join(f"{name} {old}→{new}" for name, (old, new) in changed.items())
    if not job.table.write.slices:
        return Scope(f"{words}; recomputed as a whole")
    touched = []
    for table in job.table.upstream:
        if table.name not in changed:
            continue
        old, new = changed[table.name]
        if not is_sliced(job.table, table) or old is None:
            return Scope(f"{words}; {table.name} touches every slice")
        feed = delta.changes(job.spark, job.settings.table_uri(table.name), old, new)
        if feed is None:
            return Scope(f"{words}; change history of {table.name} is gone")
        touched.append(feed.select(*job.table.write.slices).distinct())
    return Scope(words, touched=reduce(lambda a, b: a.unionByName(b), touched).distinct())


def is_sliced(table: Table, upstream: Table) -> bool:
    """Whether the rows of an input belong to one slice each."""
    return set(table.write.slices) <= set(upstream.column_names) and bool(table.write.slices)


def within(rows: DataFrame, touched: DataFrame | None, slices: tuple[str, ...]) -> DataFrame:
    """Only the rows of touched slices."""
    if touched is None:
        return rows
    keys = touched.select(*(touched[name].alias(f"_slice_{name}") for name in slices))
    same = [rows[name].eqNullSafe(keys[f"_slice_{name}"]) for name in slices]
    return rows.join(keys, same, "left_semi")
