"""How many requests there were and how long their answers took, by endpoint."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from lakehouse.api.health.book import MEMORY
from lakehouse.api.health.checks import State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from lakehouse.api.health.checks import Check

SECONDS = (0.002, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 5)
MOST = 100_000
"""Answers that are remembered at most: five minutes at 300 a second."""
OWN = ("/health", "/metrics")
"""Paths of our own looking: they are counted, but no client waits for them."""


class Measures:
    """The figures of one process: a registry for Prometheus, and the answers of five minutes."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "lakehouse_api_requests",
            "Requests answered.",
            ("endpoint", "method", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "lakehouse_api_request_seconds",
            "Seconds from a request to the end of its answer.",
            ("endpoint",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._state = Gauge(
            "lakehouse_health_state",
            "1 in the state that a check is in: ok, failing or unknown.",
            ("check", "state"),
            registry=self.registry,
        )
        self._value = Gauge(
            "lakehouse_health_value",
            "What a check found, in the unit of its limit; absent where that is unknown.",
            ("check",),
            registry=self.registry,
        )
        self._answers: deque[tuple[float, float]] = deque(maxlen=MOST)

    def answered(self, endpoint: str, method: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests.labels(endpoint, method, status).inc()
        self._seconds.labels(endpoint).observe(seconds)
        if not endpoint.startswith(OWN):
            self._answers.append((time.monotonic(), seconds))

    def p99_ms(self) -> tuple[float, int]:
        """Within how many milliseconds 99 % of the answers of five minutes came, and their number.

        0 and 0 where there were none.
        """
        oldest = time.monotonic() - MEMORY.total_seconds()
        while self._answers and self._answers[0][0] < oldest:
            self._answers.popleft()
        taken = [seconds for _, seconds in list(self._answers)]
        if not taken:
            return 0.0, 0
        return float(np.quantile(taken, 0.99)) * 1000, len(taken)

    def saw(self, checks: Iterable[Check]) -> None:
        """A look at the lake's health."""
        self._value.clear()
        for each in checks:
            for state in State:
                self._state.labels(each.name, state).set(each.state is state)
            if each.value is not None:
                self._value.labels(each.name).set(each.value)


class Measuring:
    """Middleware that measures every request."""

    def __init__(self, app: ASGIApp, measures: Measures) -> None:
        """Keep what it wraps, and where figures go."""
        self._app, self._measures = app, measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and take the time."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500  # what a server sends where nothing was sent

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            seconds = time.perf_counter() - began
            self._measures.answered(_endpoint(scope), scope["method"], status, seconds)


def _endpoint(scope: Scope) -> str:
    """The declared path, not the asked one: clients must not make labels."""
    return getattr(scope.get("route"), "path", None) or "none"
