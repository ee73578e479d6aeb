"""Servers that a script starts in process groups of their own, and stops to the last process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from lakehouse.engines.ports import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PROJECT = Path(__file__).resolve().parents[1]
STOP_SECONDS = 30


class StartError(Exception):
    """Something did not start; says what, and which log to read."""


@dataclass(frozen=True)
class ProcessGroups:
    """The servers of one home folder: their logs and `pids.json` are there.

    Args:
        home: The folder.
        env: Environment of every process.
        cwd: Working folder of every process.
    """

    home: Path
    env: Mapping[str, str]
    cwd: Path

    def start(self, commands: Mapping[str, Sequence[str]]) -> None:
        """Start commands by name, besides those that run already; `<name>.log` takes the output."""
        groups = self._groups()
        for name, command in commands.items():
            with (self.home / f"{name}.log").open("wb") as log:
                process = subprocess.Popen(  # noqa: S603  # our own commands
                    command,
                    cwd=self.cwd,
                    env=self.env,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # a group of its own, so that all of it can be stopped
                )
            groups[name] = process.pid
            # At once, so that an interrupted start can be stopped.
            self._pids.write_text(json.dumps(groups))

    def run(self, name: str, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        """Run a command to its end; `<name>.log` takes the output.

        Raises:
            StartError: It fails.
        """
        with (self.home / f"{name}.log").open("wb") as log:
            done = subprocess.run(  # noqa: S603  # our own commands
                command,
                cwd=self.cwd,
                env={**self.env, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode:
            shown = " ".join([Path(command[0]).name, *command[1:]])
            raise StartError(f"`{shown}` exited with {done.returncode}, see {name}.log")

    def wait(self, waiting: Mapping[str, Callable[[], bool]], *, seconds: float) -> None:
        """Wait until every name's question is answered with yes, and say each.

        Raises:
            StartError: A group ended, or the time is over.
        """
        deadline = time.monotonic() + seconds
        left = dict(waiting)
        while left:
            for name, group in self._groups().items():
                if not _members(group):
                    raise StartError(f"{name} stopped, see {name}.log")
            for name in [name for name, ready in left.items() if ready()]:
                say(f"    {name} answers")
                del left[name]
            if time.monotonic() > deadline:
                raise StartError(f"no answer from {', '.join(left)} after {seconds:.0f} s")
            time.sleep(1)

    def ended(self) -> list[str]:
        """Names of those that were started and of which no process runs any more."""
        return [name for name, group in self._groups().items() if not _members(group)]

    def are_alive(self) -> bool:
        """Whether any process of them runs."""
        return any(_members(group) for group in self._groups().values())

    def stop(self) -> bool:
        """Stop every process of every group; says whether there was one."""
        family = [each for group in self._groups().values() for each in _members(group)]
        for group in self._groups().values():
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGTERM)
        _, alive = psutil.wait_procs(family, timeout=STOP_SECONDS)
        for each in alive:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(alive, timeout=STOP_SECONDS)
        self._pids.unlink(missing_ok=True)
        return bool(family)

    @property
    def _pids(self) -> Path:
        return self.home / "pids.json"

    def _groups(self) -> dict[str, int]:
        if not self._pids.exists():
            return {}
        return dict(json.loads(self._pids.read_text()))


@dataclass(frozen=True)
class Place:
    """Where a service of this machine lives and how its processes are told so.

    Args:
        home: Its folder.
        port: Where it listens, on loopback.
        env: Environment of its processes.
    """

    home: Path
    port: int
    env: dict[str, str]

    @property
    def url(self) -> str:
        """Where people and programs find it."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def servers(self) -> ProcessGroups:
        """What starts and stops it."""
        return ProcessGroups(self.home, self.env, PROJECT)


def say(text: str) -> None:
    """Tell whoever waits, at once."""
    print(text, flush=True)


def _members(group: int) -> list[psutil.Process]:
    """Every process of a group we started, and their descendants."""
    found = set()
    for each in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(each.pid) == group:
                found |= {each, *each.children(recursive=True)}
    return list(found)
