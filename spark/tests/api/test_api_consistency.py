"""An answer is made of one publication, whatever is published meanwhile; and outages pass."""

from __future__ import annotations

import threading
import time

import httpx
import pytest
from api.api_world import asking, database_of, made
from api.outages import wire

from conftest import depth
from lakehouse.api.app import marts_of
from lakehouse.serving.embedded import WRITER, Embedded

WATCHED = ("gold.feature_conversion_impact", "gold.feature_conversion_lift", "gold.page_metrics")
ROUNDS = depth(5, 40)
PATHS = ("/growth/impact", "/pages/home/metrics")
SQL = {
    "sql": "SELECT i.total_users, l.n_used FROM gold.feature_conversion_impact AS i "
    "CROSS JOIN gold.feature_conversion_lift AS l"
}


def assert_of_one_publication(answer):
    assert answer.status_code == 200, answer.text
    told = answer.json()
    versions, rows = told["data_version"], told["data"]
    assert rows
    for row in rows:
        found = {
            "gold.feature_conversion_impact": row.get("total_users"),
            "gold.feature_conversion_lift": row.get("n_used"),
            "gold.page_metrics": row.get("n_views"),
        }
        assert {name: found[name] for name in versions} == versions


def watch(client, stop, seen, failures):
    """Ask without a pause, past the cache and through it."""
    limit = 1000
    while not stop.is_set():
        limit -= 1  # a new question each time: the cache does not answer it
        for path in PATHS:
            for asked in (path, f"{path}?limit={max(limit, 100)}"):
                try:
                    answer = client.get(asked)
                    assert_of_one_publication(answer)
                    seen.add((path, str(answer.json()["data_version"])))
                except AssertionError as error:
                    failures.append(str(error))
        try:
            assert_of_one_publication(client.post("/query", json=SQL))
        except AssertionError as error:
            failures.append(str(error))


@pytest.mark.e2e
@pytest.mark.parametrize("kind", ["lake", pytest.param("postgres", marks=pytest.mark.serving)])
def test_no_answer_mixes_versions_while_they_are_published(kind, tmp_path, request):
    world = made(tmp_path)
    database = None
    if kind == "postgres":
        database = database_of(request.getfixturevalue("server"), "api_loop")
        world.publish(database.writer)
    with asking(world, database.marts(world) if database else None) as client:
        stop, seen, failures = threading.Event(), set(), []
        readers = [
            threading.Thread(target=watch, args=(client, stop, seen, failures)) for _ in range(3)
        ]
        for reader in readers:
            reader.start()
        try:
            for turn in range(ROUNDS):
                for name in WATCHED:
                    world.audit(name)
                    if database:  # by difference, and by another table in the old one's place
                        world.publish(database.writer, name, rebuild=turn % 2 == 1)
                time.sleep(0.2)
        finally:
            stop.set()
            for reader in readers:
                reader.join()
    assert not failures, (len(failures), failures[0])
    assert len(seen) > ROUNDS  # many versions were seen, not one


@pytest.mark.serving
@pytest.mark.parametrize("mode", ["down", "frozen"])
def test_without_the_database_answers_are_kept_ones_or_503_and_it_recovers(
    mode, marts_world, server
):
    database = database_of(server, "api_outage")
    marts_world.publish(database.writer)
    with wire(server.port) as between:
        through = database.__class__(
            *(
                url.replace(f":{server.port}/", f":{between.port}/")
                for url in vars(database).values()
            )
        )
        with asking(marts_world, through.marts(marts_world, deadline_s=0.5)) as client:
            assert client.get("/health/ready").status_code == 200
            kept = client.get("/pages/home/metrics")
            between.become(mode)
            time.sleep(1.1)  # what is known of versions is old now
            statuses, stale = set(), 0
            until = time.monotonic() + 4
            while time.monotonic() < until:
                began = time.monotonic()
                answer = client.get("/pages/home/metrics")
                assert time.monotonic() - began < 3
                statuses.add(answer.status_code)
                stale += answer.headers.get("warning", "").startswith("110")
                assert answer.json()["data"] == kept.json()["data"]
                other = client.get("/devices?limit=7")
                assert other.status_code == 503
                assert other.headers["retry-after"] == "5"
                assert client.get("/health/ready").status_code == 503
                assert client.get("/health/live").status_code == 200
            assert statuses == {200}
            assert stale > 0
            between.become("up")
            assert seconds_until(client, "/devices?limit=7") < 30
            assert client.get("/health/ready").status_code == 200


@pytest.mark.serving
def test_a_database_that_comes_and_goes_is_never_a_bug(marts_world, server):
    database = database_of(server, "api_flapping")
    marts_world.publish(database.writer)
    with wire(server.port) as between:
        through = database.__class__(
            *(
                url.replace(f":{server.port}/", f":{between.port}/")
                for url in vars(database).values()
            )
        )
        with asking(marts_world, through.marts(marts_world, deadline_s=0.5)) as client:
            statuses = set()
            for turn in range(depth(6, 40)):
                between.become("down" if turn % 2 else "up")
                until = time.monotonic() + 0.4
                while time.monotonic() < until:
                    for path in ("/traffic-sources", f"/devices?limit={turn + 1}"):
                        statuses.add(client.get(path).status_code)
            between.become("up")
            assert statuses <= {200, 503}
            assert 200 in statuses
            assert seconds_until(client, "/devices?limit=99") < 30


@pytest.mark.serving
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


def seconds_until(client: httpx.Client, path: str) -> float:
    """How long until it answers again."""
    began = time.monotonic()
    while client.get(path).status_code != 200:
        assert time.monotonic() - began < 30
        time.sleep(0.1)
    return time.monotonic() - began
