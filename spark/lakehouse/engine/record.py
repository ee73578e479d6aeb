"""Writing down what a run did: `ops.runs` and `ops.quality_results`."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lakehouse.engine.outlook import versions
from lakehouse.io import ops

if TYPE_CHECKING:
    from lakehouse.engine.job import Request
    from lakehouse.engine.outcome import Outcome, Progress
    from lakehouse.settings import Settings
    from lakehouse.spec import Table

LONGEST_WAIT_S = 5.0
"""So long rows wait for others."""
_PAST_TENSE = {"insert": "inserted", "update": "updated", "delete": "deleted"}


class Books:
    """Rows of `ops.runs` and `ops.quality_results` on their way, written some together.

    A commit takes nearly a tenth of a second, and a stream runs a table every second. No row waits
    longer than LONGEST_WAIT_S, however long the next table takes.
    """

    def __init__(self, settings: Settings) -> None:
        """Nothing waits yet."""
        self._settings = settings
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._taking, self._writing = threading.Lock(), threading.Lock()
        self._timer: threading.Timer | None = None

    def add(self, checks: list[dict[str, Any]], run: dict[str, Any] | None) -> None:
        """Take what a table's run has to tell."""
        with self._taking:
            self._rows.setdefault("quality_results", []).extend(checks)
            self._rows.setdefault("runs", []).extend([run] if run else [])
            if self._timer is None:
                self._timer = threading.Timer(LONGEST_WAIT_S, self.write)
                self._timer.daemon = True
                self._timer.start()

    def write(self) -> Exception | None:
        """Write all that waits, one commit a table; what could not be written waits on.

        Returns:
            What kept it from being written, if anything did.
        """
        with self._writing:
            with self._taking:
                rows, self._rows = self._rows, {}
                if self._timer is not None:
                    self._timer.cancel()
                    self._timer = None
            try:
                for name in [*rows]:
                    ops.append(self._settings, name, rows[name])
                    del rows[name]
            except Exception as error:  # noqa: BLE001  # told as the outcome of what it is about
                with self._taking:
                    for name, each in rows.items():
                        self._rows[name] = each + self._rows.get(name, [])
                return error
        return None


def check_rows(table: Table, progress: Progress, run_id: str) -> list[dict[str, Any]]:
    """One row of `ops.quality_results` a check of both gates, with what it found."""
    now = datetime.now(UTC)
    return [
        {
            "run_id": run_id,
            "table_name": table.name,
            "gate": gate,
            "version": progress.written.version if progress.written else None,
            "check_name": result.check.name,
            "sentence": result.check.sentence,
            "severity": result.check.severity,
            "minimum": result.check.minimum,
            "maximum": result.check.maximum,
            "value": result.value,
            "passed": result.passed,
            "samples": [masked(text, table) for text in result.samples],
            "checked_at": now,
        }
        for gate, result in progress.results
    ]


def run_row(outcome: Outcome, request: Request, started: datetime) -> dict[str, Any]:
    """The row of `ops.runs`: what became of the table, and where its rows went."""
    state = outcome.state
    return {
        "run_id": request.run_id,
        "table_name": outcome.table,
        "outcome": outcome.outcome,
        "reason": outcome.reason,
        "as_of": state.as_of if state else None,
        "input_versions": versions(state.inputs) if state else "",
        "output_version": state.version if state else None,
        **vars(outcome.account),
        **{
            f"rows_{past}": outcome.changed.get(operation, 0)
            for operation, past in _PAST_TENSE.items()
        },
        "rows_after": state.rows if state else None,
        "seconds": outcome.seconds,
        "gate_seconds": outcome.gate_seconds,
        "error": str(outcome.error) if outcome.error else None,
        "started_at": started,
        "ended_at": datetime.now(UTC),
    }


def masked(sample: str, table: Table) -> str:
    """A sample row without personal data."""
    shown = (table, *table.upstream)  # checks of the input gate show rows of inputs
    personal = {column.name for each in shown for column in each.columns if column.pii}
    row = json.loads(sample)
    return json.dumps({name: "***" if name in personal else row[name] for name in row})
