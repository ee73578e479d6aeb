"""A Superset with a home of its own, driven as a person would: commands, pages, requests."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lakehouse.engines.ports import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Page, Response

PROJECT = Path(__file__).resolve().parents[3]
# The tests' own environment has no settings of the lake; the published one is wanted here.
LAKE = {name: value for name, value in os.environ.items() if name.startswith("LAKEHOUSE_")}
PATIENCE_MS = 120_000
TALL = {"width": 1440, "height": 6000}
"""Superset draws what is in view: with this, everything is."""
ERRORS = ".ant-alert-error, [data-test='error-message'], .missing-chart-container"
LOADING = "[data-test='loading-indicator']"


@dataclass
class Site:
    """Where it is, and how to speak to it."""

    home: Path
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def password(self) -> str:
        return str(json.loads((self.home / "passwords.json").read_text())["admin"])

    @property
    def marts_url(self) -> str:
        """The published marts, for the read-only role."""
        if url := os.environ.get("SUPERSET_LAKEHOUSE_URL"):
            return url
        command = [str(Path(sys.executable).parent / "lakehouse")]
        done = subprocess.run(
            [*command, "database", "url", "--role", "reader"],
            cwd=PROJECT,
            env={**os.environ, **LAKE},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def local(self, command: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run scripts/superset_local.py."""
        place = {"SUPERSET_HOME": str(self.home), "SUPERSET_PORT": str(self.port)}
        return subprocess.run(
            [sys.executable, str(PROJECT / "scripts/superset_local.py"), command],
            cwd=PROJECT,
            env={**os.environ, **LAKE, **place, **env},
            capture_output=True,
            text=True,
            check=False,
        )


@dataclass(frozen=True)
class Answer:
    """What a chart got when it asked for its data."""

    chart: int
    status: int
    rows: int
    queries: tuple[str, ...]
    text: str


class Visit:
    """Opens dashboards in a page, and keeps what their charts were answered."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.answers: list[Answer] = []
        page.on("response", self._heard)

    def log_in(self, password: str) -> None:
        self.page.goto(f"{self.url}/login/")
        self.page.locator("#username").fill("admin")
        self.page.locator("input[type=password]").fill(password)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url(re.compile("welcome"))

    def dashboard(self, slug: str, n_charts: int, **filters: dict[str, Any]) -> None:
        """Open one, with filters set, and wait until every chart is drawn or has failed."""
        self.answers.clear()
        chosen = ",".join(_rison(name, data) for name, data in filters.items())
        self.page.set_viewport_size(TALL)
        self.page.goto(
            f"{self.url}/superset/dashboard/{slug}/?native_filters={quote(f'({chosen})')}"
        )
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while len(self.charts) < n_charts or self.page.locator(LOADING).count():
            assert time.monotonic() < deadline, f"{slug}: only {sorted(self.charts)} were answered"
            self.page.wait_for_timeout(250)
        self.page.wait_for_timeout(2000)  # animations

    @property
    def charts(self) -> set[int]:
        return {answer.chart for answer in self.answers}

    def errors(self) -> list[str]:
        """What a person would see go wrong, or would not see at all."""
        shown = [each.inner_text() for each in self.page.locator(ERRORS).all()]
        failed = [f"{a.chart}: {a.text}" for a in self.answers if a.status >= 400]
        return shown + failed

    def save(self, path: Path) -> None:
        """A picture of the whole dashboard."""
        bottom = self.page.evaluate(
            "Math.max(...[...document.querySelectorAll('.dashboard-markdown')]"
            ".map(each => each.getBoundingClientRect().bottom))"
        )
        height = int(bottom) + 16
        self.page.screenshot(path=path, clip={"x": 0, "y": 0, "width": 1440, "height": height})

    def get(self, path: str) -> Any:
        """What the REST API answers."""
        answer = self.page.request.get(f"{self.url}{path}")
        assert answer.ok, answer.text()
        return answer.json()

    def _heard(self, response: Response) -> None:
        is_data = "/api/v1/chart/data" in response.url or "/explore_json" in response.url
        if not is_data:
            return
        body = response.text()
        said = json.loads(body)
        if "/explore_json" in response.url:  # world maps still ask in the old way
            form, results = said.get("form_data", {}), [said]
            rows = len(said.get("data") or [])
        else:
            form = (response.request.post_data_json or {}).get("form_data", {})
            results = said.get("result", [])
            rows = max((each.get("rowcount") or 0 for each in results), default=0)
        if chart := form.get("slice_id"):
            queries = tuple(each["query"] for each in results if each.get("query"))
            self.answers.append(Answer(int(chart), response.status, rows, queries, body[:500]))


def _rison(name: str, data: dict[str, Any]) -> str:
    """A filter's state as it stands in a dashboard's address."""
    key = f"NATIVE_FILTER-{name}"
    if "time_range" in data:
        chosen = data["time_range"]
        extra, value = f"time_range:'{chosen}'", f"'{chosen}'"
    else:
        chosen = data["value"]
        extra = f"filters:!((col:{data['column']},op:IN,val:!('{chosen}')))"
        value = f"!('{chosen}')"
    return (
        f"{key}:(extraFormData:({extra}),filterState:(label:'{chosen}',value:{value}),"
        f"id:{key},ownState:())"
    )
