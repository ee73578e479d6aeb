"""Desired rows → one commit that holds only what differs, or none when nothing does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from lakehouse.engine.labels import labelled
from lakehouse.engines.spark import delta
from lakehouse.engines.spark.tally import Tally
from lakehouse.errors import TableDefinitionError
from lakehouse.io import delta_log
from lakehouse.io.state import Account

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.engine.job import Job
    from lakehouse.io.delta_log import Span
    from lakehouse.spec import Table


@dataclass(frozen=True)
class Written:
    """What a run did to a table.

    Attributes:
        version: Newest version afterwards.
        base: Version it started from; None when it made the table.
        changed: Rows by operation.
        account: Where the input rows went.
    """

    version: int
    base: int | None
    changed: dict[str, int] = field(default_factory=dict)
    account: Account = field(default_factory=Account)


def conform(rows: DataFrame, table: Table) -> DataFrame:
    """The declared columns in the declared order.

    Raises:
        TableDefinitionError: The transform returns other columns or types than declared.
    """
    found = {f.name: f.dataType.simpleString() for f in rows.schema.fields}
    declared = {column.name: column.type for column in table.stored_columns}
    if found != declared:
        problems = sorted(
            f"{name} is {found.get(name, 'missing')}, declared {declared.get(name, 'nowhere')}"
            for name in found.keys() | declared.keys()
            if found.get(name) != declared.get(name)
        )
        message = f"{table.name}: transform returns {'; '.join(problems)} ({table.defined_at})"
        raise TableDefinitionError(message, table=table.name, problems=problems)
    return rows.select(*table.column_names)


@labelled("write")
def written_rows(job: Job, rows: DataFrame) -> Written:
    """Append rows that the table does not hold."""
    if job.base is None:
        delta.create(job.spark, job.uri, job.table)
    tally = Tally(rows, n=F.count(F.lit(1)))
    delta.append(tally.rows, job.uri, _metadata(job))
    changed = {delta.INSERT: tally.counts()["n"]}
    return Written(delta_log.latest_version(job.uri) or 0, job.base, changed)


def written_differences(job: Job, current: DataFrame, desired: DataFrame) -> Written:
    """Merge the rows that differ between the stored and the desired content."""
    # Computed once: the counts decide whether there is anything to merge.
    staged = delta.differences(current, desired, job.table).localCheckpoint()
    changed, span = delta.count_operations(staged, job.table)
    if changed:
        _apply(job, staged, changed, span)
    version = delta_log.latest_version(job.uri) if changed else job.base
    return Written(version or 0, job.base, changed)


@labelled("write")
def _apply(job: Job, staged: DataFrame, changed: dict[str, int], span: Span | None) -> None:
    days = [span.first, span.last] if span else None
    metadata = _metadata(job) | {"changed": changed, "days": days}
    if set(changed) == {delta.INSERT}:  # half the work of a MERGE
        delta.append(staged.drop(delta.OPERATION), job.uri, metadata)
    else:
        delta.merge(job.spark, staged, job.uri, job.table, metadata, span=span)


def _metadata(job: Job) -> dict[str, Any]:
    """What stands in the commit itself; the account of rows follows in `ops.runs` (ADR 6)."""
    return {
        "run_id": job.request.run_id,
        "token": job.token,
        "table": job.table.name,
        "as_of": job.as_of_key,
        "files": job.files,
        "inputs": {name: state.version for name, state in job.inputs.items()},
        "code": job.entry.code,
    }
