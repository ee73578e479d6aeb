"""Visitors that come now, and what is seen of them: `lakehouse produce` and `lakehouse live`."""

from __future__ import annotations

import re
import signal
import subprocess
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psutil
import pytest
from streaming.topic_records import TABLE, TOPIC, Records
from support import command_line, environment, new_lake

from lakehouse.cli.live import line, sparkline
from lakehouse.errors import BrokerError
from lakehouse.reporting.live import TABLES, frame
from lakehouse.streaming.producer import Plan, produce

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

    from conftest import LakeDriver
    from lakehouse.streaming.broker import Broker

pytestmark = [pytest.mark.kafka, pytest.mark.turns(4), pytest.mark.spark, pytest.mark.timeout(900)]
PATIENCE_S = 240


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path, records: Records, broker: Broker) -> LakeDriver:
    return new_lake(tmp_path / "lake", spark, kafka_bootstrap=broker.bootstrap)


def test_what_was_sent_is_accepted_and_shown_and_what_was_broken_is_rejected(lake):
    plan = Plan(rate=150.0, seconds=4, seed=5, broken=0.05, repeated=0.1)
    sent = produce(lake.settings, TOPIC, plan, threading.Event())
    assert min(sent.events // 100, sent.broken, sent.repeated) > 0
    done = lake.run(*(f"+{name}" for name in TABLES))
    account = done[TABLE].account
    assert account.rows_loaded == sent.events
    assert account.rows_deduplicated == sent.repeated
    assert account.rows_quarantined == sent.broken
    views = lake.rows("gold.live_page_views")
    assert sum(row["n_events"] for row in views if row["page_id"] is None) == sent.events


def test_what_does_not_arrive_is_not_told_as_sent(lake):
    plan = Plan(rate=150.0, seconds=20, seed=5)
    with pytest.raises(BrokerError, match=r"records did not reach nowhere: .*[Uu]nknown"):
        produce(lake.settings, "nowhere", plan, threading.Event())


def test_what_happened_before_is_sent_at_once(lake):
    began = time.time()
    plan = Plan(rate=0.5, seconds=3600, ago=3600, seed=5)  # an hour, that has passed
    sent = produce(lake.settings, TOPIC, plan, threading.Event())
    lake.run(TABLE)
    moments = [row["received_at"].timestamp() for row in lake.rows(TABLE)]
    assert len(moments) == sent.events > 100
    assert began - 3600 <= min(moments)
    assert max(moments) - min(moments) > 1800
    assert max(moments) < began


def test_visitors_are_seen_and_who_watches_ends_all_that_was_started(lake):
    servers = {"kafka_bootstrap": lake.settings.kafka_bootstrap, "engine": "duckdb"}
    around = environment(lake, **servers) | {"PYTHONUNBUFFERED": "1"}
    command = command_line("live", "--rate", "40")
    with subprocess.Popen(command, env=around, stdout=subprocess.PIPE, text=True) as process:
        deadline, told = time.monotonic() + PATIENCE_S, ""
        assert process.stdout is not None
        for told in process.stdout:
            if re.search(r"[1-9]\d* visitors", told) or time.monotonic() > deadline:
                break
        children = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    assert re.search(r"[1-9]\d* visitors, [1-9]\d* page views", told), told
    assert len(children) == 2
    assert process.returncode == 0
    assert not any(each.is_running() for each in children)
    again = subprocess.run(
        command_line("live", "--once"), env=around, capture_output=True, text=True, check=True
    )
    assert "visitors" in again.stdout


def test_who_is_killed_leaves_nobody_behind(lake):
    servers = {"kafka_bootstrap": lake.settings.kafka_bootstrap, "engine": "duckdb"}
    around = environment(lake, **servers) | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command_line("live", "--rate", "5"), env=around, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert "waiting for the first batch" in process.stdout.readline()
        children = psutil.Process(process.pid).children()
        process.kill()
    assert len(children) == 2
    _, alive = psutil.wait_procs(children, timeout=PATIENCE_S)
    for each in alive:
        each.kill()
    assert not alive


def test_before_the_first_batch_it_says_that_it_waits(lake):
    shown = frame(lake.settings, datetime.now(UTC))
    assert line(shown) == "waiting for the first batch"


def test_bars_are_as_high_as_the_values():
    assert sparkline((0, 5, 10)) == "▁▅█"
    assert sparkline(()) == ""
    assert sparkline((0, 0)) == "▁▁"
