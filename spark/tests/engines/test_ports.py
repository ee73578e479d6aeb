"""The doctor tells a free port, our own services and strangers apart."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lakehouse.engines import ports
from lakehouse.engines.doctor import diagnose
from lakehouse.settings import load_settings


@pytest.fixture
def listener():
    """An HTTP server on loopback; (port, what it answers)."""
    answer = {"text": "hello"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer["text"].encode())

        def log_message(self, *_):
            """Keep the test's output quiet."""

    server = ThreadingHTTPServer((ports.LOOPBACK, 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port, answer
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def free(listener):
    return ports.next_free(listener[0])


def finding(tmp_path, check, **settings):
    rows = diagnose(load_settings(root=str(tmp_path), engine="spark", **settings))
    return next(row for row in rows if row["check"] == check)


def test_airflows_port(listener, free, tmp_path, monkeypatch):
    port, answer = listener
    monkeypatch.setenv("AIRFLOW__API__PORT", str(free))
    assert finding(tmp_path, "airflow port")["state"] == "ok"
    monkeypatch.setenv("AIRFLOW__API__PORT", str(port))
    stranger = finding(tmp_path, "airflow port")
    assert stranger["state"] == "warn"
    assert stranger["fix"] == f"export AIRFLOW__API__PORT={free}"
    answer["text"] = json.dumps({"metadatabase": {"status": "healthy"}})
    assert finding(tmp_path, "airflow port")["state"] == "ok"


@pytest.mark.jvm
def test_the_engines_port(listener, free, tmp_path, monkeypatch):
    port, _ = listener
    assert finding(tmp_path, "engine port", spark_remote=f"sc://localhost:{free}")["state"] == "ok"
    remote = f"sc://127.0.0.1:{port}/;token=s3cret"
    stranger = finding(tmp_path, "engine port", spark_remote=remote)
    assert stranger["state"] == "warn"
    assert stranger["fix"] == f"export LAKEHOUSE_SPARK_REMOTE=sc://127.0.0.1:{free}"
    monkeypatch.setattr(ports, "is_engine", lambda _: True)
    ours = finding(tmp_path, "engine port", spark_remote=remote)
    assert ours["state"] == "ok"
    assert "s3cret" not in str([stranger, ours])


def test_another_machines_engine_that_is_away(tmp_path, monkeypatch):
    monkeypatch.setattr(ports, "is_taken", lambda *_: False)
    away = finding(tmp_path, "engine port", spark_remote="sc://engine.example:15002")
    assert (away["state"], away["fix"]) == ("warn", "unset LAKEHOUSE_SPARK_REMOTE")
