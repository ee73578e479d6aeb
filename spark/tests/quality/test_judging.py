"""Gates are judged by Great Expectations, in a process of its own; it fails closed."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import subprocess
import sys
import sysconfig
import tempfile
import threading
from pathlib import Path

import psutil
import pytest

from lakehouse.errors import EngineError
from lakehouse.quality import expectations, judging
from lakehouse.quality import judge as judge_process
from lakehouse.quality.expectations import bounds, judge
from lakehouse.quality.judge import warm_up
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
    monkeypatch.setattr(expectations, "verdicts", None)
    assert judge("t.output", [], {}) == []


@pytest.fixture
def alone(monkeypatch):
    """No process judges yet; the folder of its socket."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's have names too long for a socket
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)
        for process in judges(folder):
            process.kill()


def judges(folder):
    """The processes that listen below a folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if judging.__file__ in (process.info["cmdline"] or ()):
            with contextlib.suppress(psutil.Error):
                listening = process.net_connections("unix")
                found += [process] * any(each.laddr.startswith(folder) for each in listening)
    return found


ASKING = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from lakehouse.quality.expectations import judge
from lakehouse.spec import satisfies
few = satisfies("few", "value <= 3", "value: at most 3.")
print(judge("t.output", [few], {"few": 0.0})[0].passed)
"""


def test_processes_that_ask_at_once_start_one_and_leave_it_to_the_next(alone):
    command = [sys.executable, "-c", ASKING, str(alone)]
    asking = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate()[0] for process in asking] == ["True\n"] * 3
    (one,) = judges(str(alone))
    assert judge("t.output", [FEW], {"few": 0.0})[0].passed
    assert judges(str(alone)) == [one]
    (folder,) = alone.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_when_it_is_killed_the_gate_is_judged_by_another(alone):
    warm_up()
    (first,) = judges(str(alone))
    first.suspend()  # it is there, and dies with the question
    killing = subprocess.Popen(["sh", "-c", f"sleep 0.3; kill -KILL {first.pid}"])
    assert judge("t.output", [FEW], {"few": 0.0})[0].passed
    killing.wait()
    assert judges(str(alone)) != [first]


def test_where_it_cannot_live_the_gate_is_an_error_that_says_why(alone, monkeypatch, tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit('no great expectations')")
    monkeypatch.setattr(judging, "__file__", str(broken))
    with pytest.raises(EngineError, match=r"t\.output: Great Expectations ended(.|\n)*no great"):
        judge("t.output", [FEW], {"few": 0.0})


def test_it_is_asked_in_a_folder_of_its_user_alone(alone):
    (alone / f"lakehouse-{os.getuid()}").mkdir(mode=0o755)
    with pytest.raises(EngineError, match="only you may enter"):
        judge("t.output", [FEW], {"few": 0.0})


def test_a_temporary_folder_with_a_long_name_is_no_place_for_a_socket(tmp_path, monkeypatch):
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    assert judge("t.output", [FEW], {"few": 0.0})[0].passed
    assert list(deep.iterdir()) == []


def test_other_packages_are_judged_by_another_process(alone, monkeypatch):
    before = judge_process._path()
    packages = alone / "packages"
    packages.mkdir()
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(packages))
    here = judge_process._path()
    (packages / "new").mkdir()
    assert len({before, here, judge_process._path()}) == 3


def test_what_was_asked_before_is_not_asked_again():
    judging.is_accepted.cache_clear()
    ranges = {"few": bounds(FEW), "also_few": bounds(FEW), "some": bounds(SOME)}
    for number, misses in ((0.0, 2), (0.0, 2), (1.0, 4)):
        gate: judging.Gate = {
            "name": "t.output",
            "bounds": [{**each, "column": name} for name, each in ranges.items()],
            "metrics": dict.fromkeys(ranges, number),
        }
        few, some = [number == 0.0], [number == 1.0]
        assert judging.verdicts(gate) == {"few": few, "also_few": few, "some": some}
        assert judging.is_accepted.cache_info().misses == misses


@pytest.fixture
def served():
    """A socket whose gates are judged in this process."""
    with tempfile.TemporaryDirectory() as folder:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(f"{folder}/socket")
        listening.listen()
        serving = threading.Thread(target=judging.serve, args=(listening, 0.5))
        serving.start()
        yield f"{folder}/socket", serving


def test_it_answers_line_by_line_and_ends_when_nobody_asks(served):
    gate: judging.Gate = {
        "name": "t.output",
        "bounds": [bounds(FEW), bounds(SOME)],
        "metrics": {"few": 1.0, "not_empty": 5.0},
    }
    address, serving = served
    with socket.socket(socket.AF_UNIX) as silent, socket.socket(socket.AF_UNIX) as asking:
        silent.connect(address)  # who says nothing holds nobody up
        asking.connect(address)
        asking.sendall(2 * (json.dumps(gate).encode() + b"\n"))
        answers = asking.makefile()
        expected = {"few": [False], "not_empty": [True]}
        assert [json.loads(answers.readline()) for _ in range(2)] == [expected, expected]
    serving.join(timeout=60)
    assert not serving.is_alive()
