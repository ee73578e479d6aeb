"""Gates: the checks of a table, all that need one computed in one pass over each subject."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.quality.expectations import Result, judge
from lakehouse.spec.checks import AGE_DAYS, REJECTED_RATE, ROWS, ROWS_AHEAD

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pyspark.sql import DataFrame, Row

    from lakehouse.engines.protocols import Engine
    from lakehouse.io.state import State
    from lakehouse.spec import Check

MAX_SAMPLES = 5


@dataclass(frozen=True)
class Subject:
    """What checks are about.

    Attributes:
        rows: Its rows, when a check asks for them.
        state: What the bookkeeping knows of it.
        engine: Computes.
    """

    rows: Callable[[], DataFrame]
    state: State
    engine: Engine


def evaluate(
    gate: str, checks: Sequence[Check], subjects: Mapping[str, Subject], as_of: date
) -> list[Result]:
    """Compute and judge all checks of a gate.

    Args:
        gate: Name of the suite, `<table>.<input|output>`.
        checks: The checks.
        subjects: Subjects by name.
        as_of: What ages are counted from.
    """
    metrics: dict[str, float | None] = {}
    for name, subject in subjects.items():
        aggregates = [c for c in checks if c.subject == name and c.metric]
        metrics |= _aggregate(subject, aggregates)
    for check in checks:
        if check.fact:
            metrics[check.name] = _fact(check, subjects[check.subject].state, as_of)
        elif check.refers_to:
            metrics[check.name] = _orphans(check, subjects).count()
    return [_with_samples(result, subjects) for result in judge(gate, checks, metrics)]


def _aggregate(subject: Subject, checks: list[Check]) -> dict[str, float | None]:
    if not checks:
        return {}
    row = subject.engine.planned(_measured, subject.rows(), about=tuple(checks)).first()
    return row.asDict() if row else {}


def _measured(checks: tuple[Check, ...], rows: DataFrame) -> DataFrame:
    """The number of each check, in one row."""
    return rows.agg(*(F.expr(check.metric).cast("double").alias(check.name) for check in checks))


def _fact(check: Check, state: State, as_of: date) -> float | None:
    if check.fact == ROWS:
        return state.rows
    if check.fact == REJECTED_RATE:
        return state.account.rejected_rate
    clock = check.column or ""
    if check.fact == ROWS_AHEAD:
        return state.rows_ahead(clock)
    newest = state.newest.get(clock)
    if check.fact == AGE_DAYS and newest:
        return (as_of - date.fromisoformat(newest)).days
    return None


def _orphans(check: Check, subjects: Mapping[str, Subject]) -> DataFrame:
    column, other, other_column = check.refers_to or ("", "", "")
    known = subjects[other].rows().select(F.col(other_column).alias(column))
    rows = subjects[check.subject].rows().filter(F.col(column).isNotNull())
    return rows.join(known, column, "left_anti")


def _with_samples(result: Result, subjects: Mapping[str, Subject]) -> Result:
    """Add a few offending rows to a failed check; the caller masks personal data."""
    check = result.check
    if result.passed or not (check.samples or check.alike or check.refers_to):
        return result
    rows = _offending(check, subjects)
    return replace(result, samples=tuple(map(_as_json, rows.limit(MAX_SAMPLES).collect())))


def _offending(check: Check, subjects: Mapping[str, Subject]) -> DataFrame:
    """Rows that break a check; of rows that are alike what they share, and how many they are."""
    if check.refers_to:
        return _orphans(check, subjects)
    rows = subjects[check.subject].rows().filter(check.samples or "true")
    if not check.alike:
        return rows
    alike = rows.groupBy(*check.alike).agg(F.count(F.lit(1)).alias("n_rows"))
    return alike.filter(F.col("n_rows") > 1)


def _as_json(row: Row) -> str:
    known = {name: value for name, value in row.asDict(recursive=True).items() if value is not None}
    return json.dumps(known, default=str, ensure_ascii=False)
