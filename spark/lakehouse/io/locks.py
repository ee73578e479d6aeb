"""One writer per table: an advisory lock with a fencing token.

Delta on a local file system is only safe inside one JVM: two processes can commit the same version.
The kernel drops the lock when its holder dies, so a crash leaves nothing to clean up. The token
grows by one with every holder and stands in the commits a holder makes: whoever was paused or cut
off from the engine cannot publish over a later holder's work.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse.errors import LockedError, StorageError
from lakehouse.io.files import storage_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakehouse.settings import Settings

POLL_SECONDS = 0.2
SHORT_POLL_SECONDS = 0.005


def lock_folder(settings: Settings) -> Path:
    """Where lock files live: in a local lake's `ops/locks`, else in the user's state folder."""
    if settings.lock_dir:
        return Path(settings.lock_dir)
    if not settings.is_remote:
        return Path(settings.root_uri) / "ops" / "locks"
    state = Path(os.environ.get("XDG_STATE_HOME", "~/.local/state")).expanduser()
    return state / "lakehouse" / hashlib.sha256(settings.root_uri.encode()).hexdigest()[:16]


@contextlib.contextmanager
def table_lock(settings: Settings, table: str) -> Iterator[int]:
    """Hold the table's lock; yields the fencing token.

    Raises:
        LockedError: Another process holds it for longer than `LAKEHOUSE_LOCK_TIMEOUT_S`.
    """
    path = lock_folder(settings) / f"{table}.lock"
    handle = _opened(path)
    try:
        with storage_errors(str(path)):
            _acquire(handle, table, settings.lock_timeout_s)
            token = _next_token(handle)
        yield token
    finally:
        os.close(handle)  # also releases the lock


@contextlib.contextmanager
def file_lock(path: Path, what: str, timeout_s: float) -> Iterator[None]:
    """Hold the lock of a file, which is made if need be; for work of milliseconds.

    Raises:
        LockedError: Another process, or another thread of this one, holds it for longer.
    """
    handle = _opened(path)
    try:
        if not _taken(handle, timeout_s, SHORT_POLL_SECONDS):
            message = f"{what} is held by another process for more than {timeout_s:g} s"
            raise LockedError(f"{message}; end it, or wait", path=str(path))
        yield
    finally:
        os.close(handle)  # also releases the lock


def _opened(path: Path) -> int:
    """The file of a lock, made if need be."""
    with storage_errors(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)


def _taken(handle: int, timeout_s: float, poll_s: float) -> bool:
    """Whether the lock could be had in time."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(poll_s)
        else:
            return True


@contextlib.contextmanager
def all_tables_free(settings: Settings) -> Iterator[bool]:
    """Hold the lock of every table there is; yields False when somebody holds one of them."""
    handles = []
    try:
        for path in sorted(lock_folder(settings).glob("*.lock")):
            handles.append(os.open(path, os.O_RDWR))
            fcntl.flock(handles[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        for handle in handles:
            os.close(handle)


def _acquire(handle: int, table: str, timeout_s: float) -> None:
    if not _taken(handle, timeout_s, POLL_SECONDS):
        holder = _read(handle).partition(" ")[2] or "unknown"
        message = (
            f"{table} is being written by another process (pid {holder}); run again "
            "when it is done, or set LAKEHOUSE_LOCK_TIMEOUT_S to wait for it"
        )
        raise LockedError(message, table=table, pid=holder)


def _next_token(handle: int) -> int:
    text = _read(handle).partition(" ")[0]
    token = int(text) + 1 if text.isdigit() else 1
    content = f"{token} {os.getpid()}".encode()
    os.lseek(handle, 0, os.SEEK_SET)
    if os.write(handle, content) != len(content):
        message = "cannot write the lock file; is the disk full?"
        raise StorageError(message)
    os.ftruncate(handle, len(content))
    os.fsync(handle)
    return token


def _read(handle: int) -> str:
    os.lseek(handle, 0, os.SEEK_SET)
    return os.read(handle, 64).decode(errors="replace")
