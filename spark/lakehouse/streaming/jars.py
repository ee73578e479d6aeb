"""Kafka's jars, resolved once from their Maven coordinates into a folder beside Spark's."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lakehouse.engines.spark.ivy import fetch, spark_home
from lakehouse.engines.spark.jars import jars_folder
from lakehouse.errors import ConfigError

VERSION = "4.4.0"
KAFKA = f"org.apache.kafka:kafka_2.13:{VERSION}"
LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.5"
"""Of the log4j that Kafka depends on; without it the broker says nothing."""


def kafka_folder() -> Path:
    """Where this version's jars are: all of them, or no folder."""
    return jars_folder() / f"kafka-{VERSION}"


def are_here() -> bool:
    """Whether they need no download."""
    return kafka_folder().is_dir()


def class_path() -> str:
    """What `java -cp` needs to run Kafka.

    Kafka's own pom names every version it depends on, so its version pins all of them.

    Raises:
        ConfigError: Jars are missing and cannot be had.
    """
    if not are_here():
        _download()
    # Spark's resolver leaves Scala's library out, as pyspark has it: the one Kafka was built with.
    (scala,) = (spark_home() / "jars").glob("scala-library-2.13.*.jar")
    return f"{kafka_folder()}/*:{scala}"


def _download() -> None:
    target = kafka_folder()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".kafka-") as scratch:
        done = fetch((KAFKA, LOGGING), Path(scratch))
        if done.returncode:
            said = f"{done.stdout}\n{done.stderr}".strip()[-500:]
            raise ConfigError(f"cannot resolve {KAFKA}, {LOGGING}: {said}")
        try:
            Path(scratch, "ivy", "jars").rename(target)
        except OSError:  # another process was quicker
            if not are_here():
                raise
