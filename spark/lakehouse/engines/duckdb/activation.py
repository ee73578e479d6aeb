"""Makes `pyspark.sql` mean SQLFrame on DuckDB, for the rest of a process."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import duckdb
import sqlframe

from lakehouse.engines.duckdb import patches
from lakehouse.errors import EngineError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def activate(*, memory_limit: str = "2GB", threads: int = 2, scratch: str = "") -> SparkSession:
    """Start the session of this process; `pyspark.sql` is SQLFrame's from here on.

    Before anything imports PySpark: a module that did keeps Spark's functions. A second call gives
    the same session, with the settings of the first.

    Args:
        memory_limit: Of DuckDB, as it writes sizes; what does not fit is spilled.
        threads: Of DuckDB.
        scratch: Folder to spill to; by default `.tmp` in the working folder.

    Raises:
        EngineError: PySpark is imported already.
    """
    if not patches.is_active() and "pyspark.sql" in sys.modules:
        raise EngineError("DuckDB has to be chosen before anything imports PySpark")
    if not patches.is_active():
        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")  # as the session of Spark
        connection.execute("SET preserve_insertion_order = false")  # frames have none, either
        connection.execute("SET memory_limit = ?", [memory_limit])
        connection.execute("SET threads = ?", [threads])
        if scratch:
            connection.execute("SET temp_directory = ?", [scratch])
        patches.apply()
        sqlframe.activate("duckdb", conn=connection)
    from pyspark.sql import SparkSession  # noqa: PLC0415  # SQLFrame's, only now

    return SparkSession.builder.getOrCreate()
