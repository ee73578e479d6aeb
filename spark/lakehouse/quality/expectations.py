"""Judging the numbers of a gate with Great Expectations.

The engine computes all metrics of a gate in one pass; Great Expectations gets them as one row, one
column a check, with one expectation a column. It fails closed: an expectation that does not come
back exactly once, or whose number is missing, makes the gate red.
"""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakehouse.spec import Check

_LOCK = threading.Lock()  # a GX context is not made for several threads


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
    """Judge the metrics of a gate, one result a check, in order."""
    validation = validate(gate, checks, metrics)
    outcomes: dict[str, list[bool]] = {}
    for outcome in validation["results"]:
        column = outcome["expectation_config"]["kwargs"]["column"]
        outcomes.setdefault(column, []).append(bool(outcome["success"]))
    return [
        Result(
            check,
            metrics.get(check.name),
            passed=metrics.get(check.name) is not None and outcomes.get(check.name) == [True],
        )
        for check in checks
    ]


def validate(
    gate: str, checks: Sequence[Check], metrics: dict[str, float | None]
) -> dict[str, Any]:
    """Run the gate's suite; the validation result as Great Expectations writes it."""
    if not checks:
        return {"results": []}
    import pandas as pd  # noqa: PLC0415  # 1 s that a stage without a gate does not pay

    row = pd.DataFrame([{c.name: metrics.get(c.name) for c in checks}], dtype="float64")
    with _LOCK:
        context = _context()
        batch = _asset().get_batch({"dataframe": row})
        result = batch.validate(suite(gate, checks), result_format="BASIC")
        _ = context
    return dict(result.to_json_dict())


def suite(gate: str, checks: Sequence[Check]) -> Any:  # noqa: ANN401  # GX is imported lazily
    """The expectation suite of a gate."""
    import great_expectations as gx  # noqa: PLC0415  # 4 s that commands without gates do not pay
    from great_expectations.expectations.core.expect_column_values_to_be_between import (  # noqa: PLC0415
        ExpectColumnValuesToBeBetween,
    )
    from great_expectations.expectations.metadata_types import FailureSeverity  # noqa: PLC0415

    expectations = [
        ExpectColumnValuesToBeBetween(
            column=check.name,
            min_value=check.minimum,
            max_value=check.maximum,
            severity=FailureSeverity.CRITICAL
            if check.severity == "fail"
            else FailureSeverity.WARNING,
            meta={"notes": {"format": "string", "content": check.sentence}},
        )
        for check in checks
    ]
    return gx.ExpectationSuite(name=gate, expectations=expectations)


@lru_cache(maxsize=1)
def _context() -> Any:  # noqa: ANN401  # GX is imported lazily
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    # jsonschema, far below, compiles a grammar of IRIs for 3 s when this module is there (Jupyter
    # brings it). It takes its absence well, and nothing here checks an IRI.
    missing = "rfc3987_syntax"
    blocked = sys.modules.setdefault(missing, None) is None  # type: ignore[arg-type]  # documented
    try:
        import great_expectations as gx  # noqa: PLC0415  # see suite
    finally:
        if blocked:
            del sys.modules[missing]
    from great_expectations.data_context.types.base import ProgressBarsConfig  # noqa: PLC0415

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


@lru_cache(maxsize=1)
def _asset() -> Any:  # noqa: ANN401  # GX is imported lazily
    source = _context().data_sources.add_pandas("lakehouse")
    return source.add_dataframe_asset("metrics").add_batch_definition_whole_dataframe("row")


def warm_up() -> None:
    """Import Great Expectations and build its context, while the engine is still starting."""
    with _LOCK:
        _asset()
