"""Desired rows → one commit that holds only what differs, or none when nothing does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lakehouse.engine.differences import count_operations, differences, operations
from lakehouse.engine.labels import labelled
from lakehouse.errors import TableDefinitionError
from lakehouse.io import delta_log
from lakehouse.io.state import Account
from lakehouse.spec.changes import INSERT, OPERATION

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
    types = {field.name: field.dataType.simpleString() for field in rows.schema.fields}
    problems = [
        f"{name} is {found or 'missing'}, declared {declared or 'nowhere'}"
        for name, (found, declared) in table.column_problems(types).items()
    ]
    if problems:
        message = f"{table.name}: transform returns {'; '.join(problems)} ({table.defined_at})"
        raise TableDefinitionError(message, table=table.name, problems=problems)
    return rows.select(*table.column_names)


@labelled("write")
def written_rows(job: Job, rows: DataFrame, position: str | None = None) -> Written:
    """Append rows that the table does not hold."""
    if job.base is None:
        job.engine.store.create(job.uri, job.table)
    n = job.engine.store.append(rows, job.uri, metadata_of(job, position))
    return Written(delta_log.latest_version(job.uri) or 0, job.base, {INSERT: n})


def written_differences(
    job: Job, current: DataFrame, desired: DataFrame, position: str | None = None
) -> Written:
    """Merge the rows that differ between the stored and the desired content."""
    # Computed once: the counts decide whether there is anything to merge.
    differing = job.engine.planned(differences, current, desired, about=job.table)
    staged = job.engine.keep(differing)
    counted = job.engine.planned(operations, staged, about=job.table)
    changed, span = count_operations(counted, job.table)
    if changed:
        _apply(job, staged, changed, span, position)
    version = delta_log.latest_version(job.uri) if changed else job.base
    return Written(version or 0, job.base, changed)


@labelled("write")
def _apply(
    job: Job,
    staged: DataFrame,
    changed: dict[str, int],
    span: Span | None,
    position: str | None,
) -> None:
    days = [span.first, span.last] if span else None
    metadata = metadata_of(job, position) | {"changed": changed, "days": days}
    n = sum(changed.values())
    if set(changed) == {INSERT}:  # half the work of a MERGE
        job.engine.store.append(staged.drop(OPERATION), job.uri, metadata, n)
    else:
        job.engine.store.merge(staged, job.uri, job.table, metadata, span=span, n=n)


def metadata_of(job: Job, position: str | None = None) -> dict[str, Any]:
    """What stands in the commit itself; the account of rows follows in `ops.runs` (ADR 6)."""
    return {
        "run_id": job.request.run_id,
        "token": job.token,
        "table": job.table.name,
        "as_of": job.as_of_key,
        "position": position,
        "inputs": {name: state.version for name, state in job.inputs.items()},
        "code": job.code,
    }
