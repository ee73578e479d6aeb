"""One writer per table, also across processes; tokens only grow."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lakehouse.errors import LockedError
from lakehouse.io.locks import lock_folder, table_lock
from lakehouse.settings import load_settings


@pytest.fixture
def settings(tmp_path):
    return load_settings(root=str(tmp_path))


def test_the_second_holder_is_refused_and_told_who_holds_it(settings):
    with (
        table_lock(settings, "silver.x"),
        pytest.raises(LockedError) as raised,
        table_lock(settings, "silver.x"),
    ):
        pass
    assert raised.value.exit_code == 75
    assert raised.value.details["pid"].isdigit()


def test_other_tables_are_free(settings):
    with table_lock(settings, "silver.x"), table_lock(settings, "silver.y"):
        pass


def test_every_holder_gets_a_larger_token(settings):
    tokens = []
    for _ in range(12):
        with table_lock(settings, "silver.x") as token:
            tokens.append(token)
    assert tokens == list(range(1, 13))


def test_a_dead_holder_leaves_nothing_behind(settings):
    script = (
        "import os, sys; from lakehouse.settings import load_settings; "
        "from lakehouse.io.locks import table_lock\n"
        "with table_lock(load_settings(root=sys.argv[1]), 'silver.x'): os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", script, settings.root], check=False)
    assert done.returncode == -9
    with table_lock(settings, "silver.x") as token:
        assert token == 2


def test_it_waits_when_told_to(tmp_path):
    patient = load_settings(root=str(tmp_path), lock_timeout_s=0.5)
    with (
        table_lock(patient, "silver.x"),
        pytest.raises(LockedError),
        table_lock(patient, "silver.x"),
    ):
        pass


def test_a_remote_root_keeps_its_locks_on_this_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert lock_folder(load_settings(root="s3a://bucket/lake")).is_relative_to(tmp_path)
    chosen = load_settings(root="s3a://bucket/lake", lock_dir=str(tmp_path / "shared"))
    assert lock_folder(chosen) == tmp_path / "shared"
