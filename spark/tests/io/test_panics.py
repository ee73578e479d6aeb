"""What native code prints waits, and goes with the panic that it belongs to."""

from __future__ import annotations

import os
import shutil

import pytest

from lakehouse.errors import StorageError
from lakehouse.io import files, panics

FULL = OSError(28, "No space left on device")


def work(capfd, error=None):
    with panics.held_back("/lake"):
        os.write(2, b"thread panicked")
        assert capfd.readouterr().err == "", "it waits"
        if error:
            raise error


def test_what_is_printed_comes_afterwards(capfd):
    work(capfd)
    os.write(2, b", and after")
    assert capfd.readouterr().err == "thread panicked, and after"


@pytest.mark.parametrize(
    ("error", "shown"), [(FULL, ""), (ValueError("a bug"), "thread panicked")], ids=["full", "bug"]
)
def test_what_comes_with_a_full_disk_is_dropped_and_with_any_other_error_kept(capfd, error, shown):
    with pytest.raises(type(error)):
        work(capfd, error)
    assert capfd.readouterr().err == shown


@pytest.mark.parametrize(("free", "is_full"), [(0, True), (files.ROOM, False)])
def test_without_room_for_a_commit_nothing_is_tried(tmp_path, monkeypatch, free, is_full):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, free))
    place = str(tmp_path / "not" / "there" / "yet")
    if not is_full:
        files.assert_room(place)
        return
    with pytest.raises(StorageError, match="no space left"):
        files.assert_room(place)
