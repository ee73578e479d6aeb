"""What delta-rs prints when it panics on a full disk: a backtrace, where our error tells all."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
from typing import TYPE_CHECKING

from lakehouse.errors import StorageError
from lakehouse.io.files import explained

if TYPE_CHECKING:
    from collections.abc import Iterator

_ONE = threading.RLock()


@contextlib.contextmanager
def held_back(uri: str) -> Iterator[None]:
    """Standard error waits while delta-rs writes; it is dropped where the storage is to blame."""
    with _ONE, _standard_error_waits() as waiting:
        try:
            yield
        except Exception as error:
            if isinstance(explained(error, uri), StorageError):
                os.ftruncate(waiting, 0)
            raise


def _in_memory() -> int:
    """A file that needs no room on any disk, where the system has such."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("stderr")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


@contextlib.contextmanager
def _standard_error_waits() -> Iterator[int]:
    sys.stderr.flush()
    ours, waiting = os.dup(2), _in_memory()
    os.dup2(waiting, 2)
    try:
        yield waiting
    finally:
        sys.stderr.flush()
        os.dup2(ours, 2)
        os.lseek(waiting, 0, os.SEEK_SET)
        while said := os.read(waiting, 1 << 16):
            os.write(2, said)
        os.close(waiting)
        os.close(ours)
