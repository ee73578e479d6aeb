"""Writing down what a run did: `ops.runs` and `ops.quality_results`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lakehouse.engine.outlook import versions
from lakehouse.io import ops

if TYPE_CHECKING:
    from lakehouse.engine.job import Request
    from lakehouse.engine.outcome import Outcome, Progress
    from lakehouse.settings import Settings
    from lakehouse.spec import Table

_PAST_TENSE = {"insert": "inserted", "update": "updated", "delete": "deleted"}


def record_checks(settings: Settings, table: Table, progress: Progress, run_id: str) -> None:
    """One row a check of both gates, with what it found."""
    now = datetime.now(UTC)
    ops.append(
        settings,
        "quality_results",
        [
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
        ],
    )


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


def record_runs(settings: Settings, rows: list[dict[str, Any]]) -> None:
    """Write rows of `ops.runs`, in one commit."""
    ops.append(settings, "runs", rows)


def masked(sample: str, table: Table) -> str:
    """A sample row without personal data."""
    shown = (table, *table.upstream)  # checks of the input gate show rows of inputs
    personal = {column.name for each in shown for column in each.columns if column.pii}
    row = json.loads(sample)
    return json.dumps({name: "***" if name in personal else row[name] for name in row})
