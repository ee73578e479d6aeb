"""The only builder of a Spark session: local, on a cluster, or attached to a Connect server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lakehouse.engine.jars import jar_paths
from lakehouse.engine.java import java_environment
from lakehouse.errors import ConfigError, UpstreamMissingError
from lakehouse.settings import CONF_DIR, Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

APP_NAME = "lakehouse"


def spark_conf(settings: Settings) -> dict[str, str]:
    """Settings of a session that we start ourselves: conf file, object store, then the user's.

    Raises:
        ConfigError: A line of `spark-defaults.conf` or of LAKEHOUSE_SPARK_CONF is not key and value.
    """
    conf = _read_defaults()
    conf["spark.master"] = settings.spark_master
    conf["spark.driver.memory"] = settings.driver_memory
    conf["spark.jars"] = ",".join(str(path) for path in jar_paths())
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


def start_session(settings: Settings) -> SparkSession:
    """Start or attach to the engine.

    Raises:
        ConfigError: No Java, or jars are missing.
        UpstreamMissingError: The Connect server does not answer.
    """
    from pyspark.sql import SparkSession  # noqa: PLC0415  # 0.5 s that `--help` need not pay

    if settings.spark_remote:
        try:
            return SparkSession.builder.remote(settings.spark_remote).getOrCreate()
        except Exception as error:
            message = f"LAKEHOUSE_SPARK_REMOTE={settings.spark_remote} does not answer: {error}"
            raise UpstreamMissingError(message) from error
    os.environ.update(java_environment())
    os.environ.setdefault("TZ", "UTC")
    builder = SparkSession.builder.appName(APP_NAME)
    for key, value in spark_conf(settings).items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def fork(session: SparkSession, settings: Settings) -> SparkSession:
    """A session of its own (settings and temporary views) on the same engine."""
    if settings.spark_remote:
        from pyspark.sql import SparkSession  # noqa: PLC0415  # see start_session

        return SparkSession.builder.remote(settings.spark_remote).create()
    return session.newSession()


def _read_defaults() -> dict[str, str]:
    conf = {}
    path = CONF_DIR / "spark-defaults.conf"
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        key, _, value = text.partition(" ")
        if not value.strip():
            message = f"{path.name}:{number}: '{text}' is not a key and a value"
            raise ConfigError(message)
        conf[key] = value.strip().replace("{conf}", str(CONF_DIR))
    return conf
