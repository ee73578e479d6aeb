"""What the benchmark of the API says of figures, and that wrk understands its script."""

from __future__ import annotations

import shutil
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from benchmarks import api
from benchmarks.api import CACHED_MS, COLD_MS, Figures
from lakehouse.engines.ports import LOOPBACK
from lakehouse.settings import load_settings

told = partial(Figures, path="/devices", rate=200.0, p50_ms=1.0, max_ms=60.0)


def test_a_target_is_met_by_the_slowest_hundredth_and_without_failures():
    assert told(is_cold=True, p99_ms=COLD_MS - 1, failed=0).is_met
    assert not told(is_cold=True, p99_ms=COLD_MS + 1, failed=0).is_met
    assert not told(is_cold=False, p99_ms=COLD_MS - 1, failed=0).is_met
    assert not told(is_cold=False, p99_ms=CACHED_MS - 1, failed=1).is_met


def test_the_page_names_endpoints_and_no_person(tmp_path):
    found = [
        Figures("/users/ada/journey", is_cold, 200.0, 1.0, p99, 9.0, 0)
        for is_cold, p99 in ((True, 40.0), (False, 6.0))
    ]
    page = api._page(load_settings(root=str(tmp_path)), found, 200)
    assert "| `/users/…/journey` | 1.0 | 40.0 | 9.0 | 1.0 | 6.0 | 9.0 |" in page
    assert "ada" not in page
    assert "1 of 2 meet the targets" in page


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_wrk_asks_new_questions_or_the_same_at_the_rate(monkeypatch):
    asked = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            asked.append((self.path, self.headers["Authorization"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            """Nothing to tell."""

    monkeypatch.setenv("API_KEY", "k")
    with ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://{LOOPBACK}:{server.server_port}"
        ask = partial(api._asked, shutil.which("wrk"), url, rate=100, seconds=2)
        cold = ask("/devices", is_cold=True)
        questions = {path for path, _ in asked}
        assert len(questions) > 50
        assert 40 < cold.rate < 160
        asked.clear()
        ask("/devices", is_cold=False)
        server.shutdown()
    assert set(asked) == {("/devices?limit=100", "Bearer k")}
    assert cold.failed == 0
