"""Gates are judged by Great Expectations, in a process of its own; it fails closed."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lakehouse.errors import EngineError
from lakehouse.quality import expectations, judging
from lakehouse.quality.expectations import bounds, judge, warm_up
from lakehouse.spec import not_empty, satisfies

FEW = satisfies("few", "value <= 3", "value: at most 3.")
SOME = not_empty(severity="warn")


def test_each_check_has_one_result_in_its_range_or_not():
    results = judge("t.output", [FEW, SOME], {"few": 0.0, "not_empty": 0.0})
    assert [(r.check.name, r.value, r.passed, r.is_red) for r in results] == [
        ("few", 0.0, True, False),
        ("not_empty", 0.0, False, False),
    ]


@pytest.mark.parametrize("value", [None, float("nan")])
def test_a_number_that_is_missing_is_red(value):
    (result,) = judge("t.output", [FEW], {} if value is None else {"few": value})
    assert result.is_red


def test_two_checks_of_one_name_are_red():
    assert all(r.is_red for r in judge("t.output", [FEW, FEW], {"few": 0.0}))


def test_a_gate_without_checks_asks_nobody(monkeypatch):
    monkeypatch.setattr(expectations, "_Judge", None)
    assert judge("t.output", [], {}) == []


def test_when_the_process_is_killed_the_gate_is_an_error_and_the_next_is_judged():
    warm_up()
    process = expectations._Judge.started()._process
    judge("t.output", [FEW], {"few": 0.0})
    os.kill(process.pid, signal.SIGSTOP)  # it is there, and dies with the question
    killing = subprocess.Popen(["sh", "-c", f"sleep 0.3; kill -KILL {process.pid}"])
    with pytest.raises(EngineError, match=r"t\.output: Great Expectations ended \(exit code -9\)"):
        judge("t.output", [FEW], {"few": 0.0})
    killing.wait()
    assert judge("t.output", [FEW], {"few": 0.0})[0].passed


def test_it_ends_with_the_process_that_asked_even_when_that_is_killed():
    program = (
        "import time; from lakehouse.quality import expectations as e; e.warm_up();"
        "print(e._Judge._current._process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as asking:
        assert asking.stdout is not None
        judging_pid = int(asking.stdout.readline())
        os.kill(judging_pid, 0)  # it lives
        asking.kill()
    for _ in range(600):
        if not _lives(judging_pid):
            return
        time.sleep(0.1)
    pytest.fail("it is still there a minute after")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"  # nobody may have waited for it


def test_questions_and_answers_are_lines_of_json():
    gate: judging.Gate = {
        "name": "t.output",
        "bounds": [bounds(FEW), bounds(SOME)],
        "metrics": {"few": 1.0, "not_empty": 5.0},
    }
    answers = io.StringIO()
    judging.serve([json.dumps(gate), json.dumps(gate)], answers)
    expected = {"few": [False], "not_empty": [True]}
    assert [json.loads(line) for line in answers.getvalue().splitlines()] == [expected, expected]


def test_who_starts_it_does_not_wait_for_who_asks():
    with expectations._ASKING:
        starting = threading.Thread(target=warm_up)
        starting.start()
        starting.join(timeout=30)
        assert not starting.is_alive()
