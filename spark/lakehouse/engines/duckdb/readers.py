"""What landed is read by threads, or by processes of our own where there is much of it.

Reading is partly Python: threads wait for each other's turn, and whatever else this process does
waits with them. A process takes a second to start, so it stays for what comes next, and ends with
the one that started it.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow.parquet as pq

from lakehouse.errors import EngineError
from lakehouse.landing import reader
from lakehouse.landing.topic import LAYOUT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa

    from lakehouse.landing.reader import Part
    from lakehouse.spec import Source

AT_ONCE = 3
"""Tasks: more than a laptop has cores, as those of a topic wait for it."""
MUCH_BYTES = 32 << 20
RECORD_BYTES = 1_000
"""Of a record of a topic, about: nobody knows before it is read."""
_COMMAND = "from lakehouse.engines.duckdb.readers import serve; serve()"


@dataclass(frozen=True)
class Task:
    """Parts to read into a file of Parquet.

    Attributes:
        parts: What to read.
        source: What a record is.
        longest: Bytes; longer ones are rejected.
        path: The file.
    """

    parts: Sequence[Part]
    source: Source
    longest: int
    path: str

    @property
    def size(self) -> int:
        """Bytes to read, about."""
        return sum(map(_size, self.parts))

    def run(self) -> None:
        """Read."""
        rows = reader.read(self.parts, self.source, max_record_bytes=self.longest)
        write(self.path, rows, reader.schema(self.source))


def _size(part: Part) -> int:
    if part.content.layout == LAYOUT:
        return ((part.end or 0) - part.start) * RECORD_BYTES
    return part.size


def write(path: str, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> None:
    """Write rows into a file that is soon read again."""
    with pq.ParquetWriter(path, schema, compression="lz4") as writer:
        for batch in batches:
            writer.write_batch(batch)


class Readers:
    """Runs tasks side by side."""

    def __init__(self, much_bytes: int = MUCH_BYTES) -> None:
        """Start nothing.

        Args:
            much_bytes: From so much on processes read; those that are there always do.
        """
        self._much_bytes = much_bytes
        self._processes: list[_Process] = []

    def run(self, tasks: Sequence[Task]) -> None:
        """Run all tasks; ends when each has.

        Raises:
            EngineError: A process ended before its task.
        """
        if not self._processes and sum(each.size for each in tasks) >= self._much_bytes:
            self._processes = [_Process() for _ in range(AT_ONCE)]
        idle: SimpleQueue[_Process] = SimpleQueue()
        for each in self._processes:
            idle.put(each)

        def run(task: Task) -> None:
            if not self._processes:
                task.run()
                return
            process = idle.get()
            try:
                process.run(task)
            finally:
                idle.put(process)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(run, tasks))

    def close(self) -> None:
        """End what was started."""
        for each in self._processes:
            each.close()
        self._processes = []


class _Process:
    """A process that runs a task at a time; it starts with its first one."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, task: Task) -> None:
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603  # ourselves
                [sys.executable, "-P", "-c", _COMMAND],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        asked, told = self._process.stdin, self._process.stdout
        try:
            assert asked is not None  # noqa: S101  # pipes, as asked for
            assert told is not None  # noqa: S101  # same
            pickle.dump(task, asked)
            asked.flush()
            error: Exception | None = pickle.load(told)  # noqa: S301  # our own process wrote it
        except (EOFError, BrokenPipeError, pickle.UnpicklingError) as lost:
            self.close()
            raise EngineError("a process that reads what landed ended; run again") from lost
        if error is not None:
            raise error

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with suppress(BrokenPipeError):
                process.communicate()  # without a next task it ends


def serve() -> None:
    """Run tasks that come by standard input until it ends, and tell of each what went wrong."""
    # Ctrl-C is for the process that asks; this one ends with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    told = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # who prints does not disturb
    for task in _tasks(sys.stdin.buffer):
        told.write(_told(task))
        told.flush()


def _tasks(asked: BinaryIO) -> Iterator[Task]:
    with suppress(EOFError):
        while True:
            yield pickle.load(asked)  # noqa: S301  # whoever started us wrote it


def _told(task: Task) -> bytes:
    error: Any = None
    try:
        task.run()
    except Exception as failed:  # noqa: BLE001  # the other process raises it
        error = failed
    try:
        return pickle.dumps(error)
    except Exception:  # noqa: BLE001  # an error that holds what cannot be sent
        return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
