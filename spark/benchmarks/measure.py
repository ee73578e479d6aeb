"""What a command costs, by the operating system: wall and CPU seconds, memory, bytes, JVMs."""

from __future__ import annotations

import ctypes
import json
import os
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Answer = TypeVar("Answer")
LOOK_SECONDS = 0.2
END_SECONDS = 60
ALIKE = 0.9
"""Of its parent's memory: less is a process that has let go of it."""
_SPARK = "org.apache.spark.deploy.SparkSubmit"
_CHILD_SUBREAPER = 36
_LAUNCHER = "org.apache.spark.launcher.Main"


@dataclass(frozen=True)
class Cost:
    """What a process and all its descendants took.

    Attributes:
        wall_s: From start to end.
        cpu_s: User and system time.
        peak_mib: Largest sum of their resident memory, looked at five times a second; what a
            process shares with the one that it was forked from counts once.
        read_mib: Bytes that came from storage.
        written_mib: Bytes that went to storage.
        jvms: Sparks among them: what prints the command of one, or Java's version, is none.
        load: Load of the machine before it started, without it.
    """

    wall_s: float = 0
    cpu_s: float = 0
    peak_mib: float = 0
    read_mib: float = 0
    written_mib: float = 0
    jvms: int = 0
    load: float = 0


class CommandFailedError(Exception):
    """A peer did not do its work; says where its words are."""


def measured(
    command: Sequence[str], log: Path, env: Mapping[str, str] | None = None
) -> tuple[Cost, Any]:
    """Run a command that ends with a line of JSON; its cost and that line.

    Raises:
        CommandFailedError: It fails.
    """
    load, _, _ = os.getloadavg()
    began = time.perf_counter()
    seen: dict[int, _Seen] = {}
    peak = 0
    with (
        log.open("wb") as words,
        log.with_suffix(".json").open("wb") as told,
        tempfile.TemporaryDirectory() as scratch,  # nothing that an earlier one left there helps
    ):
        process = psutil.Popen(
            command,
            stdout=told,
            stderr=words,
            env=dict(env or os.environ) | {"TMPDIR": scratch},
            preexec_fn=_keep_orphans,
        )
        try:
            while process.poll() is None:
                peak = max(peak, _look(process, seen))
                time.sleep(LOOK_SECONDS)
        finally:  # interrupted: what it started would go on, and disturb the next to measure
            _end(process, seen)
    wall = time.perf_counter() - began
    if process.returncode:
        raise CommandFailedError(f"{Path(command[1]).name} exits with {process.returncode}: {log}")
    cost = Cost(
        wall_s=round(wall, 2),
        cpu_s=round(sum(each.cpu_s for each in seen.values()), 2),
        peak_mib=round(peak / 2**20),
        read_mib=round(sum(each.read for each in seen.values()) / 2**20),
        written_mib=round(sum(each.written for each in seen.values()) / 2**20),
        jvms=sum(each.is_spark for each in seen.values()),
        load=round(load, 2),
    )
    return cost, json.loads(log.with_suffix(".json").read_text().splitlines()[-1])


def _keep_orphans() -> None:
    """Stay the ancestor of what a descendant leaves behind, so that it is measured, too (Linux)."""
    ctypes.CDLL(None).prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)


def timed(action: Callable[[], Answer]) -> tuple[float, Answer]:
    """Seconds that an action takes, and its answer."""
    began = time.perf_counter()
    answer = action()
    return round(time.perf_counter() - began, 2), answer


@dataclass
class _Seen:
    """The newest known of a process, which may end before the next look."""

    process: psutil.Process
    is_spark: bool = False
    cpu_s: float = 0.0
    read: int = 0
    written: int = 0


@dataclass(frozen=True)
class _Memory:
    """Of a process, now."""

    parent: int
    command: tuple[str, ...]
    resident: int


def is_spark(command: Sequence[str]) -> bool:
    """Whether a Java command runs Spark; the launcher has Spark's class among its arguments."""
    return _SPARK in command and _LAUNCHER not in command


def _end(process: psutil.Process, seen: Mapping[int, _Seen]) -> None:
    """Kill a process and its descendants, also those it left behind, if they still run."""
    ours = {process, *(known.process for known in seen.values())}
    with suppress(psutil.Error):
        ours |= set(process.children(recursive=True))
    for each in ours:
        with suppress(psutil.Error):
            each.kill()  # never another one that has its number now
    psutil.wait_procs(ours, timeout=END_SECONDS)


def _look(process: psutil.Process, seen: dict[int, _Seen]) -> int:
    now: dict[int, _Memory] = {}
    with suppress(psutil.Error):
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.Error):
                known = seen.setdefault(each.pid, _Seen(each))
                with each.oneshot():
                    times, io, command = each.cpu_times(), each.io_counters(), each.cmdline()
                    known.is_spark |= each.name() == "java" and is_spark(command)
                    known.cpu_s = times.user + times.system
                    known.read, known.written = io.read_bytes, io.write_bytes
                    now[each.pid] = _Memory(each.ppid(), tuple(command), each.memory_info().rss)
    return sum(memory.resident for memory in now.values() if not _is_shared(memory, now))


def _is_shared(memory: _Memory, now: Mapping[int, _Memory]) -> bool:
    """Whether a process was just forked: until it runs a program of its own, all is its parent's.

    A JVM does so for each small command it starts, as Spark's memory metrics do every second, and
    would count twice.
    """
    parent = now.get(memory.parent)
    return (
        parent is not None
        and memory.command == parent.command
        and memory.resident > ALIKE * parent.resident
    )
