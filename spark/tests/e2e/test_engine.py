"""The shared engine: it is watched, it starts again, and it ends with its supervisor."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import psutil
import pytest
from support import PACKAGE_DIR, command_line, content, lakehouse, land_small_data, new_lake

from lakehouse.engines.ports import free_port
from lakehouse.engines.spark import server
from lakehouse.engines.spark.session import engine_went_away
from lakehouse.errors import ConfigError, EngineError
from lakehouse.io.locks import all_tables_free, table_lock
from lakehouse.observability.event_files import find_log
from lakehouse.observability.eventlog import read_event_log
from lakehouse.settings import load_settings

pytestmark = [pytest.mark.spark, pytest.mark.jvm, pytest.mark.e2e, pytest.mark.timeout(1200)]

PATIENCE = 240


@contextmanager
def engine(lake, **settings):
    """`lakehouse engine start`, once it answers; yields its process, its URL and its words."""
    url = f"sc://127.0.0.1:{free_port()}"
    chosen = {"root": lake.settings.root_uri, "spark_remote": url, "driver_memory": "700m"}
    env = {f"LAKEHOUSE_{name.upper()}": str(value) for name, value in (chosen | settings).items()}
    log = lake.raw.parent / "said.txt"
    with log.open("w") as stream:
        process = subprocess.Popen(
            command_line("engine", "start"),
            env=os.environ | env | {"PYTHONPATH": str(PACKAGE_DIR)},
            stderr=stream,
            stdout=subprocess.DEVNULL,
        )
    try:
        wait_for(lambda: "the engine answers" in log.read_text() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield process, url, log
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


def java_of(process):
    children = psutil.Process(process.pid).children(recursive=True)
    return next((each for each in children if each.name() == "java"), None)


@pytest.mark.slow
@pytest.mark.cluster
def test_an_engine_that_dies_starts_again_and_ends_with_its_supervisor(tmp_path):
    lake = new_lake(tmp_path / "lake")
    land_small_data(lake)
    with engine(lake) as (process, url, log):
        first = java_of(process)
        done = lakehouse(lake, "run", "bronze", timeout=900, spark_remote=url)
        assert done.code == 0, done.err
        first.kill()
        wait_for(lambda: log.read_text().count("the engine answers") == 2)
        assert "starting the engine again: it died" in log.read_text()
        done = lakehouse(lake, "run", timeout=900, spark_remote=url)
        assert done.code == 0, done.err
        second = java_of(process)
    assert not first.is_running()
    assert not second.is_running()
    may_be_empty = {entry.table.name for entry in lake.registry if entry.table.may_be_empty}
    assert {name for name, rows in content(lake).items() if not rows} <= may_be_empty


@pytest.mark.slow
@pytest.mark.cluster
def test_tables_of_one_run_keep_their_frames_and_labels_apart(tmp_path):
    lake = new_lake(tmp_path / "lake")
    land_small_data(lake)
    run = ("run", "+silver.user_dim")
    with engine(lake, event_log=tmp_path / "logs") as (_, url, _):
        for more in ((), ("--full-refresh",)):  # the second time differences are checkpointed
            done = lakehouse(lake, *run, *more, timeout=900, spark_remote=url, parallelism=1)
            assert done.code == 0, done.err
    told = read_event_log(find_log(tmp_path / "logs")[0])
    probes = {""}
    assert {part.name for part in told.tables} - probes == {
        *("bronze.user_signups", "bronze.conversions", "silver.user_dim")
    }
    work = {(stage.label.table, stage.label.verb) for stage in told.stages}
    assert {("bronze.conversions", "ingest"), ("silver.user_dim", "derive")} <= work


@pytest.mark.slow
@pytest.mark.cluster
def test_an_engine_that_has_grown_starts_again_between_two_tasks(tmp_path):
    lake = new_lake(tmp_path / "lake")
    with (
        table_lock(lake.settings, "bronze.conversions"),
        engine(lake, engine_memory_gib=0.01) as (process, _, log),
    ):
        time.sleep(3 * server.WATCH_SECONDS)
        assert "starting the engine again" not in log.read_text()  # a task is writing
    with engine(lake, engine_memory_gib=0.01) as (process, _, log):
        wait_for(lambda: "starting the engine again: it has grown to" in log.read_text())
        assert process.poll() is None


def test_the_tables_are_free_when_nobody_holds_one(tmp_path):
    settings = load_settings(root=str(tmp_path))
    for table in ("silver.a", "silver.b"):
        with table_lock(settings, table):
            pass
    with all_tables_free(settings) as free:
        assert free
    with table_lock(settings, "silver.b"), all_tables_free(settings) as free:
        assert not free
    with table_lock(settings, "silver.a") as token:
        assert token == 2  # looking is not holding


@pytest.mark.parametrize(
    ("remote", "port"),
    [("", 15002), ("sc://localhost:7", 7), ("sc://127.0.0.1", 15002), ("sc://localhost:7/;x=1", 7)],
)
def test_the_engine_listens_where_the_setting_says(remote, port):
    assert server.local_port(load_settings(spark_remote=remote)) == port


def test_another_machines_engine_is_not_started_here():
    with pytest.raises(ConfigError, match="another machine"):
        server.local_port(load_settings(spark_remote="sc://spark.example.org:15002"))


def test_a_taken_port_is_named(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        chosen = load_settings(root=str(tmp_path), spark_remote=f"sc://127.0.0.1:{port}")
        with pytest.raises(ConfigError, match=f"port {port} is taken"):
            server.serve(chosen, "127.0.0.1", print)


def test_nothing_answers_where_nobody_listens():
    assert not server.answers(f"sc://127.0.0.1:{free_port()}", 5)


@pytest.mark.timeout(60)
def test_an_engine_that_dies_while_it_is_asked_is_not_waited_for():
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        port = mute.getsockname()[1]
        looks = iter([True, True, False])
        assert not server.answers(f"sc://127.0.0.1:{port}", 600, lambda: next(looks))


@pytest.mark.timeout(60)
def test_an_engine_that_dies_while_it_is_asked_is_said_to_have_died(tmp_path, monkeypatch):
    class RestartError(Exception):
        pass

    def restart(_server, why, _tell):
        raise RestartError(why)

    monkeypatch.setattr(server, "WATCH_SECONDS", 0.1)
    monkeypatch.setattr(server, "PROBE_EVERY_SECONDS", 0)
    monkeypatch.setattr(server, "_restart", restart)
    port = free_port()
    watched = server.Server(load_settings(root=str(tmp_path)), "127.0.0.1", port, tmp_path / "log")
    mute = f"import socket; s = socket.create_server(('127.0.0.1', {port})); print(); input()"
    with subprocess.Popen(
        [sys.executable, "-uc", mute], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as watched.process:
        watched.process.stdout.readline()  # it listens
        threading.Timer(3, watched.process.kill).start()  # its client has called by then
        with pytest.raises(RestartError, match="it died"):
            server._watch(watched, print)


def test_only_the_engines_own_words_say_that_it_went_away():
    class FromGrpcError(Exception):
        pass

    FromGrpcError.__module__ = "grpc._channel"
    lost = engine_went_away(FromGrpcError("StatusCode.UNAVAILABLE: connection refused"))
    assert isinstance(lost, EngineError)
    assert lost.retry
    assert engine_went_away(ValueError("the service is UNAVAILABLE")) is None
    assert engine_went_away(FromGrpcError("division by zero")) is None
