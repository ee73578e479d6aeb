"""Law 1 on live data: is the stored table what a full rebuild would give?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lakehouse.engine.derive import desired_rows
from lakehouse.engine.differences import count_operations, differences, operations
from lakehouse.engine.ingest import desired_from_files
from lakehouse.engine.labels import labelled
from lakehouse.engine.outlook import changed_inputs
from lakehouse.errors import UpstreamMissingError
from lakehouse.io import ops
from lakehouse.spec.changes import DELETE, INSERT, UPDATE
from lakehouse.transforms.numbers import as_json

if TYPE_CHECKING:
    from lakehouse.engine.job import Job
    from lakehouse.io.state import State

MAX_SAMPLES = 5


@dataclass(frozen=True)
class Verdict:
    """How a published table compares with a full rebuild from what it was made from.

    Attributes:
        table: Table name.
        version: Published version.
        missing: Rows a rebuild has and the table lacks.
        surplus: Rows the table has and a rebuild lacks.
        different: Rows of the same key with other values.
        samples: Some of them, as JSON.
        corrected: Landing files that have other content than when they were consumed; the next run
            takes them.
        waiting: Landing files and versions of inputs that no run has taken yet: no difference.
    """

    table: str
    version: int
    missing: int
    surplus: int
    different: int
    samples: tuple[str, ...] = ()
    corrected: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()

    @property
    def is_equal(self) -> bool:
        """Whether not a single row differs."""
        return not (self.missing or self.surplus or self.different)

    @property
    def sentence(self) -> str:
        """The verdict in words, and what to do."""
        about = f"{self.table} version {self.version}"
        if self.is_equal:
            return f"{about}: equal to a full rebuild, row for row"
        counts = {
            "missing": self.missing,
            "too many": self.surplus,
            "with other values": self.different,
        }
        found = ", ".join(f"{n:,} rows {words}" for words, n in counts.items() if n)
        mend = f"`lakehouse run {self.table} --full-refresh` rebuilds it"
        return f"{about}: differs from a full rebuild: {found}; {mend}"


@labelled("verify")
def verify(job: Job) -> Verdict:
    """Rebuild from what the published version was made from, in memory, and compare.

    Landing files are read whatever storage says of when they were written. Writes nothing.

    Raises:
        UpstreamMissingError: The table was never published.
    """
    published = job.published
    if published is None:
        message = f"{job.table.name} was never published; run `lakehouse run +{job.table.name}`"
        raise UpstreamMissingError(message, table=job.table.name)
    job = replace(job, request=replace(job.request, as_published=True))
    stored = job.engine.store.read(job.uri, published.version)
    corrected: tuple[str, ...] = ()
    if job.feed:
        arrivals = job.feed.look(published.position, None, afresh=True)
        corrected, waiting = arrivals.corrected, arrivals.untaken
        rebuilt = desired_from_files(job, stored, arrivals)
    else:
        news = changed_inputs(job)
        waiting = tuple(f"{name}@{new}" for name, (_, new) in news.items())
        rebuilt = desired_rows(_as_consumed(job, published))
    staged = job.engine.keep(differences(job.table, stored, rebuilt))
    counts, _ = count_operations(operations(job.table, staged), job.table)
    few = staged.limit(MAX_SAMPLES).select(as_json(*staged.columns).alias("row"))
    samples = tuple(row["row"] for row in few.collect()) if counts else ()
    return Verdict(
        job.table.name,
        published.version,
        missing=counts.get(INSERT, 0),
        surplus=counts.get(DELETE, 0),
        different=counts.get(UPDATE, 0),
        samples=samples,
        corrected=corrected,
        waiting=waiting,
    )


def _as_consumed(job: Job, published: State) -> Job:
    """The job with the inputs that the published version was made from, as far as they are kept."""
    upstream = {}
    for name, state in job.upstream.items():
        consumed = published.inputs.get(name)
        if consumed and consumed.table_id == state.table_id and consumed.number != state.version:
            kept = ops.is_readable(job.settings.table_uri(name), consumed.number)
            upstream[name] = replace(state, version=consumed.number) if kept else state
        else:
            upstream[name] = state
    return replace(job, upstream=upstream)
