"""What a command costs is seen from outside, its children's part too."""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace

import psutil
import pytest

from benchmarks.measure import CommandFailedError, is_spark, measured

CHILD = "x = bytearray(200 << 20); import time; t = time.process_time()\n"
CHILD += "while time.process_time() - t < 1: pass"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}]); print('[7]')"

FORKS = "import os, time; x = bytearray(200 << 20); child = os.fork(); time.sleep(1)\n"
FORKS += "if child: os.waitpid(child, 0); print('[7]')"


def test_what_a_child_takes_counts_for_the_command(tmp_path):
    cost, told = measured([sys.executable, "-c", PARENT], tmp_path / "log")
    assert told == [7]
    assert cost.cpu_s >= 0.5  # it ends between two looks
    assert cost.wall_s >= 1
    assert cost.peak_mib >= 200
    assert cost.jvms == 0


def test_what_a_child_leaves_behind_counts_too(tmp_path):
    left = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {CHILD!r}])"
    waiting = "import time; time.sleep(3)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {left!r}]); {waiting}"
    cost, _ = measured([sys.executable, "-c", f"{parent}; print('[7]')"], tmp_path / "log")
    assert cost.cpu_s >= 0.5
    assert cost.peak_mib >= 200


def test_what_a_child_leaves_behind_ends_with_the_measurement(tmp_path):
    left = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', WAITS])"
    left = left.replace("WAITS", repr("import time; time.sleep(60)")).replace(
        "; sub", "; child = sub"
    )
    left += "; print(child.pid)"
    parent = f"import subprocess, sys, time; subprocess.run([sys.executable, '-c', {left!r}])"
    _, pid = measured([sys.executable, "-c", f"{parent}; time.sleep(1)"], tmp_path / "log")
    assert not is_running(pid)


def test_what_a_fork_shares_counts_once(tmp_path):
    cost, _ = measured([sys.executable, "-c", FORKS], tmp_path / "log")
    assert 200 <= cost.peak_mib < 400


def test_an_interrupted_measurement_leaves_nothing_running(tmp_path, monkeypatch):
    pid_file = tmp_path / "pid"
    child = f"import os; open({str(pid_file)!r}, 'w').write(str(os.getpid()))"
    child += "; import time; time.sleep(60)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"

    def interrupt(_):
        if pid_file.exists() and pid_file.read_text():
            raise KeyboardInterrupt

    # Not the function of the module `time`, which other threads call, too.
    here = SimpleNamespace(sleep=interrupt, perf_counter=time.perf_counter)
    monkeypatch.setattr("benchmarks.measure.time", here)
    with pytest.raises(KeyboardInterrupt):
        measured([sys.executable, "-c", parent], tmp_path / "log")
    deadline = time.monotonic() + 10
    while is_running(int(pid_file.read_text())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(int(pid_file.read_text()))


def is_running(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    ("words", "is_one"),
    [
        pytest.param("java -cp jars org.apache.spark.deploy.SparkSubmit shell", True, id="spark"),
        pytest.param(
            "java -cp jars org.apache.spark.launcher.Main org.apache.spark.deploy.SparkSubmit",
            False,
            id="what-prints-its-command",
        ),
        pytest.param("java -version", False, id="a-version"),
    ],
)
def test_only_an_engine_counts_as_one(words, is_one):
    assert is_spark(words.split()) == is_one


def test_a_command_that_fails_says_where_its_words_are(tmp_path):
    failing = [sys.executable, "-c", "import sys; sys.exit('no such file')"]
    with pytest.raises(CommandFailedError, match=f"exits with 1: {tmp_path / 'log'}"):
        measured(failing, tmp_path / "log")
    assert "no such file" in (tmp_path / "log").read_text()
