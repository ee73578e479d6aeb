"""Judging the numbers of a gate with Great Expectations.

The engine computes all metrics of a gate in one pass; Great Expectations gets them as one row, one
column a check, with one expectation a column. It fails closed: an expectation that does not come
back exactly once, or whose number is missing, makes the gate red.
"""

from __future__ import annotations

import atexit
import json
import math
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

from lakehouse.errors import EngineError
from lakehouse.quality import judging

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakehouse.spec import Check

_ASKING = threading.Lock()  # one question at a time
_STARTING = threading.Lock()  # which nobody who asks holds up


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
    outcomes = _verdicts(
        {"name": gate, "bounds": [bounds(check) for check in checks], "metrics": values}
    )
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


def warm_up() -> None:
    """Start the process that judges, so that it is there when the first gate is."""
    _Judge.started()


def _verdicts(gate: judging.Gate) -> dict[str, list[bool]]:
    """Whether each number was accepted; nothing for a gate without checks."""
    if not gate["bounds"]:
        return {}
    with _ASKING:
        return _Judge.started().verdicts(gate)


class _Judge:
    """The process that runs Great Expectations for this one; it ends with it, however it ends."""

    _current: _Judge | None = None

    def __init__(self) -> None:
        self._owner = os.getpid()
        # Its own session: what interrupts a run leaves it to answer until its input ends.
        self._process = subprocess.Popen(  # noqa: S603  # our own file
            [sys.executable, "-P", judging.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            encoding="utf-8",
        )
        atexit.register(self.stop)

    @classmethod
    def started(cls) -> _Judge:
        """The one of this process; another one after a fork, or when the last has ended."""
        with _STARTING:
            if cls._current is None or not cls._current.is_ours():
                cls._current = cls()
            return cls._current

    def is_ours(self) -> bool:
        """Whether it lives, and for this process."""
        return self._owner == os.getpid() and self._process.poll() is None

    def verdicts(self, gate: judging.Gate) -> dict[str, list[bool]]:
        """Ask about one gate."""
        questions = cast("IO[str]", self._process.stdin)
        answers = cast("IO[str]", self._process.stdout)
        try:
            questions.write(json.dumps(gate) + "\n")
            questions.flush()
            answer = answers.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            message = (
                f"{gate['name']}: Great Expectations ended (exit code {self._process.wait()}) "
                "before it had judged the gate; nothing was published. Run again."
            )
            raise EngineError(message)
        found: dict[str, list[bool]] = json.loads(answer)
        return found

    def stop(self) -> None:
        """Let it end, and wait for it."""
        if self._owner == os.getpid():
            self._process.communicate()
