"""The event log of a part of what the tests' engine does."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession


@contextmanager
def logged(spark: SparkSession, folder: Path) -> Iterator[None]:
    """What the engine does meanwhile stands in an event log."""
    folder.mkdir()
    context = spark.sparkContext._jsc.sc()
    conf = context.getConf().set("spark.eventLog.compress", "true")
    jvm = spark.sparkContext._jvm
    listener = jvm.org.apache.spark.scheduler.EventLoggingListener(
        context.applicationId(),
        jvm.scala.Option.apply(None),
        jvm.java.net.URI(folder.as_uri()),
        conf,
        context.hadoopConfiguration(),
    )
    listener.start()
    context.addSparkListener(listener)
    try:
        yield
        context.listenerBus().waitUntilEmpty(60_000)
    finally:
        context.removeSparkListener(listener)
        listener.stop()
