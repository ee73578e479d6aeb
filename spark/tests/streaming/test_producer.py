"""Synthetic visits that come now."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from itertools import islice

import pytest

from lakehouse.streaming.producer import received, visits_of

START_US = 1_767_225_600_000_000  # 2026-01-01 00:00 UTC
N = 3_000


@pytest.fixture(scope="module")
def events():
    """The first events of a second run of the first world's people, and of others."""
    return [*islice(received(7, 200.0, START_US), N)]


def told(events):
    return [json.loads(line) for _, _, line in events]


def test_they_come_in_order_from_the_start_on_and_as_many_a_second_as_asked(events):
    moments = [moment for moment, _, _ in events]
    assert moments == sorted(moments)
    assert moments[0] >= START_US
    seconds = (moments[-1] - moments[0]) / 1_000_000
    assert 0.6 * N / 200 < seconds < 1.6 * N / 200


def test_the_same_seed_sends_the_same_and_another_one_others(events):
    again = [*islice(received(7, 200.0, START_US), 200)]
    assert again == events[:200]
    other = [*islice(received(8, 200.0, START_US), 200)]
    assert not {row["event_id"] for row in told(other)} & {row["event_id"] for row in told(again)}


def test_ids_are_unique_and_keys_are_devices(events):
    rows = told(events)
    assert len({row["event_id"] for row in rows}) == N
    assert [key for _, key, _ in events] == [row["anonymous_id"] for row in rows]


def test_a_world_that_comes_again_brings_other_people():
    n_visits, ids, users, orders = 0, Counter(), Counter(), Counter()
    for visit, salt in visits_of(3):
        n_visits += 1
        for each in visit:
            row = json.loads(each.told(START_US, salt)[1])
            ids[row["event_id"]] += 1
            if "user_id" in row:
                users[row["user_id"].partition("_")[0]] += 1
            order = row["properties"].get("transaction")
            if order and row["event_type"] == "purchase":
                orders[order["order_id"]] += 1
        if sum(ids.values()) > 45_000:  # twice the world of 20,000, and more
            break
    assert n_visits > 1_000
    assert max(ids.values()) == 1
    assert max(orders.values()) == 1
    assert users


def test_a_visit_keeps_its_distances_and_nothing_waits_long(events):
    by_view = {}
    for row in told(events):
        sent, happened, received_at = (
            datetime.fromisoformat(row[name]) for name in ("sent_at", "timestamp", "received_at")
        )
        assert 0 <= (sent - happened).total_seconds() <= 3
        by_view.setdefault(row["session_id"], []).append(received_at - (sent - happened))
    lengths = [(max(at) - min(at)).total_seconds() for at in by_view.values() if len(at) > 5]
    assert lengths
    assert max(lengths) < 7_200
