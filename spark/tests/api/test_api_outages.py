"""The serving database, the shared cache, or both are away, slow, or come and go; and it passes.

Kept answers are told and marked, others are 503 with Retry-After; none is a bug (500), none is the
answer of another question, and within 30 s after the outage all is as before.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, nullcontext

import httpx
import pytest
import redis
from api.api_world import asking, database_of, made
from api.outages import wire
from pydantic import SecretStr

from conftest import depth
from lakehouse.api.app import marts_of
from lakehouse.engines.ports import LOOPBACK
from lakehouse.serving.embedded import WRITER, Embedded

pytestmark = pytest.mark.serving
NEW = "/devices?limit=7"
KEPT = (*(f"/pages/home/metrics?limit={n}" for n in range(1, 5)), "/devices?limit=2")
MODES = ("down", "frozen", "slow")


@contextmanager
def between(kind, world, server, redis_port):
    """A client, and the wires that may be ill."""
    database = database_of(server, f"api_{kind}")
    world.publish(database.writer)
    of_redis = wire(redis_port) if kind == "both" else nullcontext()
    with wire(server.port) as to_postgres, of_redis as to_redis:
        through = database.at(to_postgres.port)
        more = {"cache_url": SecretStr(f"redis://{LOOPBACK}:{to_redis.port}")} if to_redis else {}
        with asking(world, through.marts(world, deadline_s=0.5), **more) as client:
            yield client, [each for each in (to_postgres, to_redis) if each]


@pytest.fixture(params=["postgres", "both"])
def outage(request, marts_world, server):
    port = request.getfixturevalue("redis_port") if request.param == "both" else None
    if port:
        redis.Redis(LOOPBACK, port).flushall()
    with between(request.param, marts_world, server, port) as made_of:
        yield made_of


def become(wires, mode):
    for each in wires:
        each.become(mode)


def seconds_until(client: httpx.Client, path: str) -> float:
    """How long until it answers again."""
    began = time.monotonic()
    while client.get(path).status_code != 200:
        assert time.monotonic() - began < 30
        time.sleep(0.1)
    return time.monotonic() - began


@pytest.mark.parametrize("mode", MODES)
def test_answers_are_kept_ones_or_503_and_it_recovers(mode, outage):
    client, wires = outage
    assert client.get("/health/ready").status_code == 200
    kept = {path: client.get(path).json()["data"] for path in KEPT}
    assert len({len(rows) for rows in kept.values()}) > 1
    become(wires, mode)
    time.sleep(1.1)  # what is known of versions is old now
    marked, until = 0, time.monotonic() + depth(4, 30)
    while time.monotonic() < until:
        for path, rows in kept.items():
            began = time.monotonic()
            answer = client.get(path)
            assert time.monotonic() - began < 3
            assert answer.status_code == 200, (path, answer.text)
            assert answer.json()["data"] == rows
            marked += answer.headers.get("warning", "").startswith("110")
        other = client.get(NEW)
        assert other.status_code == 503
        assert other.headers["retry-after"] == "5"
        assert client.get("/health/ready").status_code == 503
        assert client.get("/health/live").status_code == 200
    assert marked > 0
    become(wires, "up")
    assert seconds_until(client, "/health/ready") < 30
    assert seconds_until(client, NEW) < 30
    assert {path: client.get(path).json()["data"] for path in KEPT} == kept


def test_what_comes_and_goes_is_never_a_bug(outage):
    client, wires = outage
    statuses = set()
    for turn in range(depth(6, 40)):
        become(wires, ("up", "down", "up", "slow")[turn % 4])
        until = time.monotonic() + 0.4
        while time.monotonic() < until:
            for path in ("/traffic-sources", f"/devices?limit={turn + 1}"):
                statuses.add(client.get(path).status_code)
    become(wires, "up")
    assert statuses <= {200, 503}
    assert 200 in statuses
    assert seconds_until(client, "/devices?limit=99") < 30


@pytest.mark.parametrize("mode", MODES)
def test_without_the_shared_cache_answers_and_limits_go_on(tmp_path, redis_port, mode):
    world = made(tmp_path)
    with wire(redis_port) as to_redis:
        url = SecretStr(f"redis://{LOOPBACK}:{to_redis.port}")
        with asking(world, cache_url=url, api_rate=10.0, api_burst=60) as client:
            wanted = {path: client.get(path).json()["data"] for path in KEPT}
            to_redis.become(mode)
            took = []
            for turn in range(40):
                path = KEPT[turn % len(KEPT)]
                began = time.monotonic()
                answer = client.get(path)
                took.append(time.monotonic() - began)
                assert answer.status_code == 200, answer.text
                assert answer.json()["data"] == wanted[path]
            assert sorted(took)[-3] < 0.1  # a pause is taken once a second, not by everybody
            statuses = [client.get("/devices").status_code for _ in range(80)]
            assert 429 in statuses  # the limit holds, counted here
            assert set(statuses) <= {200, 429}
            to_redis.become("up")
            time.sleep(2.5)
            assert client.get("/devices").status_code == 200
            assert {path: client.get(path).json()["data"] for path in KEPT} == wanted


def test_the_lakes_own_database_may_start_again_elsewhere(tmp_path):
    world = made(tmp_path)
    embedded = Embedded.of(world.settings)
    embedded.up()
    try:
        world.publish(embedded.url(WRITER))
        chosen = marts_of(world.settings, world.registry)
        assert chosen.kind == "postgres"
        with asking(world, chosen) as client:
            assert client.get("/devices").status_code == 200
            before = embedded.port
            embedded.down()
            assert client.get("/devices?limit=7").status_code == 503
            embedded.up()
            assert embedded.port != before
            assert seconds_until(client, "/devices?limit=7") < 30
    finally:
        embedded.down()
