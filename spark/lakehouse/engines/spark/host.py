"""Spark as a lake uses it: one engine, and a session of its own for each run of a table."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from lakehouse.engines.spark.delta import quoted
from lakehouse.engines.spark.engine import SparkEngine
from lakehouse.engines.spark.session import attach, engine_went_away, start_session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from lakehouse.settings import Settings


class SparkHost:
    """The engine of a lake, started at its first use; stops what it started."""

    def __init__(self, settings: Settings, spark: SparkSession | None) -> None:
        """Keep the engine of the caller, if any."""
        self._settings = settings
        self._spark = spark
        self._is_ours = spark is None
        self._attached: list[SparkSession] = []
        self._starting = threading.Lock()

    @property
    def spark(self) -> SparkSession:
        """The engine, started when first needed."""
        with self._starting:
            if self._spark is None:
                self._spark = start_session(self._settings)
            return self._spark

    def start(self) -> None:
        """Start it now."""
        _ = self.spark

    def fork(self) -> SparkSession:
        """A session of its own (settings and temporary views) on the same engine."""
        if self._settings.spark_remote:
            self._attached.append(attach(self._settings))
            return self._attached[-1]
        return self.spark.newSession()

    def engine(self, table: str) -> SparkEngine:
        """The engine as one run of a table uses it; not started yet."""
        return SparkEngine(table, self.fork)

    def forget(self) -> None:
        """What a run made goes with its session."""

    def register(self, name: str, uri: str, version: int) -> None:
        """Let a version of a table be known to SQL by its name."""
        self.spark.sql(f"CREATE DATABASE IF NOT EXISTS {name.partition('.')[0]}")
        self.spark.sql(
            f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM {quoted(uri)} VERSION AS OF {version}"
        )

    def sql(self, query: str) -> DataFrame:
        """Rows of a query over what is registered."""
        return self.spark.sql(query)

    def error(self, error: Exception) -> Exception | None:
        """The error in our words when it says that the engine died under us, else None."""
        return engine_went_away(error)

    def close(self) -> None:
        """Stop the engine if we started it; of a Connect server only our sessions."""
        while self._attached:
            self._attached.pop().stop()
        if self._is_ours and self._spark is not None:
            self._spark.stop()
            self._spark = None
