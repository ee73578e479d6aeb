"""Jars the engine needs, resolved once from their Maven coordinates into a local folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pyspark

from lakehouse.engine.java import java_environment
from lakehouse.errors import ConfigError

DELTA = (
    "io.delta:delta-spark_4.2_2.13:4.4.0",
    "io.delta:delta-storage:4.4.0",
)
S3 = (
    "org.apache.hadoop:hadoop-aws:3.5.0",
    "software.amazon.s3.analyticsaccelerator:analyticsaccelerator-s3:1.3.1",
)
COORDINATES = DELTA + S3
SHIPPED_GROUPS = ("org.apache.spark", "org.scala-lang")


def jars_folder() -> Path:
    """Beside the environment the command runs in, so that every clone has what it locked."""
    return Path(
        os.environ.get("LAKEHOUSE_JARS_DIR", Path(sys.prefix) / "share" / "lakehouse" / "jars")
    )


def jar_paths(coordinates: tuple[str, ...] = COORDINATES) -> list[Path]:
    """Paths of the cached jars.

    Raises:
        ConfigError: One is missing; says what to run.
    """
    paths = [jars_folder() / _file_name(coordinate) for coordinate in coordinates]
    missing = [path.name for path in paths if not path.exists()]
    if missing:
        message = f"jars are missing: {', '.join(missing)}; run `lakehouse jars` (or `make setup`)"
        raise ConfigError(message, missing=missing)
    return paths


def resolve(coordinates: tuple[str, ...] = COORDINATES) -> list[Path]:
    """Download what is missing with Spark's own resolver, without transitive dependencies.

    Everything else these jars depend on ships with pyspark.

    Raises:
        ConfigError: A coordinate cannot be had.
    """
    folder = jars_folder()
    if all((folder / _file_name(coordinate)).exists() for coordinate in coordinates):
        return jar_paths(coordinates)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        script = Path(scratch) / "nothing.py"
        script.write_text("")
        result = subprocess.run(  # noqa: S603  # our own interpreter and arguments
            [
                str(Path(pyspark.__file__).parent / "bin" / "spark-submit"),
                *("--packages", ",".join(coordinates)),
                *("--exclude-packages", ",".join(f"{group}:*" for group in SHIPPED_GROUPS)),
                *("--conf", f"spark.jars.ivy={scratch}/ivy"),
                str(script),
            ],
            env=os.environ | java_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        for jar in Path(scratch).glob("ivy/jars/*.jar"):
            for coordinate in coordinates:
                group, _, _ = coordinate.split(":")
                if jar.name == f"{group}_{_file_name(coordinate)}":
                    shutil.move(jar, folder / _file_name(coordinate))
    missing = [c for c in coordinates if not (folder / _file_name(c)).exists()]
    if missing:
        message = f"cannot resolve {', '.join(missing)}: {result.stderr.strip()[-500:]}"
        raise ConfigError(message, missing=missing)
    return jar_paths(coordinates)


def _file_name(coordinate: str) -> str:
    _, artifact, version = coordinate.split(":")
    return f"{artifact}-{version}.jar"
