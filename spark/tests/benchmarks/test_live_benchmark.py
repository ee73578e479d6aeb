"""How fresh live marts are, told by a lake's books and by its events."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.live import BRONZE, WARM_UP_S, Flow, _told, markdown
from lakehouse.io import ops

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
MET = Flow(
    engine="duckdb",
    asked=5000,
    rate=4990.4,
    p50_s=9.96,
    p99_s=19.97,
    longest_s=21,
    batches=60,
    batch_s=9.5,
    waiting=1200,
    memory_mib=(500, 510, 505, 1508),
    cores=1.2,
    backlog=1_000_000,
    caught_up_s=100,
)


def event(number, at):
    return {
        "event_id": f"e{number}",
        "event_type": "page_view",
        "timestamp": at.isoformat(),
        "anonymous_id": "a",
        "properties": {"page_url": "https://www.example.com/"},
    }


@pytest.mark.spark
def test_each_event_counts_with_its_own_age_and_those_of_the_warm_up_do_not(lake):
    begins = (0, WARM_UP_S, WARM_UP_S + 10, WARM_UP_S + 60)
    ages = ((100, 100), (20, 11), (12, 12, 40), (300,))
    for n, (begin, its) in enumerate(zip(begins, ages, strict=True)):
        started = NOON + timedelta(seconds=begin)
        ended = started + timedelta(seconds=8)
        happened = [ended - timedelta(seconds=age) for age in its]
        rows = [event(10 * n + number, at) for number, at in enumerate(happened)]
        lake.land(f"web_events/{n}.jsonl", rows)
        run_id = lake.run(BRONZE)[BRONZE].run_id
        row = {"started_at": started, "ended_at": ended, "seconds": 6.0 + n, "waiting": n}
        ops.append(lake.settings, "stream_batches", [row | {"run_id": run_id, "n": len(its)}])
    # Of two batches: the first warms up, and when the last began nothing came any more.
    assert _told(lake.settings, WARM_UP_S + 60) == {
        "rate": 5 / 18,
        "p50_s": 12.0,
        "p99_s": pytest.approx(20 + 0.96 * 20),  # the place 0.99 x 4 of five, from 20 to 40
        "longest_s": 40.0,
        "batches": 2,
        "batch_s": 7.5,
        "waiting": 2,
    }


@pytest.mark.parametrize(
    ("flow", "told"),
    [
        (MET, "p99 ≤ 20 s at 5,000/s: met"),
        (replace(MET, p99_s=20.1), "p99 ≤ 20 s at 5,000/s: not met"),
        (replace(MET, asked=4000), "p99 ≤ 20 s at 5,000/s: not met"),
        (replace(MET, engine="spark", asked=2000, p99_s=60), "p99 ≤ 60 s at 2,000/s: met"),
    ],
)
def test_the_page_says_whether_the_target_is_met(flow, told):
    about = {"command": "make it", "date": "2026-01-05", "cores": 2, "memory_gib": 23.5}
    page = markdown([flow], 10, about)
    assert f"| target | {told} |" in page
    assert "1,000,000 in 100 s (10,000/s)" in page
    assert "500, 510, 505, 1,508 MiB" in page
