"""A real topic that is watched: figures of batches, metrics by HTTP, alerts over restarts."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from streaming.topic_records import PARTITIONS, PATIENCE_S, TOPIC, page_view
from support import command_line, environment, lakehouse, new_lake
from test_topics import EVENTS

from lakehouse.engines import ports
from lakehouse.io import ops

pytestmark = [pytest.mark.kafka, pytest.mark.turns(4), pytest.mark.spark, pytest.mark.timeout(900)]
BAD = b"{broken"
REJECTED = f"{TOPIC}: many records are rejected"


@pytest.fixture
def lake(spark, tmp_path, records, broker):
    return new_lake(tmp_path / "lake", spark, kafka_bootstrap=broker.bootstrap)


def batches(lake):
    return ops.read(lake.settings, "stream_batches", "SELECT * FROM t ORDER BY started_at")


def told(lake, title=REJECTED):
    """What the lake's own file of alerts has of one condition, and its severity."""
    path = lake.raw.parent / "ops/alerts.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    found = [json.loads(line) for line in lines]
    return [(line["severity"], line["title"]) for line in found if title in line["title"]]


def once(lake, *arguments, **settings):
    """`lakehouse stream --once` in a process of its own."""
    chosen = {"kafka_bootstrap": lake.settings.kafka_bootstrap, "alert_quiet_s": 0}
    done = lakehouse(lake, "stream", "--once", *arguments, **chosen | settings)
    assert done.code == 0, done.err
    return done


@pytest.mark.slow
def test_a_poisoned_share_is_told_once_over_processes_and_once_more_when_it_is_over(lake, records):
    n = 0
    for n_bad in (0, 5, 8, 8, 0, 0):  # of 30
        good = [page_view(n + k) for k in range(30 - n_bad)]
        n += 30
        records.send(*good, *[BAD] * n_bad)
        once(lake)
    assert told(lake) == [("warning", REJECTED), ("info", f"recovered: {REJECTED}")]
    assert [row["n_rejected"] for row in batches(lake)] == [0, 5, 8, 8, 0, 0]
    listed = lakehouse(lake, "batches", "-n", "3")
    assert listed.code == 0, listed.err
    assert "n_rejected" in listed.out
    listed = lakehouse(lake, "alerts", "--json")
    assert listed.code == 0, listed.err
    found = {row["key"]: row for row in listed.json}
    assert found[f"rejected:{TOPIC}"]["state"] == "recovered"
    assert found[f"rejected:{TOPIC}"]["not_told"] == []


def recent(n, seconds_ago, **more):
    at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    return page_view(n, **more) | {"timestamp": at.isoformat()}


@pytest.mark.spark_too
def test_a_batch_says_how_fresh_its_events_are_and_what_waits(lake, records):
    old = [recent(n, 1000) for n in range(98)]
    records.send(*old, recent(98, -3600), BAD)  # one of an hour ahead counts for nothing
    once(lake, "--most", "1000")
    first, *_ = batches(lake)
    assert (first["n"], first["waiting"], first["n_rejected"]) == (100, 0, 1)
    assert json.loads(first["waiting_by_partition"]) == {"0": 0, "1": 0, "2": 0}
    took = (first["ended_at"] - first["started_at"]).total_seconds()
    assert 1000 <= first["freshness_p50_s"] <= first["freshness_p99_s"] <= 1000 + took + 240
    span = (first["newest_event_at"] - first["oldest_event_at"]).total_seconds()
    assert 0 <= span < 60
    assert told(lake, "late") == [("warning", f"{TOPIC}: live figures are late")]
    records.send(recent(200, 7200), *(recent(n, 5) for n in range(201, 230)))
    once(lake)
    second = batches(lake)[-1]
    assert second["freshness_p50_s"] < 300
    # Of 30 events one is old: 99 % of the way from the first to the last is 0.71 between the last
    # two, 0.29 x 5 + 0.71 x 7200, and what the batch took.
    assert 5113 <= second["freshness_p99_s"] < 5113 + 300
    assert told(lake, "late")[-1] == ("info", f"recovered: {TOPIC}: live figures are late")


def scrape(port):
    """The samples of /metrics by name and labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        text = answer.read().decode()
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_stream_that_runs_is_scraped(lake, records):
    records.send(*EVENTS, BAD)
    port = ports.next_free(23_000)
    running = subprocess.Popen(
        command_line("stream", "--interval", "0.2", "--metrics-port", str(port)),
        env=environment(lake, kafka_bootstrap=lake.settings.kafka_bootstrap),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    topic = ("topic", TOPIC)
    try:
        assert "61 offsets" in running.stdout.readline()
        consumed = ("lakehouse_stream_records_total", topic)
        deadline = time.monotonic() + PATIENCE_S
        while (found := scrape(port))[consumed] < 61:
            assert time.monotonic() < deadline
        assert found[consumed] == 61
        assert found["lakehouse_stream_rejected_records_total", topic] == 1
        assert found["lakehouse_stream_batch_seconds_count", topic] == 1
        assert found["lakehouse_stream_events_per_second", topic] > 0
        lag = [
            found["lakehouse_stream_lag_records", ("partition", f"{p}"), topic]
            for p in range(PARTITIONS)
        ]
        assert lag == [0, 0, 0]
        p50, p99 = (
            found["lakehouse_stream_freshness_seconds", ("quantile", q), topic]
            for q in ("0.5", "0.99")
        )
        since = datetime(2026, 1, 5, 10, tzinfo=UTC).timestamp()
        now = found["lakehouse_stream_last_success_timestamp_seconds", topic]
        assert now - since - 3600 <= p50 <= p99 <= now - since
        busy = lakehouse(lake, "stream", "--metrics-port", str(port), kafka_bootstrap="127.0.0.1:1")
        assert busy.code == 75, "one stream a topic"
    finally:
        running.send_signal(signal.SIGTERM)
        out, err = running.communicate(timeout=60)
    assert running.returncode == 0, out + err
    assert not ports.is_taken(port)


def test_a_port_that_somebody_else_has_is_told(lake, records):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = lakehouse(
            lake,
            *("stream", "--once", "--metrics-port", str(port)),
            kafka_bootstrap=lake.settings.kafka_bootstrap,
        )
    assert done.code == 78
    assert "--metrics-port" in done.err
