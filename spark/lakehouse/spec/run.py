"""What a transform may know about the run it is part of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from lakehouse.spec.policies import Policies


@dataclass(frozen=True)
class Run:
    """The run of one table.

    A table made of other tables is not told which run it is: its rows do not follow from that.

    Args:
        run_id: Identity of the run in `ops.runs` and in Delta commits; empty there.
        as_of: The only business clock. Where a table declares no `as_of`, the newest day that
            counts of its inputs.
        started_at: When the run started, UTC, for technical columns; there midnight of `as_of`.
        policies: The policies of the lake that the table declares.
    """

    run_id: str
    as_of: date
    started_at: datetime
    policies: Policies = field(default_factory=Policies)
