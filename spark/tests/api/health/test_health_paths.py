"""Health over HTTP: who may see what, what is measured, and who is told of changes."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, HTTPException, Request

from lakehouse.api.health.measures import Measuring
from lakehouse.api.health.routes import router
from lakehouse.api.health.watching import Health
from lakehouse.catalog.registry import registry
from lakehouse.observability import alerts
from lakehouse.settings import load_settings
from lakehouse.streaming.pulse import Pulse

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
TOPIC = "topic_web_events"
AS_OPERATOR = {"Authorization": "Bearer operator"}


class World:
    """An application with health, a clock, and marts that may be away."""

    def __init__(self, folder):
        self.settings = load_settings(root=str(folder), alert_quiet_s=0, health_interval_s=30)
        self.now, self.is_ready = NOON, True
        self.health = Health(self.settings, registry(), clock=lambda: self.now)
        self.app = FastAPI()
        self.app.include_router(router(self.health, operator=self.operator, ready=self.ready))
        self.app.add_api_route("/pages/{page_id}", self.page)
        self.app.add_middleware(Measuring, measures=self.health.measures)

    async def page(self, page_id: str) -> str:
        if page_id == "bug":
            raise ZeroDivisionError
        return page_id

    async def operator(self, request: Request) -> None:
        if request.headers.get("Authorization") != AS_OPERATOR["Authorization"]:
            raise HTTPException(401)

    async def ready(self) -> None:
        if not self.is_ready:
            raise HTTPException(503, headers={"Retry-After": "5"})

    def get(self, path, **headers):
        async def asked():
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
                return await client.get(path, headers=headers)

        return asyncio.run(asked())

    def lag(self, later):
        """How the lag is told so many seconds later."""
        self.now = NOON + timedelta(seconds=later)
        answer = self.get("/health", **AS_OPERATOR).json()
        return answer["checks"][0]

    @property
    def told(self):
        """Titles of the alerts that went out."""
        file = Path(alerts.default_file(self.settings))
        lines = file.read_text().splitlines() if file.exists() else []
        return [json.loads(line)["title"] for line in lines]


@pytest.fixture
def world(tmp_path):
    return World(tmp_path / "lake")


def test_without_a_key_only_liveness_is_told(world):
    assert world.get("/health/live").json() == {"status": "alive"}
    for path in ("/health/ready", "/health", "/metrics"):
        assert world.get(path).status_code == 401, path
        assert world.get(path, **AS_OPERATOR).status_code == 200, path


def test_the_api_is_not_ready_while_its_marts_are_away(world):
    world.is_ready = False
    answer = world.get("/health/ready", **AS_OPERATOR)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert world.get("/health/live").status_code == 200


def test_a_failing_check_is_an_answer(world):
    Pulse(world.settings, TOPIC).beat(NOON, fine_at=NOON)
    found = world.lag(61)
    assert (found["state"], found["value"], found["maximum"]) == ("failing", 61, 60)
    assert found["runbook"] == "spark/docs/runbooks/consumer-lag.md"
    assert found["since"] == "2026-01-05T12:01:01Z"
    assert world.get("/health", **AS_OPERATOR).json()["status"] == "failing"


def test_a_look_is_kept_for_the_interval(world):
    Pulse(world.settings, TOPIC).beat(NOON, fine_at=NOON)
    assert world.lag(50)["value"] == 50
    assert world.lag(79)["value"] == 50
    assert world.lag(80)["value"] == 80


def test_changes_of_state_are_told_once_and_by_one_process(world):
    pulse = Pulse(world.settings, TOPIC)
    pulse.beat(NOON, fine_at=NOON)
    other = Health(world.settings, registry(), clock=lambda: world.now)
    for later in (0, 30, 60, 90, 120):
        world.lag(later)
        other.found()
    assert world.told == ["health: consumer_lag is failing"]
    pulse.beat(world.now, fine_at=world.now)
    world.lag(150)
    other.found()
    opened = "health: consumer_lag is failing"
    assert world.told == [opened, f"recovered: {opened}"]


def test_a_process_started_anew_tells_nothing_twice(world):
    Pulse(world.settings, TOPIC).beat(NOON, fine_at=NOON)

    async def watched_once(health):
        async with health.watched():
            await asyncio.to_thread(health.found)

    world.now = NOON + timedelta(seconds=70)
    asyncio.run(watched_once(world.health))
    again = Health(world.settings, registry(), clock=lambda: world.now)
    asyncio.run(watched_once(again))
    assert world.told == ["health: consumer_lag is failing"]


def test_what_people_wait_for_is_measured_by_endpoint(world):
    for path in ("/pages/a", "/pages/b", "/pages/bug", "/nothing", "/health/live"):
        world.get(path)
    measured = world.health.measures.registry.get_sample_value
    asked = "lakehouse_api_requests_total"
    page = {"endpoint": "/pages/{page_id}", "method": "GET"}
    assert measured(asked, page | {"status": "200"}) == 2
    assert measured(asked, page | {"status": "500"}) == 1
    assert measured(asked, {"endpoint": "none", "method": "GET", "status": "404"}) == 1
    assert world.health.measures.p99_ms()[1] == 4, "our own looking is not waited for"
    p99 = {each["name"]: each for each in world.get("/health", **AS_OPERATOR).json()["checks"]}
    assert p99["api_p99"]["state"] == "ok"
    text = world.get("/metrics", **AS_OPERATOR).text
    assert 'lakehouse_health_state{check="api_p99",state="ok"} 1.0' in text


def test_answers_of_more_than_five_minutes_ago_are_forgotten(world, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr("lakehouse.api.health.measures.time.monotonic", lambda: clock[0])
    measures = world.health.measures
    measures.answered("/pages/{page_id}", "GET", 200, 2.0)
    clock[0] += 200
    measures.answered("/pages/{page_id}", "GET", 200, 0.01)
    assert measures.p99_ms()[0] > 1000
    clock[0] += 101
    assert measures.p99_ms() == (pytest.approx(10), 1)
    clock[0] += 300
    assert measures.p99_ms() == (0.0, 0)
