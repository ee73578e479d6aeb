"""Great Expectations, run as a process of its own: `judge.py` starts and asks it.

To import it takes seconds of Python, so one process judges the gates of all processes of a user,
and ends when nobody has asked for a while. A gate comes as a line of JSON, its verdicts go as one.
It is run by its path and imports nothing of the lakehouse.
"""

from __future__ import annotations

import json
import os
import socket
import socketserver
import sys
import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Sequence

IDLE_SECONDS = 60.0
"""Without a question, it ends."""
PATIENCE_SECONDS = 10.0
"""With who is connected and asks nothing."""
KNOWN_ANSWERS = 10_000
"""Questions whose answers are kept."""
NOT_NEEDED = ("rfc3987_syntax", "pyspark", "sqlalchemy")
"""Great Expectations does without them, and imports them for a second where they are there."""


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
    found: dict[str, list[bool]] = {}
    for each in gate["bounds"]:
        number = gate["metrics"][each["column"]]
        accepted = is_accepted(each["min_value"], each["max_value"], number)
        found.setdefault(each["column"], []).append(accepted)
    return found


@lru_cache(maxsize=KNOWN_ANSWERS)
def is_accepted(minimum: float | None, maximum: float | None, number: float | None) -> bool:
    """Whether a number lies in a range.

    Great Expectations takes 15 ms to say so, and most checks ask what others have asked: whether
    no row at all is few enough.
    """
    import pandas as pd  # noqa: PLC0415  # by whoever imports this module for `suite`, not needed

    asked: Bounds = {
        "column": "number",
        "min_value": minimum,
        "max_value": maximum,
        "fails": True,
        "notes": "",
    }
    row = pd.DataFrame([{"number": number}], dtype="float64")
    batch = _row().get_batch({"dataframe": row})
    (result,) = batch.validate(suite("number", [asked]), result_format="BASIC").results
    return bool(result.success)


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
    """What a number is handed to: a data frame of one row, in a context without files."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx  # noqa: PLC0415  # see suite
    from great_expectations.data_context.types.base import ProgressBarsConfig  # noqa: PLC0415

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("lakehouse").add_dataframe_asset("metrics")
    return asset.add_batch_definition_whole_dataframe("row")


class Asked(socketserver.StreamRequestHandler):
    """One process that asks: each of its lines is a gate."""

    timeout = PATIENCE_SECONDS

    def handle(self) -> None:
        """Answer each gate with its verdicts; the connection ends where one cannot be judged."""
        for line in self.rfile:
            with _JUDGING:
                found = verdicts(json.loads(line))
            self.wfile.write(json.dumps(found).encode() + b"\n")


_JUDGING = threading.Lock()


def serve(listening: socket.socket, idle_seconds: float = IDLE_SECONDS) -> None:
    """Answer all who connect, until nobody has for a while."""
    _row()
    with socketserver.ThreadingUnixStreamServer(
        str(listening.getsockname()), Asked, bind_and_activate=False
    ) as server:
        server.socket.close()
        server.socket = listening
        server.timeout = idle_seconds
        is_idle = threading.Event()
        server.handle_timeout = is_idle.set  # type: ignore[method-assign]  # how socketserver has it
        while not is_idle.is_set():
            server.handle_request()


if __name__ == "__main__":
    for name in NOT_NEEDED:
        sys.modules[name] = None  # type: ignore[assignment]  # documented: it is not found
    serve(socket.socket(fileno=int(sys.argv[1])))
