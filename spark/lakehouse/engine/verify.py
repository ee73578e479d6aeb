"""Law 1 on live data: is the stored table what a full rebuild would give?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.engine.derive import desired_rows
from lakehouse.engine.differences import count_operations, differences
from lakehouse.engine.ingest import desired_from_files
from lakehouse.engine.labels import labelled
from lakehouse.errors import UpstreamMissingError
from lakehouse.spec.changes import DELETE, INSERT, UPDATE

if TYPE_CHECKING:
    from lakehouse.engine.job import Job

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
    """

    table: str
    version: int
    missing: int
    surplus: int
    different: int
    samples: tuple[str, ...] = ()

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
        mend = f"`lakehouse run {self.table} --full-refresh` makes it again"
        return f"{about}: differs from a full rebuild: {found}; {mend}"


@labelled("verify")
def verify(job: Job) -> Verdict:
    """Rebuild in memory and compare; writes nothing.

    Raises:
        UpstreamMissingError: The table was never published.
    """
    published = job.published
    if published is None:
        message = f"{job.table.name} was never published; run `lakehouse run +{job.table.name}`"
        raise UpstreamMissingError(message, table=job.table.name)
    job = replace(job, request=replace(job.request, as_published=True))
    stored = job.engine.store.read(job.uri, published.version)
    rebuilt = desired_from_files(job, stored) if job.feed else desired_rows(job)
    staged = job.engine.keep(differences(stored, rebuilt, job.table))
    counts, _ = count_operations(staged, job.table)
    as_json = staged.limit(MAX_SAMPLES).select(F.to_json(F.struct("*")).alias("row"))
    samples = tuple(row["row"] for row in as_json.collect()) if counts else ()
    return Verdict(
        job.table.name,
        published.version,
        missing=counts.get(INSERT, 0),
        surplus=counts.get(DELETE, 0),
        different=counts.get(UPDATE, 0),
        samples=samples,
    )
