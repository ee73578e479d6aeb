"""What a command costs is seen from outside, its children's part too."""

from __future__ import annotations

import sys

import pytest

from benchmarks.measure import CommandFailedError, measured

CHILD = "x = bytearray(200 << 20); import time; t = time.process_time()\n"
CHILD += "while time.process_time() - t < 1: pass"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}]); print('[7]')"


def test_what_a_child_takes_counts_for_the_command(tmp_path):
    cost, told = measured([sys.executable, "-c", PARENT], tmp_path / "log")
    assert told == [7]
    assert cost.cpu_s >= 0.5  # it ends between two looks
    assert cost.wall_s >= 1
    assert cost.peak_mib >= 200
    assert cost.jvms == 0


def test_a_command_that_fails_says_where_its_words_are(tmp_path):
    failing = [sys.executable, "-c", "import sys; sys.exit('no such file')"]
    with pytest.raises(CommandFailedError, match=f"exits with 1: {tmp_path / 'log'}"):
        measured(failing, tmp_path / "log")
    assert "no such file" in (tmp_path / "log").read_text()
