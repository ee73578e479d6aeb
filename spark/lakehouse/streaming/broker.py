"""A Kafka broker of the lake's own, from its Maven jars: for whoever runs none.

It lives in `<root>/.kafka`, listens on loopback alone, and is one process (KRaft: broker and
controller in one). It outlives the command that started it; killed and started again it has its
messages, its cluster id and, unless somebody took it meanwhile, its port.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import signal
import subprocess
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from lakehouse.engines.ports import LOOPBACK, is_taken
from lakehouse.engines.spark.java import java_environment
from lakehouse.errors import BrokerError
from lakehouse.io import kafka
from lakehouse.io.files import storage_errors
from lakehouse.streaming.jars import class_path
from lakehouse.streaming.server_properties import (
    DATA,
    LOG,
    logging_properties,
    server_properties,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lakehouse.io.kafka import Spot
    from lakehouse.settings import Settings

FORMATTER = "kafka.tools.StorageTool"
START_SECONDS = 120
STOP_SECONDS = 60
KILL_SECONDS = 10
LET_GO_SECONDS = 3
"""How long a broker that was killed a moment ago may still hold its ports."""
POLL_SECONDS = 0.1
LOWEST_PORT, N_PAIRS = 20_000, 6_000
"""Below what systems hand out to outgoing connections: one of those cannot take a broker's port."""
MEMORY = ("-Xms256m", "-Xmx512m", "-XX:+ExitOnOutOfMemoryError")
QUICK = ("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
# What Java writes itself goes to a file of its own, as the log changes its name when it is full.
_IN_THE_BACKGROUND = 'out=$1; shift; "$@" >"$out" 2>&1 </dev/null & echo $!'


@dataclass(frozen=True)
class Broker:
    """Where the broker of a lake is.

    Attributes:
        home: Its folder.
    """

    home: Path

    @classmethod
    def of(cls, settings: Settings) -> Broker:
        """The broker of this lake, there or not.

        Raises:
            ConfigError: The lake is on an object store: no folder to put a broker in.
        """
        return cls(kafka.own_home(settings))

    @property
    def data(self) -> Path:
        """Kafka's own folder: messages, offsets of consumers, the cluster id."""
        return self.home / DATA

    @property
    def log(self) -> Path:
        """What it says."""
        return self.home / LOG

    @property
    def bootstrap(self) -> str | None:
        """Where clients reach it, as host:port; None when it does not run."""
        spot = kafka.running(self.home)
        return spot.bootstrap if spot else None

    def up(self) -> bool:
        """Start it when it does not run, and wait until it answers; whether it had to be started.

        Raises:
            ConfigError: This machine has no Java, or Kafka's jars cannot be had.
            BrokerError: It does not start; names its log.
            StorageError: Its folder cannot be made.
        """
        with storage_errors(str(self.home)):
            self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._one_at_a_time():
            spot = kafka.running(self.home)
            if spot and self._answers(spot):
                return False
            if not self._answers(self._start()):
                raise BrokerError(f"Kafka does not start: {self._last_words()}")
            return True

    def down(self) -> bool:
        """Stop it, with all that it was told on disk; whether it ran.

        Raises:
            BrokerError: It does not end.
        """
        if not self.home.exists():
            return False
        with self._one_at_a_time():
            spot = kafka.running(self.home)
            if spot is None:
                return False
            for number, patience in (
                (signal.SIGTERM, STOP_SECONDS),
                (signal.SIGKILL, KILL_SECONDS),
            ):
                with suppress(ProcessLookupError):
                    os.kill(spot.pid, number)
                if _soon(lambda: _is_gone(spot.pid), patience):
                    return True
        raise BrokerError(f"process {spot.pid} of Kafka does not end; see {self.log}")

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        """Two commands side by side start one broker; the kernel lets go of a killed one's lock."""
        with (self.home / "lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _start(self) -> Spot:
        classes = class_path()
        bootstrap, controller = self._addresses()
        there = kafka.Spot(0, bootstrap, controller)
        kafka.properties_file(self.home).write_text(server_properties(there))
        (self.home / "log4j2.properties").write_text(logging_properties())
        if not (self.data / "meta.properties").exists():
            self._format(classes)
        command = _java(classes, *MEMORY, kafka.MAIN_CLASS, str(kafka.properties_file(self.home)))
        # Through a shell that ends at once: the broker is nobody's child, and nobody's to wait for.
        started = subprocess.run(  # noqa: S603  # our own broker
            ["/bin/sh", "-c", _IN_THE_BACKGROUND, "sh", str(self._output), *command],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            cwd=self.home,
            env=_environment(),
            start_new_session=True,
        )
        spot = kafka.Spot(int(started.stdout), bootstrap, controller)
        kafka.remember(self.home, spot)  # at once, so that an interrupted start can be stopped
        return spot

    def _format(self, classes: str) -> None:
        """Give the data folder its cluster id. Kafka writes that last, so half of it counts not."""
        identity = bytearray(uuid.uuid4().bytes)
        identity[0] &= 0x7F  # its first letter must not be a dash, which would make it an option
        name = base64.urlsafe_b64encode(identity).decode().rstrip("=")
        properties = kafka.properties_file(self.home).name
        with self._output.open("w") as output:
            done = subprocess.run(  # noqa: S603  # our own broker
                _java(
                    *(classes, *QUICK, FORMATTER, "format", "--ignore-formatted"),
                    *("--config", properties, "--cluster-id", name),
                ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                cwd=self.home,
                env=_environment(),
            )
        if done.returncode:
            raise BrokerError(f"Kafka cannot make its folder {self.data}: {self._last_words()}")

    def _answers(self, spot: Spot) -> bool:
        """Wait until it answers; False when its process ended meanwhile, as one that is killed."""
        deadline = time.monotonic() + START_SECONDS
        while not _has_brokers(spot.bootstrap):
            if kafka.running(self.home) is None:
                return False
            if time.monotonic() > deadline:
                message = f"Kafka does not answer at {spot.bootstrap} after {START_SECONDS} s"
                raise BrokerError(f"{message}; it may still be starting, see {self.log}")
            time.sleep(POLL_SECONDS)
        return True

    def _addresses(self) -> tuple[str, str]:
        """Of clients and of itself: as before where nobody took them, so that clients go on."""
        before = kafka.remembered(self.home)
        if before:
            pair = before.bootstrap, before.controller
            if _soon(lambda: not any(map(_is_taken, pair)), LET_GO_SECONDS):
                return pair
        digest = hashlib.blake2b(str(self.home).encode(), digest_size=4).digest()
        first = int.from_bytes(digest)
        for number in range(first, first + N_PAIRS):
            port = LOWEST_PORT + 2 * (number % N_PAIRS)
            pair = f"{LOOPBACK}:{port}", f"{LOOPBACK}:{port + 1}"
            if not any(map(_is_taken, pair)):
                return pair
        raise BrokerError("no port is free for Kafka")

    @property
    def _output(self) -> Path:
        """What Java says before there is a log, and when it dies."""
        return self.home / "java.out"

    def _last_words(self) -> str:
        for path in (self._output, self.log):
            with suppress(OSError):
                lines = path.read_text(errors="replace").strip().splitlines()[-5:]
                if lines:
                    return f"{path} ends with\n" + "\n".join(lines)
        return f"it says nothing in {self.home}"


def _java(classes: str, *arguments: str) -> list[str]:
    java = Path(java_environment()["JAVA_HOME"]) / "bin" / "java"
    logging = "-Dlog4j2.configurationFile=log4j2.properties"
    return [str(java), "-cp", classes, logging, "-Duser.timezone=UTC", *arguments]


def _environment() -> dict[str, str]:
    """Nothing of ours, such as passwords, in a process that stays."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _is_taken(address: str) -> bool:
    return is_taken(int(address.rpartition(":")[2]))


def _soon(is_so: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _is_gone(pid: int) -> bool:
    """Whether it ended, with what it held: its first thread can be gone before its files are."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
    return True


def _has_brokers(bootstrap: str) -> bool:
    if not _is_taken(bootstrap):
        return False
    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})  # it would tell stderr
    try:
        return bool(client.list_topics(timeout=1).brokers)
    except KafkaException:
        return False
