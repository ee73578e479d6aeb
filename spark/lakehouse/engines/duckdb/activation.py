"""Makes `pyspark.sql` mean SQLFrame on DuckDB, for the rest of a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import sqlframe

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession


def activate(memory_limit: str = "2GB", scratch: Path | None = None) -> SparkSession:
    """The session of this process; from here on `pyspark.sql` is SQLFrame's."""
    connection = duckdb.connect(
        config={
            "memory_limit": memory_limit,
            "preserve_insertion_order": False,
            **({"temp_directory": str(scratch)} if scratch else {}),
        }
    )
    connection.execute("SET TimeZone = 'UTC'")
    sqlframe.activate("duckdb", conn=connection)
    from pyspark.sql import SparkSession

    return SparkSession.builder.getOrCreate()
