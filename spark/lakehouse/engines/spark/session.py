"""The only builder of a Spark session: local, on a cluster, or attached to a Connect server."""

from __future__ import annotations

import contextlib
import getpass
import logging
import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from py4j.protocol import Py4JError

from lakehouse.engines.ports import engine_address
from lakehouse.engines.spark.classes import java_options
from lakehouse.engines.spark.jars import jar_paths, needed
from lakehouse.engines.spark.java import java_environment
from lakehouse.engines.spark.memory import driver_memory
from lakehouse.errors import ConfigError, EngineError
from lakehouse.settings import CONF_DIR, Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

APP_NAME = "lakehouse"
PARTITIONS = "spark.sql.shuffle.partitions"
HOST_KEYS = ("spark.driver.host", "spark.driver.bindAddress")
KNOCK_SECONDS = 10
SMALL_BYTES = 64 * 2**20
"""Of a lake and its landing files: below it Java's second compiler costs more than it gives."""
PARTITION_BYTES = 128 * 2**20
"""Of a lake and its landing files, to a partition of what is shuffled: a task's memory holds it."""
MOST_PARTITIONS = 256
FIRST_COMPILER_ONLY = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m"
"""With room for what it makes: by default of 48 MB, which a run of all tables fills."""
# What gRPC and a server that was started again say of a session they do not know.
LOST = (
    "UNAVAILABLE",
    "SESSION_NOT_FOUND",
    "SESSION_CHANGED",
    "SESSION_CLOSED",
    "RETRIES_EXCEEDED",
    "OPERATION_ABANDONED",
)


def spark_conf(settings: Settings) -> dict[str, str]:
    """Settings of a session that we start ourselves: conf file, object store, then the user's.

    Raises:
        ConfigError: An entry of `spark-defaults.conf` or LAKEHOUSE_SPARK_CONF has no value.
    """
    conf = _read_defaults()
    conf["spark.master"] = settings.spark_master
    if not settings.spark_master.startswith("local"):
        for key in HOST_KEYS:  # executors on other machines must find the driver
            conf.pop(key, None)
    conf["spark.driver.memory"] = driver_memory(settings)
    jars = jar_paths(needed(settings.root_uri, settings.raw_uri))
    # The driver also has Delta on its class path, the only place whose classes an archive can hold.
    conf["spark.driver.extraClassPath"] = ":".join(str(path) for path in jar_paths())
    conf["spark.driver.defaultJavaOptions"] += f" {java_options()}"
    conf["spark.jars"] = ",".join(str(path) for path in jars)
    partitions = min(_bytes_here(settings) // PARTITION_BYTES, MOST_PARTITIONS)
    conf[PARTITIONS] = str(max(int(conf[PARTITIONS]), partitions))
    if settings.event_log:
        conf |= _event_log(settings.event_log)
    if endpoint := os.environ.get("AWS_ENDPOINT_URL"):
        conf["spark.hadoop.fs.s3a.endpoint"] = endpoint
        conf["spark.hadoop.fs.s3a.path.style.access"] = "true"
    for pair in filter(None, (part.strip() for part in settings.spark_conf.split(";"))):
        key, separator, value = pair.partition("=")
        if not separator:
            message = f"LAKEHOUSE_SPARK_CONF: '{pair}' is not key=value"
            raise ConfigError(message)
        conf[key.strip()] = value.strip()
    return conf


def _event_log(folder: str) -> dict[str, str]:
    """Spark writes down what it does, with the memory of each stage."""
    uri = folder
    if "://" not in folder:
        path = Path(folder).expanduser().resolve()
        path.mkdir(parents=True, exist_ok=True)
        uri = path.as_uri()
    return {
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": uri,
        "spark.eventLog.logStageExecutorMetrics": "true",
        # Resident memory, too; looked at each second, as most stages end before a heartbeat (10 s).
        "spark.executor.processTreeMetrics.enabled": "true",
        "spark.executor.metrics.pollingInterval": "1s",
    }


def attach(settings: Settings) -> SparkSession:
    """A new session on the Connect server; its owner stops it.

    Left to the garbage collector, its channel may wait for ever for a call that nobody answers.

    Raises:
        EngineError: The Connect server does not answer.
    """
    from pyspark.sql import SparkSession  # noqa: PLC0415  # 0.5 s that `--help` need not pay

    try:
        knock(settings.spark_remote, KNOCK_SECONDS)
        session = SparkSession.builder.remote(settings.spark_remote).create()
    except Exception as error:
        message = (
            f"LAKEHOUSE_SPARK_REMOTE={settings.spark_remote} does not answer ({error}); "
            "`lakehouse engine start` starts one here"
        )
        raise EngineError(message) from error
    # A checkpointed frame comes back in the thread's active session, which otherwise stays the
    # first that the thread made: the next table's frames would not be found.
    type(session)._active_session.session = session  # type: ignore[attr-defined]  # noqa: SLF001  # there is no other way
    return session


def start_session(settings: Settings) -> SparkSession:
    """Start or attach to the engine.

    Raises:
        ConfigError: No Java, or jars are missing.
        EngineError: The Connect server does not answer.
    """
    from pyspark.sql import SparkSession  # noqa: PLC0415  # see attach

    if settings.spark_remote:
        return attach(settings)
    os.environ.update(java_environment())
    os.environ.setdefault("TZ", "UTC")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    # Every failed query as one huge line of JSON; our errors say what matters.
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
    builder = SparkSession.builder.appName(APP_NAME)
    conf = spark_conf(settings)
    if _is_small(settings):
        conf["spark.driver.defaultJavaOptions"] += f" {FIRST_COMPILER_ONLY}"
    for key, value in conf.items():
        builder = builder.config(key, value)
    try:
        return builder.getOrCreate()
    except Exception as error:
        message = (
            "the engine does not start; check "
            f"LAKEHOUSE_SPARK_MASTER={settings.spark_master}, "
            f"LAKEHOUSE_DRIVER_MEMORY={driver_memory(settings)} and "
            f"LAKEHOUSE_SPARK_CONF={settings.spark_conf}: {str(error).splitlines()[0]}"
        )
        raise ConfigError(message) from error


def _is_small(settings: Settings) -> bool:
    """Whether an engine of our own will have little to read; elsewhere than here may be much."""
    is_here = "://" not in settings.root_uri + settings.raw_uri
    is_ours = settings.spark_master.startswith("local")
    return is_ours and is_here and _bytes_here(settings) <= SMALL_BYTES


def _bytes_here(settings: Settings) -> int:
    """Bytes of the lake and its landing files, as far as they are on this machine."""
    root, raw = settings.root_uri, settings.raw_uri
    found = 0
    for place in {root} if Path(raw).is_relative_to(root) else {root, raw}:
        for folder, _, names in os.walk(place):
            for name in names:
                with contextlib.suppress(OSError):  # it went meanwhile
                    found += Path(folder, name).stat().st_size
            if found > MOST_PARTITIONS * PARTITION_BYTES:  # enough to know
                return found
    return found


def relabel(spark: SparkSession, before: str | None, after: str | None) -> None:
    """Give the jobs that this thread starts from now on another label.

    A classic session has a description, of the thread; over Connect only tags reach the jobs.
    """
    if "connect" in type(spark).__module__:
        if before is not None:
            spark.removeTag(before)
        if after is not None:
            spark.addTag(after)
        return
    # An engine that died says so where it was asked to work; a label must not hide that.
    with contextlib.suppress(Py4JError, OSError):
        spark.sparkContext.setLocalProperty("spark.job.description", after)  # type: ignore[arg-type]  # None removes it


def knock(remote: str, timeout_s: float) -> None:
    """Fail at once where nothing listens; the client itself would retry for ten minutes.

    Raises:
        OSError: Nothing listens there.
    """
    socket.create_connection(engine_address(remote), timeout_s).close()


def engine_went_away(error: BaseException) -> EngineError | None:
    """The error in our words when it says that the shared engine died under us, else None."""
    text = str(error)
    if type(error).__module__.startswith(("pyspark", "grpc")) and any(w in text for w in LOST):
        first = text.strip().splitlines()[0]
        return EngineError(f"the shared engine stopped during the run ({first}); run again")
    return None


def _own_tmp() -> Path:
    """A temporary folder that users of one machine do not share."""
    return Path(tempfile.gettempdir()) / f"lakehouse-{getpass.getuser()}"


def _read_defaults() -> dict[str, str]:
    conf = {}
    path = CONF_DIR / "spark-defaults.conf"
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        key, _, value = text.partition(" ")
        if not value.strip():
            message = (
                f"{path.name}:{number}: '{text}' is not a key and a value separated by a blank"
            )
            raise ConfigError(message)
        conf[key] = value.strip().format(conf=CONF_DIR, tmp=_own_tmp())
    return conf
