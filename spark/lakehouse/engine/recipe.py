"""What the rows of a derived table follow from, beside the rows of its inputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from lakehouse.spec import Run

if TYPE_CHECKING:
    from lakehouse.catalog.registry import Entry
    from lakehouse.engine.job import Job
    from lakehouse.spec import Table
    from lakehouse.spec.policies import Policies


@dataclass(frozen=True)
class Recipe:
    """The same recipe makes the same rows of the same inputs, in whatever run.

    Attributes:
        entry: The table and its code.
        code: Fingerprint of that code, and of the settings and policies that it goes by.
        as_of: The as-of day.
        cut_at: The last day of its inputs that counts.
        policies: What the fingerprint of policies stands for.
    """

    entry: Entry
    code: str
    as_of: date
    cut_at: date
    policies: Policies = field(compare=False)

    @classmethod
    def of(cls, job: Job) -> Recipe:
        """That of a run."""
        run = job.run
        return cls(job.entry, job.code, run.as_of, job.cut_at or run.as_of, run.policies)

    @property
    def table(self) -> Table:
        """The contract."""
        return self.entry.table

    @property
    def run(self) -> Run:
        """What the transform may know: not which run it is, nor when."""
        midnight = datetime(self.as_of.year, self.as_of.month, self.as_of.day, tzinfo=UTC)
        return Run("", self.as_of, midnight, self.policies)
