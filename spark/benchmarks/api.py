"""`python -m benchmarks.api`: workload W13, applications asking the API at a steady rate.

`lakehouse api serve` answers as users start it, on the lake of the settings and its serving
database, if there is one; wrk asks. Cold: each request is a question that was never asked. Cached:
always the same one. Both share the machine's cores.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import httpx
import typer

from benchmarks.data import PROJECT
from benchmarks.options import EXIT_FAILED, stop
from lakehouse.api.keys import Keys
from lakehouse.api.roles import Role
from lakehouse.engines.ports import LOOPBACK, free_port
from lakehouse.io import ops
from lakehouse.io.state import StateStore
from lakehouse.serving import database
from lakehouse.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

OUT = PROJECT / "spark/docs/benchmarks/api.md"
SCRIPT = Path(__file__).with_name("asking.lua")
CONNECTIONS = 32
"""Users: each waits for his answer and then for a moment."""
COLD_MS, CACHED_MS = 50.0, 5.0
"""What 99 % of the answers are to take at 200 requests a second; at 50 twice and thrice as much."""
UP_S = 30.0


@dataclass(frozen=True)
class Figures:
    """What asking took.

    Attributes:
        path: What was asked.
        is_cold: Whether each question was new.
        rate: Requests a second that were answered.
        p50_ms: What half of the answers took.
        p99_ms: What 99 % of them took.
        max_ms: What the longest one took.
        failed: Requests that failed, or were answered with a problem.
    """

    path: str
    is_cold: bool
    rate: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    failed: int

    @property
    def is_met(self) -> bool:
        """Whether it took less than it may."""
        return self.failed == 0 and self.p99_ms < (COLD_MS if self.is_cold else CACHED_MS)


def main(
    rate: Annotated[int, typer.Option(help="Requests a second.")] = 200,
    seconds: Annotated[int, typer.Option(help="How long each endpoint is asked.")] = 15,
    out: Annotated[Path, typer.Option(help="Where the table goes.")] = OUT,
) -> None:
    """Ask each endpoint cold and cached."""
    wrk = shutil.which("wrk") or stop("wrk is not installed; on Debian: apt-get install wrk")
    settings = load_settings()
    with _serving(settings) as url:
        found = [
            _asked(wrk, url, path, is_cold=is_cold, rate=rate, seconds=seconds)
            for path in _paths(settings)
            for is_cold in (True, False)
        ]
    out.write_text(_page(settings, found, rate), encoding="utf-8")
    if not all(each.is_met for each in found):
        raise typer.Exit(EXIT_FAILED)


def _paths(settings: Settings) -> list[str]:
    """One question for each kind of endpoint, about what there is."""
    uri = settings.table_uri("gold.visitor_journeys")
    query = (
        "SELECT visitor_id, session_id, max(session_number) FROM t GROUP BY 1, 2 ORDER BY 3 DESC, 1"
    )
    [journey, *_] = ops.query_delta(uri, f"{query} LIMIT 1")
    return [
        "/pages/home/metrics",
        "/pages/home/performance?by=device_type",
        "/funnels/checkout/conversion",
        f"/sessions/{journey['session_id']}",
        f"/users/{journey['visitor_id']}/journey",
        "/traffic-sources?by=channel",
        "/devices",
        "/kpis/bounce_rate",
        "/growth/impact",
        "/engagement/retention",
        "/tables",
    ]


@contextmanager
def _serving(settings: Settings) -> Iterator[str]:
    """The API as users start it; its URL."""
    port = free_port()
    key, _ = Keys(settings).create(Role.ADMIN, note="a benchmark", days=1)
    os.environ |= {
        "API_KEY": key,
        "LAKEHOUSE_API_RATE": "100000",
        "LAKEHOUSE_API_BURST": "100000",
    }
    command = [sys.executable, "-m", "lakehouse", "api", "serve", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603  # our own
    url = f"http://{LOOPBACK}:{port}"
    try:
        _wait(url, process)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(UP_S)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + UP_S
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"{url}/health/live").is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    stop("the API did not start")


def _asked(  # noqa: PLR0913  # what is asked, and how
    wrk: str, url: str, path: str, *, is_cold: bool, rate: int, seconds: int
) -> Figures:
    """Ask one endpoint."""
    sign = "&" if "?" in path else "?"
    asked = f"{path}{sign}limit={{n}}" if is_cold else f"{path}{sign}limit=100"
    pause = round(CONNECTIONS / rate * 1000)
    command = [
        *(wrk, "--threads", "1", "--connections", str(CONNECTIONS)),
        *("--duration", f"{seconds}s", "--script", str(SCRIPT), url, "--", str(pause), asked),
    ]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  # wrk
    told = json.loads(answer.stdout.partition("RESULT ")[2])
    figures = Figures(
        path=path.partition("?")[0] if "/sessions" in path or "/users" in path else path,
        is_cold=is_cold,
        rate=told["n"] / told["seconds"],
        p50_ms=told["p50_ms"],
        p99_ms=told["p99_ms"],
        max_ms=told["max_ms"],
        failed=told["failed"],
    )
    typer.echo(
        f"{'cold  ' if is_cold else 'cached'} {figures.path}: {figures.rate:.0f}/s, "
        f"p50 {figures.p50_ms} ms, p99 {figures.p99_ms} ms, {figures.failed} failed"
    )
    return figures


def _page(settings: Settings, found: list[Figures], rate: int) -> str:
    """The table."""
    by_path: dict[str, list[Figures]] = {}
    for each in found:
        by_path.setdefault(each.path, []).append(each)
    lines = [
        "| endpoint | cold p50 | cold p99 | cold max | cached p50 | cached p99 | cached max |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for path, (cold, cached) in by_path.items():
        told = (cold.p50_ms, cold.p99_ms, cold.max_ms, cached.p50_ms, cached.p99_ms, cached.max_ms)
        lines.append(f"| `{_without_ids(path)}` | {' | '.join(f'{ms:.1f}' for ms in told)} |")
    kind = "the serving database" if database.find(settings, "reader") else "the lake itself"
    state = StateStore(settings).published("silver.web_events")
    about = f"""\
# The API under load

Made by `python -m benchmarks.api` with wrk: milliseconds, at about {rate} requests a second of
{CONNECTIONS} users, from {kind} of a lake with {state.rows if state else 0:,} web events, on a
machine of {os.cpu_count()} cores that wrk and the server share.

Cold: no question was asked before. Cached: always the same one, kept by the process that answers.
"""
    met = sum(each.is_met for each in found)
    verdict = (
        f"{met} of {len(found)} meet the targets: 99 % of cold answers within {COLD_MS:g} ms, of "
        f"cached ones within {CACHED_MS:g} ms. Failed requests: "
        f"{sum(each.failed for each in found)}."
    )
    return "\n".join([about, *lines, "", verdict, ""])


def _without_ids(path: str) -> str:
    head, *rest = path.strip("/").split("/")
    if head in {"sessions", "users"}:
        rest[0] = "…"
    return "/" + "/".join([head, *rest])


if __name__ == "__main__":
    typer.run(main)
