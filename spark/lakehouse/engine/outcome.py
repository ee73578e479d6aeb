"""What became of a table in a run, and what is known of it while it goes on."""

from __future__ import annotations

import time
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lakehouse.catalog.status import Status
from lakehouse.errors import LakehouseError, exit_code_of
from lakehouse.io.state import Account

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakehouse.io.state import State
    from lakehouse.quality.expectations import Result


@dataclass(frozen=True)
class Outcome:
    """What became of a table in a run.

    Attributes:
        table: Table name.
        outcome: What became of it, or that it runs.
        reason: Why it ran or not.
        state: Published state afterwards.
        account: Where the rows of this run went.
        changed: Rows written, by operation.
        results: Results of both gates.
        seconds: Wall time.
        gate_seconds: Of which spent in gates.
        error: What went wrong.
        trace: Traceback of an unexpected error.
        run_id: Run that wrote its rows; empty when nothing was written.
    """

    table: str
    outcome: Status
    reason: str = ""
    state: State | None = None
    account: Account = field(default_factory=Account)
    changed: dict[str, int] = field(default_factory=dict)
    results: tuple[Result, ...] = ()
    seconds: float = 0.0
    gate_seconds: float = 0.0
    error: Exception | None = None
    trace: str = ""
    run_id: str = ""

    @property
    def exit_code(self) -> int:
        """Exit code this outcome asks for."""
        return exit_code_of(self.error)


@dataclass
class Progress:
    """What is known of a table's run so far.

    Attributes:
        table: Table name.
        reason: Why it runs.
        state: Published state, or the candidate once something is written.
        written: The candidate; None where nothing was written.
        results: Results of gates, each with the name of its gate.
        gate_seconds: Time spent in gates.
        error: What went wrong.
        trace: Its traceback.
    """

    table: str
    reason: str = ""
    state: State | None = None
    written: State | None = None
    results: list[tuple[str, Result]] = field(default_factory=list)
    gate_seconds: float = 0.0
    error: Exception | None = None
    trace: str = ""

    @contextmanager
    def gate(self) -> Iterator[None]:
        """What happens meanwhile is a gate's work."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.gate_seconds += time.monotonic() - started

    def fail(self, error: Exception) -> None:
        """Keep what went wrong, and what a red gate found."""
        self.error = error
        self.trace = traceback.format_exc()
        if isinstance(error, LakehouseError):
            gate = str(error.details.get("gate", ""))
            found = error.details.get("results")
            self.results += [(gate, result) for result in found or ()]  # type: ignore[attr-defined]  # facts are untyped

    def so_far(self) -> Outcome:
        """Still running: why, and where its rows went once they are written."""
        account = self.written.account if self.written else Account()
        return Outcome(self.table, Status.RUNNING, reason=self.reason, account=account)

    def outcome(self, seconds: float) -> Outcome:
        """What became of it in the end."""
        written = self.written
        finished = Status.UPDATED if written else Status.UNCHANGED
        return Outcome(
            self.table,
            Status.FAILED if self.error is not None else finished,
            reason=self.reason,
            state=self.state,
            account=written.account if written else Account(),
            changed=written.changed if written else {},
            results=tuple(result for _, result in self.results),
            seconds=round(seconds, 3),
            gate_seconds=round(self.gate_seconds, 3),
            error=self.error,
            trace=self.trace,
            run_id=written.run_id if written else "",
        )
