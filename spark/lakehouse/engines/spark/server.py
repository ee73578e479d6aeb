"""The shared engine: one warm Spark Connect server for many short tasks.

A task attaches in a second or two, where a Spark of its own takes ten to twenty. The supervisor
starts the server, watches it, and starts it again when it dies, stops answering, or has grown too
large; what was running then fails with a retryable error, and a retry heals it (law 5).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pyspark

from lakehouse.engines.ports import LOOPBACK, engine_address, is_here, next_free
from lakehouse.engines.spark.java import java_environment
from lakehouse.engines.spark.memory import engine_limit
from lakehouse.engines.spark.session import KNOCK_SECONDS, knock, spark_conf
from lakehouse.errors import ConfigError, EngineError
from lakehouse.io.locks import all_tables_free, lock_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lakehouse.settings import Settings

SERVER_CLASS = "org.apache.spark.sql.connect.service.SparkConnectServer"
START_SECONDS = 180
WATCH_SECONDS = 5.0
PROBE_EVERY_SECONDS = 60
PROBE_SECONDS = 120
"""How long a busy server may take to answer one trivial query before it counts as hanging."""
GIB = 1 << 30
PAUSES = (1, 2, 5, 15, 60)
"""Seconds before each start in a row that failed."""

SERVER_CONF = {
    # A client that was killed is gone for good: stop what it started instead of writing on.
    "spark.connect.execute.manager.detachedTimeout": "10s",
    "spark.connect.execute.manager.maintenanceInterval": "5s",
    # Its session holds temporary views and cached plans.
    "spark.connect.session.manager.defaultSessionTimeout": "10m",
    "spark.connect.session.manager.maintenanceInterval": "30s",
}


@dataclass
class Server:
    """One Connect server process on this machine.

    Args:
        settings: Root, memory and Spark settings of the engine.
        host: Address to listen on.
        port: Port.
        log: File that takes what Java prints.
    """

    settings: Settings
    host: str
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """What LAKEHOUSE_SPARK_REMOTE must say."""
        return f"sc://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            EngineError: It exits or does not answer in time; shows the end of its log.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as stream:
            self.process = subprocess.Popen(  # noqa: S603  # our own engine
                _command(self.settings, self.host, self.port),
                env=os.environ | java_environment() | {"SPARK_LOCAL_IP": LOOPBACK, "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not answers(self.url, PROBE_SECONDS, lambda: self.is_alive):
            if not self.is_alive or time.monotonic() > deadline:
                self.stop()
                tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
                raise EngineError(f"the shared engine does not start; {self.log} ends with\n{tail}")
            time.sleep(0.3)

    def stop(self) -> None:
        """End the server and everything it started."""
        if self.process is None:
            return
        for number, patience in ((signal.SIGTERM, 20), (signal.SIGKILL, 20)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
                break
        self.process = None

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    @property
    def memory_bytes(self) -> int:
        """Resident memory of the server and its children."""
        if self.process is None:
            return 0
        with contextlib.suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self.process.pid)
            family = [parent, *parent.children(recursive=True)]
            return sum(each.memory_info().rss for each in family)
        return 0


def serve(settings: Settings, host: str, tell: Callable[[str], None]) -> None:
    """Run the shared engine until a signal ends this process.

    Raises:
        ConfigError: LAKEHOUSE_SPARK_REMOTE does not name a port of this machine, or the port is
            taken.
        EngineError: The first start fails.
    """
    server = Server(settings, host, local_port(settings), engine_log(settings))
    with contextlib.suppress(OSError):
        knock(server.url, KNOCK_SECONDS)
        raise ConfigError(
            f"port {server.port} is taken; is an engine running (`lakehouse engine status`)?"
            f" To use another port: LAKEHOUSE_SPARK_REMOTE=sc://{LOOPBACK}:{next_free(server.port)}"
        )
    with _ended_by_signal():
        try:
            server.start()
            tell(f"the engine answers at {server.url}")
            _watch(server, tell)
        except KeyboardInterrupt:
            tell("stopping the engine")
        finally:
            server.stop()


def _watch(server: Server, tell: Callable[[str], None]) -> None:
    """Keep the server answering; ends only by an exception."""
    limit = engine_limit(server.settings)
    probed = time.monotonic()
    while True:
        time.sleep(WATCH_SECONDS)
        due = time.monotonic() > probed + PROBE_EVERY_SECONDS
        probed = time.monotonic() if due else probed
        hangs = due and not answers(server.url, PROBE_SECONDS, lambda: server.is_alive)
        if not server.is_alive:
            _restart(server, "it died", tell)
        elif hangs:
            _restart(server, f"it did not answer for {PROBE_SECONDS} s", tell)
        elif server.memory_bytes > limit:
            # Between two tasks: whoever wants to write meanwhile waits for the lock.
            with all_tables_free(server.settings) as free:
                if free:
                    size = f"{server.memory_bytes / GIB:.1f} GiB"
                    _restart(server, f"it has grown to {size}", tell)


def _restart(server: Server, why: str, tell: Callable[[str], None]) -> None:
    tell(f"starting the engine again: {why}")
    server.stop()
    for pause in (*PAUSES, None):
        try:
            server.start()
        except EngineError as error:
            if pause is None:
                raise
            tell(f"{error}\ntrying again in {pause} s")
            time.sleep(pause)
        else:
            tell(f"the engine answers at {server.url}")
            return


def answers(url: str, timeout_s: float, is_alive: Callable[[], bool] = lambda: True) -> bool:
    """Whether a Connect server completes a trivial query in time.

    Asked in a process of its own: a hanging server can hang a client in this one for ever, and one
    that died meanwhile leaves its client trying again until the time is up.

    Args:
        url: Of the server.
        timeout_s: Seconds it may take.
        is_alive: Whether asking still makes sense.
    """
    try:
        knock(url, KNOCK_SECONDS)
    except OSError:
        return False
    code = (
        "import sys; from pyspark.sql import SparkSession; "
        "s = SparkSession.builder.remote(sys.argv[1]).create(); "
        "s.range(1).collect(); s.stop()"
    )
    client = subprocess.Popen(  # noqa: S603  # ourselves
        [sys.executable, "-c", code, url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + timeout_s
    try:
        while client.poll() is None and is_alive() and time.monotonic() < deadline:
            time.sleep(0.1)
        return client.returncode == 0
    finally:
        client.kill()
        client.wait()


def local_port(settings: Settings) -> int:
    """The port of this machine that LAKEHOUSE_SPARK_REMOTE names; 15002 when it is not set.

    Raises:
        ConfigError: It names another machine.
    """
    host, port = engine_address(settings.spark_remote)
    if not is_here(host):
        raise ConfigError(
            f"LAKEHOUSE_SPARK_REMOTE={settings.spark_remote} is the engine of another machine; "
            "unset it to start one here"
        )
    return port


def engine_log(settings: Settings) -> Path:
    """Where the server's output goes: beside the locks, on this machine even for a remote lake."""
    return lock_folder(settings).parent / "engine.log"


def _command(settings: Settings, host: str, port: int) -> list[str]:
    conf = SERVER_CONF | spark_conf(settings)
    conf["spark.connect.grpc.binding.address"] = host
    conf["spark.connect.grpc.binding.port"] = str(port)
    pairs = [part for key, value in conf.items() for part in ("--conf", f"{key}={value}")]
    submit = Path(pyspark.__file__).parent / "bin" / "spark-submit"
    memory = ("--driver-memory", conf["spark.driver.memory"])
    return [str(submit), "--class", SERVER_CLASS, *memory, *pairs]


@contextlib.contextmanager
def _ended_by_signal() -> Iterator[None]:
    """SIGTERM ends us the way Ctrl-C does."""

    def end(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
