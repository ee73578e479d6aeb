"""An answer is made of one publication, whatever is published meanwhile."""

from __future__ import annotations

import threading
import time

import pytest
from api.api_world import asking, database_of, made

from conftest import depth

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
