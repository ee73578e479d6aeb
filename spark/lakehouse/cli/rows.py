"""What a run came to, as plain rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakehouse.engine.outcome import Outcome
    from lakehouse.quality.expectations import Result
    from lakehouse.reporting.findings import Finding


def outcome_row(outcome: Outcome, found: Sequence[Finding] = ()) -> dict[str, Any]:
    """A table's outcome in a run."""
    state = outcome.state
    return {
        "table": outcome.table,
        "outcome": outcome.outcome,
        "reason": outcome.reason,
        "version": state.version if state else None,
        "rows": state.rows if state else None,
        "as_of": state.as_of if state else None,
        **vars(outcome.account),
        "changed": outcome.changed,
        "seconds": outcome.seconds,
        "gate_seconds": outcome.gate_seconds,
        "failed_checks": [r.check.name for r in outcome.results if not r.passed],
        "findings": [vars(each) | {"text": "\n".join(each.lines)} for each in found],
        "error": str(outcome.error) if outcome.error else None,
        "exit_code": outcome.exit_code,
    }


def result_row(result: Result) -> dict[str, Any]:
    """A check's result."""
    return {
        "check": result.check.name,
        "severity": result.check.severity,
        "passed": result.passed,
        "value": result.value,
        "found": result.told,
        "sentence": result.check.sentence,
    }
