"""Jars by their Maven coordinates, with the resolver that Spark brings: no other tool is needed."""

from __future__ import annotations

import os
import subprocess
from importlib.metadata import distribution
from pathlib import Path

from lakehouse.engines.spark.java import java_environment


def spark_home() -> Path:
    """Folder of PySpark, found without importing it: on DuckDB an import means SQLFrame."""
    return Path(str(distribution("pyspark").locate_file("pyspark")))


def fetch(
    coordinates: tuple[str, ...], scratch: Path, *, without: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Download jars and what they depend on into `<scratch>/ivy/jars`, as `<group>_<file name>`.

    Never `scala-library` nor Spark's own: Spark leaves them out of whatever it resolves.

    Args:
        coordinates: `group:artifact:version` each.
        scratch: An empty folder.
        without: `group:artifact` each, with `*` for any, to leave out besides.

    Raises:
        ConfigError: There is no Java.
    """
    script = scratch / "nothing.py"
    script.write_text("")
    return subprocess.run(  # noqa: S603  # our own interpreter and arguments
        [
            str(spark_home() / "bin" / "spark-submit"),
            *("--packages", ",".join(coordinates)),
            *(("--exclude-packages", ",".join(without)) if without else ()),
            *("--conf", f"spark.jars.ivy={scratch}/ivy"),
            str(script),
        ],
        env=os.environ | java_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
