"""A real Airflow whose tasks share a Spark engine, from start to stop."""

from __future__ import annotations

import socket

import psutil
import pytest
from site_under_test import FIRST, Site

pytestmark = [pytest.mark.server, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def spark_site(tmp_path_factory):
    """A running Airflow and its engine, with one day landed and every table filled."""
    site = Site(tmp_path_factory.mktemp("spark-site"), engine="spark")
    site.land(FIRST)
    try:
        done = site.airflow_local("up")
        assert done.returncode == 0, done.stdout + done.stderr
        site.wait_for_the_schedule()
        yield site
    finally:
        site.close()
        site.airflow_local("down")


@pytest.mark.slow
def test_the_schedule_fills_every_table_as_duckdb_would(spark_site, tmp_path):
    spark_site.assert_equal_to_a_plain_run(tmp_path, engine="duckdb")


@pytest.mark.slow
def test_an_engine_that_dies_is_started_again_and_the_run_succeeds(spark_site):
    day, dag_id = "2026-01-25", "bronze_conversions"
    spark_site.land(day, "conversions")
    engine = next(
        each
        for each in psutil.process_iter(["name", "cmdline"])
        if each.info["name"] == "java"
        and f"spark.connect.grpc.binding.port={spark_site.engine_port}" in each.info["cmdline"]
    )
    engine.kill()
    run = spark_site.wait_for_run(dag_id, spark_site.trigger(dag_id, day))
    assert run["state"] == "success"


@pytest.mark.slow
def test_stop_leaves_no_process_and_no_port(spark_site):
    again = spark_site.airflow_local("up")
    assert again.returncode == 0
    assert spark_site.url in again.stdout
    assert spark_site.airflow_local("down").returncode == 0
    root = spark_site.root
    left = [each.cmdline() for each in psutil.process_iter() if str(root) in str(environ_of(each))]
    assert left == []
    for port in (spark_site.port, spark_site.engine_port):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert (root / ".airflow/secrets.json").stat().st_mode & 0o077 == 0
    assert (root / ".airflow/passwords.json").stat().st_mode & 0o077 == 0


def environ_of(process):
    try:
        return process.environ()
    except psutil.Error:
        return {}
