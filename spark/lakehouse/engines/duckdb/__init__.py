"""DuckDB in this process, through SQLFrame: PySpark's frames without a JVM."""
