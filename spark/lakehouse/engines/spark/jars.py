"""Jars the engine needs, resolved once from their Maven coordinates into a local folder."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from lakehouse.engines.spark.ivy import fetch
from lakehouse.errors import ConfigError

DELTA = (
    "io.delta:delta-spark_4.2_2.13:4.4.0",
    "io.delta:delta-storage:4.4.0",
)
HADOOP_AWS = "org.apache.hadoop:hadoop-aws:3.5.0"
# What S3A calls of the AWS SDK, in the version hadoop-aws was built with: 10 MB in place of the
# 640 MB of `software.amazon.awssdk:bundle`. Netty, Jackson and HTTP come with pyspark.
AWS_SDK_VERSION = "2.35.4"
AWS_SDK_MODULES = (
    *("annotations", "apache-client", "arns", "auth", "aws-core", "aws-query-protocol"),
    *("aws-xml-protocol", "checksums", "checksums-spi", "crt-core", "endpoints-spi"),
    *("http-auth", "http-auth-aws", "http-auth-aws-eventstream", "http-auth-spi"),
    *("http-client-spi", "identity-spi", "json-utils", "metrics-spi", "netty-nio-client"),
    *("profiles", "protocol-core", "regions", "retries", "retries-spi", "s3"),
    *("s3-transfer-manager", "sdk-core", "sts", "third-party-jackson-core", "utils", "utils-lite"),
)
S3 = (
    HADOOP_AWS,
    *(f"software.amazon.awssdk:{module}:{AWS_SDK_VERSION}" for module in AWS_SDK_MODULES),
    "software.amazon.eventstream:eventstream:1.0.1",
    "software.amazon.s3.analyticsaccelerator:analyticsaccelerator-s3:1.3.1",
    "org.reactivestreams:reactive-streams:1.0.4",
)
COORDINATES = DELTA + S3
NEVER = ("org.apache.spark:*", "org.scala-lang:*", "software.amazon.awssdk:bundle")
S3_SCHEMES = ("s3://", "s3a://")


def needed(*locations: str) -> tuple[str, ...]:
    """Coordinates of the jars for a lake at these locations."""
    return COORDINATES if any(each.startswith(S3_SCHEMES) for each in locations) else DELTA


def jars_folder() -> Path:
    """Beside the environment the command runs in, so that every clone has what it locked."""
    return Path(
        os.environ.get("LAKEHOUSE_JARS_DIR", Path(sys.prefix) / "share" / "lakehouse" / "jars")
    )


def jar_paths(coordinates: tuple[str, ...] = DELTA) -> list[Path]:
    """Paths of the cached jars.

    Raises:
        ConfigError: One is missing; says what to run.
    """
    paths = [jars_folder() / file_name(coordinate) for coordinate in coordinates]
    missing = [path.name for path in paths if not path.exists()]
    if missing:
        command = "lakehouse jars --s3" if set(coordinates) & set(S3) else "lakehouse jars"
        message = f"jars are missing: {', '.join(missing)}; run `{command}` (or `make setup`)"
        raise ConfigError(message, missing=missing)
    return paths


def resolve(coordinates: tuple[str, ...] = DELTA) -> list[Path]:
    """Download what is missing with Spark's own resolver, without transitive dependencies.

    Everything else these jars depend on ships with pyspark.

    Raises:
        ConfigError: A coordinate cannot be had.
    """
    folder = jars_folder()
    if all((folder / file_name(coordinate)).exists() for coordinate in coordinates):
        return jar_paths(coordinates)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        result = fetch(coordinates, Path(scratch), without=NEVER)
        for coordinate in coordinates:
            group, _, _ = coordinate.split(":")
            jar = Path(scratch, "ivy", "jars", f"{group}_{file_name(coordinate)}")
            target = folder / file_name(coordinate)
            if jar.exists() and not target.exists():  # the class archive is made for what is there
                shutil.move(jar, target)
    missing = [c for c in coordinates if not (folder / file_name(c)).exists()]
    if missing:
        message = f"cannot resolve {', '.join(missing)}: {result.stderr.strip()[-500:]}"
        raise ConfigError(message, missing=missing)
    return jar_paths(coordinates)


def file_name(coordinate: str) -> str:
    """What the jar of a coordinate is called."""
    _, artifact, version = coordinate.split(":")
    return f"{artifact}-{version}.jar"
