"""The engine of this test process: Spark, or with `LAKEHOUSE_ENGINE=duckdb` DuckDB, without a JVM.

Imported before anything that imports PySpark, which is another one then.
"""

from __future__ import annotations

import os

from lakehouse.engines.duckdb.activation import activate

ON_DUCKDB = os.environ.get("LAKEHOUSE_ENGINE") == "duckdb"
if ON_DUCKDB:
    activate()
