"""What becomes of a table in a run: the words of runs, console, command line and Airflow."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """The state of a table while a run goes on, or at its end."""

    RUNNING = "running"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    BLOCKED = "blocked"
    """Something upstream failed: it was not tried."""
    SPARE = "spare"
    """Nothing of its domain ever arrived."""
    ABSENT = "absent"
    """It is made from an optional source that never arrived: what reads it goes on without."""

    @property
    def is_over(self) -> bool:
        """Whether the run has nothing left to do for the table."""
        return self is not Status.RUNNING

    @property
    def is_failure(self) -> bool:
        """Whether what is downstream must not run."""
        return self in {Status.FAILED, Status.BLOCKED}
