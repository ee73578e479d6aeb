"""Judging the numbers of a gate with Great Expectations.

The engine computes all metrics of a gate in one pass; Great Expectations gets each number with an
expectation of its range, once: most are asked again and again. It fails closed: an expectation that
does not come back exactly once, or whose number is missing, makes the gate red.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse.quality.judge import verdicts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakehouse.quality import judging
    from lakehouse.spec import Check


@dataclass(frozen=True)
class Result:
    """What became of a check.

    Attributes:
        check: The check.
        value: The number observed; None when it could not be had.
        passed: Whether it lies in the accepted range.
        samples: Offending rows as JSON, a few.
    """

    check: Check
    value: float | None
    passed: bool
    samples: tuple[str, ...] = ()

    @property
    def is_red(self) -> bool:
        """Whether it stops the run."""
        return not self.passed and self.check.severity == "fail"

    @property
    def told(self) -> str:
        """What was found and what is accepted: `72 %, at most 50 %`."""
        return self.check.told(self.value)


def judge(gate: str, checks: Sequence[Check], metrics: dict[str, float | None]) -> list[Result]:
    """Judge the metrics of a gate, one result a check, in order.

    Raises:
        EngineError: The process that judges went away.
    """
    values = {check.name: _number(metrics.get(check.name)) for check in checks}
    question: judging.Gate = {"name": gate, "bounds": [*map(bounds, checks)], "metrics": values}
    outcomes = verdicts(question) if checks else {}
    return [
        Result(
            check,
            value := values[check.name],
            passed=value is not None and outcomes.get(check.name) == [True],
        )
        for check in checks
    ]


def _number(value: float | None) -> float | None:
    """A metric; what is not a number is none, which Great Expectations would let pass."""
    return None if value is None or math.isnan(value) else value


def bounds(check: Check) -> judging.Bounds:
    """A check, as Great Expectations is told of it."""
    return {
        "column": check.name,
        "min_value": check.minimum,
        "max_value": check.maximum,
        "fails": check.severity == "fail",
        "notes": check.sentence,
    }
