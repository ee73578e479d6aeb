"""Asks the process that judges gates, and starts it where there is none.

It is shared: Airflow runs each gate in a process of its own, and each would spend seconds of
processor time on importing Great Expectations. It listens on a socket in a folder that only its
user may enter.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import socket
import stat
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse.errors import EngineError
from lakehouse.quality import judging

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
"""Of the environment of who starts it: no secret of one run is there for the next."""
ATTEMPTS = 2
"""It may end just when it is asked."""
TOLD_LINES = 5
LONGEST_SOCKET = 100
"""Bytes of its name; systems take 103 to 107."""


def warm_up() -> None:
    """Start it, so that it is there when the first gate is."""
    _connected().close()


def verdicts(gate: judging.Gate) -> dict[str, list[bool]]:
    """Whether the number of each column was accepted, once for each expectation of it.

    Raises:
        EngineError: It went away before it had judged.
    """
    for _ in range(ATTEMPTS):
        with contextlib.suppress(ConnectionError), _connected() as connection:
            connection.sendall(json.dumps(gate).encode() + b"\n")
            if answer := connection.makefile("rb").readline():
                found: dict[str, list[bool]] = json.loads(answer)
                return found
    log = _path().with_suffix(".log")
    said = log.read_text(errors="replace").splitlines()[-TOLD_LINES:] if log.exists() else []
    message = f"{gate['name']}: Great Expectations ended before it had judged the gate; "
    raise EngineError("\n".join([f"{message}nothing was published. Run again. {log} says:", *said]))


def _connected() -> socket.socket:
    path = _path()
    connection = socket.socket(socket.AF_UNIX)
    with _alone(path):
        try:
            connection.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            path.unlink(missing_ok=True)
            _start(path)
            connection.connect(str(path))
    return connection


def _path() -> Path:
    """The socket: another one for other code or other packages.

    Raises:
        EngineError: Others may enter its folder.
    """
    packages = sysconfig.get_path("purelib")
    code = [sys.executable, judging.__file__, packages]
    moved = [Path(each).stat().st_mtime_ns for each in code]
    name = f"judge-{hashlib.sha256(repr((code, moved)).encode()).hexdigest()[:16]}.sock"
    folder = Path(tempfile.gettempdir()) / f"lakehouse-{os.getuid()}"
    if len(os.fsencode(folder / name)) > LONGEST_SOCKET:
        folder = Path("/tmp") / folder.name  # noqa: S108  # only its user may enter, see below
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise EngineError(f"{folder} is not a folder that only you may enter; remove it")
    return folder / name


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """No two processes start it at once."""
    with path.with_suffix(".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _start(path: Path) -> None:
    """Start it, already listening: who connects waits until it is there.

    By a shell that leaves it behind: it has its own session, and nobody has to wait for it.
    """
    command = [sys.executable, "-P", judging.__file__]
    with socket.socket(socket.AF_UNIX) as listening, path.with_suffix(".log").open("w") as log:
        listening.bind(str(path))
        listening.listen()
        subprocess.run(  # noqa: S603  # our own file
            ["/bin/sh", "-c", '"$@" &', "sh", *command, str(listening.fileno())],
            pass_fds=[listening.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
            env={name: os.environ[name] for name in KEPT if name in os.environ},
            check=True,
        )
