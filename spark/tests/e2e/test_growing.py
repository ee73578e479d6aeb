"""The same code on a cluster, a Connect server and an object store: only settings change.

All servers listen on loopback and are stopped by their process id.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import psutil
import pyspark
import pytest
from chosen_engine import ON_DUCKDB
from support import content, lakehouse, land_small_data, new_lake

from conftest import FAST_JVM, LakeDriver
from lakehouse.engines.spark.jars import COORDINATES, DELTA, needed, resolve
from lakehouse.engines.spark.java import java_environment
from lakehouse.engines.spark.session import spark_conf
from lakehouse.errors import ConfigError
from lakehouse.io import files
from lakehouse.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.timeout(1800)]

LOOPBACK = "127.0.0.1"
PATIENCE = 180
ROUND_TRIP = 900
SPARK_HOME = Path(pyspark.__file__).parent
DRIVER = f"spark.driver.host={LOOPBACK};spark.driver.bindAddress={LOOPBACK}"
BUCKET = "lake"


@pytest.fixture(scope="module")
def golden(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """Landing files, and what a local lake makes of them in two runs."""
    lake = new_lake(tmp_path_factory.mktemp("golden") / "lake", spark)
    for drop in ("1", "2"):
        land_small_data(lake, drop)
        lake.run()
    return lake.raw, content(lake)


@contextmanager
def _server(log: Path, ready: str, *arguments: str) -> Iterator[str]:
    """A daemon; yields what `ready` captures in its log."""
    with log.open("w") as stream:
        process = subprocess.Popen(
            arguments,
            env=os.environ | java_environment() | {"SPARK_LOCAL_IP": LOOPBACK},
            stdout=stream,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(ready, log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield found[1]
    finally:
        with suppress(psutil.NoSuchProcess):  # a worker's executors are its children
            children = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGTERM)
            _, alive = psutil.wait_procs([*children, psutil.Process(process.pid)], timeout=30)
            for each in alive:
                each.kill()
        process.wait()


def _run_both_drops(lake: LakeDriver, **settings: Any) -> None:
    """Two runs as a user starts them; landing files come between."""
    for drop in ("1", "2"):
        land_small_data(lake, drop)
        done = lakehouse(lake, "run", timeout=ROUND_TRIP, **settings)
        assert done.code == 0, done.err


# ------------------------------------------------------------------------------ a cluster


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """A standalone master with one worker."""
    spark_class = str(SPARK_HOME / "bin" / "spark-class")
    anywhere = ("--host", LOOPBACK, "--port", "0", "--webui-port", "0")
    master = (spark_class, "org.apache.spark.deploy.master.Master", *anywhere)
    worker = (spark_class, "org.apache.spark.deploy.worker.Worker", *anywhere)
    worker += ("--cores", "2", "--memory", "1g", "--work-dir", str(tmp_path / "work"))
    with (
        _server(tmp_path / "master.log", r"(spark://[\d.]+:\d+)", *master) as url,
        _server(tmp_path / "worker.log", r"(registered with master)", *worker, url),
    ):
        yield url


@pytest.mark.slow
@pytest.mark.jvm
@pytest.mark.cluster
def test_a_cluster_gives_the_same_tables(cluster, golden, tmp_path):
    lake = new_lake(tmp_path / "lake")
    conf = f"{FAST_JVM};{DRIVER};spark.executor.memory=700m"
    _run_both_drops(lake, spark_master=cluster, spark_conf=conf)
    assert content(lake) == golden[1]
    executors = list((tmp_path / "work").glob("app-*/*"))
    assert executors, "the work was not done by the worker"


@pytest.mark.jvm
def test_a_cluster_is_not_told_to_find_the_driver_on_its_own_loopback():
    local = spark_conf(load_settings(spark_master="local[2]"))
    remote = spark_conf(load_settings(spark_master="spark://master:7077"))
    assert local["spark.driver.host"] == "localhost"
    assert "spark.driver.host" not in remote
    assert "spark.driver.bindAddress" not in remote


# ------------------------------------------------------------------------ a Connect server


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[str]:
    """A long-lived Spark Connect server with the settings of our own sessions."""
    conf = spark_conf(
        load_settings(
            spark_master="local[2]",
            driver_memory="1g",
            spark_conf=f"{FAST_JVM};spark.connect.grpc.binding.address={LOOPBACK};"
            "spark.connect.grpc.binding.port=0;spark.log.level=INFO",
        )
    )
    pairs = [part for key, value in conf.items() for part in ("--conf", f"{key}={value}")]
    command = (
        str(SPARK_HOME / "bin" / "spark-submit"),
        *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
        *("--driver-memory", conf["spark.driver.memory"]),
        *pairs,
    )
    ready = r"Spark Connect server started at: \S*?:(\d+)"
    with _server(tmp_path / "connect.log", ready, *command) as port:
        yield f"sc://{LOOPBACK}:{port}"


@pytest.mark.slow
@pytest.mark.jvm
@pytest.mark.cluster
def test_a_connect_server_gives_the_same_tables(connect, golden, tmp_path):
    lake = new_lake(tmp_path / "lake")
    _run_both_drops(lake, spark_remote=connect)
    assert content(lake) == golden[1]


# ------------------------------------------------------------------------ an object store


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """An empty bucket of an S3-compatible server.

    In a process of its own: delta-rs may hold Python's lock while it waits for an answer.
    """
    try:
        if not ON_DUCKDB:  # which needs no jars
            resolve(COORDINATES)
    except ConfigError as error:
        pytest.skip(f"the jars for S3 are not here and cannot be had: {error}")
    command = (sys.executable, "-m", "moto.server", "--host", LOOPBACK, "--port", "0")
    with _server(tmp_path / "s3.log", r"Running on (http://\S+)", *command) as url:
        for name, value in {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }.items():
            monkeypatch.setenv(name, value)
        files._object_store.cache_clear()
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client
        client.close()
    files._object_store.cache_clear()


@pytest.fixture
def lake_on_s3(bucket: Any, tmp_path: Path) -> LakeDriver:
    local = new_lake(tmp_path / "local")
    settings = load_settings(root=f"s3a://{BUCKET}/lake", lock_dir=str(tmp_path / "locks"))
    return LakeDriver(settings, local.registry, None)


def _upload(bucket: Any, raw: Path, drop: str) -> None:
    for path in raw.glob(f"*/{drop}.*"):
        key = f"lake/raw/{path.relative_to(raw).as_posix()}"
        bucket.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())


@pytest.mark.slow
@pytest.mark.s3
def test_an_object_store_holds_the_same_tables(lake_on_s3, bucket, golden):
    raw, expected = golden
    settings = {"lock_dir": lake_on_s3.settings.lock_dir}
    for drop in ("1", "2"):
        _upload(bucket, raw, drop)
        done = lakehouse(lake_on_s3, "run", timeout=ROUND_TRIP, **settings)
        assert done.code == 0, done.err
    assert content(lake_on_s3) == expected
    steps = lakehouse(lake_on_s3, "plan", "--json", **settings).json
    assert {step["action"] for step in steps} == {"skip"}
    runs = lakehouse(lake_on_s3, "runs", "--json", "-n", "100", **settings).json
    assert {run["outcome"] for run in runs} == {"updated"}


@pytest.mark.slow
@pytest.mark.s3
def test_what_is_damaged_in_an_object_store_is_repaired(lake_on_s3, bucket, golden):
    raw, expected = golden
    settings = {"lock_dir": lake_on_s3.settings.lock_dir}
    for drop in ("1", "2"):
        _upload(bucket, raw, drop)
    assert lakehouse(lake_on_s3, "run", timeout=ROUND_TRIP, **settings).code == 0
    damage = {
        "bronze.user_signups": r"\.parquet$",
        "silver.user_dim": r"_delta_log/",
        "gold.feature_conversion_lift": r".",
    }
    listed = bucket.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    keys = [each["Key"] for page in listed for each in page["Contents"]]
    for table, pattern in damage.items():
        folder = f"lake/{table.replace('.', '/')}/"
        gone = [k for k in keys if k.startswith(folder) and re.search(pattern, k[len(folder) :])]
        assert gone
        for key in gone:
            bucket.delete_object(Bucket=BUCKET, Key=key)
    for table in damage:
        told = lakehouse(lake_on_s3, "show", table, **settings)
        assert (told.code, "lakehouse repair" in told.err) == (65, True), told.err
        done = lakehouse(lake_on_s3, "repair", table, timeout=ROUND_TRIP, **settings)
        assert done.code == 0, done.err
    assert lakehouse(lake_on_s3, "run", timeout=ROUND_TRIP, **settings).code == 0
    assert content(lake_on_s3) == expected


def test_only_a_lake_on_an_object_store_needs_its_jars():
    assert needed("/data", "/data/raw") == DELTA
    assert needed("/data", "s3a://landing/raw") == needed("s3://lake", "x") == COORDINATES


@pytest.mark.slow
@pytest.mark.s3
def test_a_bucket_that_is_not_there_is_named(lake_on_s3, bucket):
    bucket.delete_bucket(Bucket=BUCKET)
    done = lakehouse(lake_on_s3, "run", "bronze.conversions", lock_dir=lake_on_s3.settings.lock_dir)
    assert done.code == 75, done.err  # the storage or the landing files: retry
    assert f"s3a://{BUCKET}/lake" in " ".join(done.err.split())
