"""Great Expectations, run as a process of its own: `expectations.py` asks it.

To import it takes seconds of Python, and each suite more: a run does not stand still for them.
A gate comes as a line of JSON on standard input, its verdicts go as a line to standard output; the
process ends when its input does. It is run by its path and imports nothing of the lakehouse.
"""

from __future__ import annotations

import json
import os
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TextIO


class Bounds(TypedDict):
    """What a check accepts: the column of the metrics, its range, and how bad a breach is."""

    column: str
    min_value: float | None
    max_value: float | None
    fails: bool
    notes: str


class Gate(TypedDict):
    """One gate: its checks, and a number for each or none."""

    name: str
    bounds: list[Bounds]
    metrics: dict[str, float | None]


def verdicts(gate: Gate) -> dict[str, list[bool]]:
    """Whether the number of each column was accepted, once for each expectation of it."""
    import pandas as pd  # noqa: PLC0415  # by whoever imports this module for `suite`, not needed

    row = pd.DataFrame([gate["metrics"]], dtype="float64")
    batch = _row().get_batch({"dataframe": row})
    results = batch.validate(suite(gate["name"], gate["bounds"]), result_format="BASIC").results
    found: dict[str, list[bool]] = {}
    for result in results:
        found.setdefault(result.expectation_config.kwargs["column"], []).append(
            bool(result.success)
        )
    return found


def suite(name: str, bounds: Sequence[Bounds]) -> Any:  # noqa: ANN401  # GX is imported lazily
    """The expectation suite of a gate."""
    import great_expectations as gx  # noqa: PLC0415  # 4 s, only where it is used
    from great_expectations.expectations.core.expect_column_values_to_be_between import (  # noqa: PLC0415
        ExpectColumnValuesToBeBetween,
    )
    from great_expectations.expectations.metadata_types import FailureSeverity  # noqa: PLC0415

    expectations = [
        ExpectColumnValuesToBeBetween(
            column=each["column"],
            min_value=each["min_value"],
            max_value=each["max_value"],
            severity=FailureSeverity.CRITICAL if each["fails"] else FailureSeverity.WARNING,
            meta={"notes": {"format": "string", "content": each["notes"]}},
        )
        for each in bounds
    ]
    return gx.ExpectationSuite(name=name, expectations=expectations)


@lru_cache(maxsize=1)
def _row() -> Any:  # noqa: ANN401  # GX is imported lazily
    """What metrics are handed to: a data frame of one row, in a context without files."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    # jsonschema, far below, compiles a grammar of IRIs for 3 s when this module is there (Jupyter
    # brings it). It takes its absence well, and nothing here checks an IRI.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # documented
    import great_expectations as gx  # noqa: PLC0415  # see suite
    from great_expectations.data_context.types.base import ProgressBarsConfig  # noqa: PLC0415

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("lakehouse").add_dataframe_asset("metrics")
    return asset.add_batch_definition_whole_dataframe("row")


def serve(questions: Iterable[str], answers: TextIO) -> None:
    """Answer each gate with its verdicts, until there are no more."""
    _row()
    for line in questions:
        answers.write(json.dumps(verdicts(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever prints does not stand between the answers
    serve(sys.stdin, answers)
