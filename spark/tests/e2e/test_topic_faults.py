"""A topic consumed while processes are killed: every record once, and marts as from files.

A site goes on sending, with repeats, poison, clocks that jump and partitions in no order, while
`lakehouse stream`, the broker or both are killed. Each test has a control: the same with the
protection taken away (`streamer`) loses or repeats.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Producer
from streaming.topic_records import PARTITIONS, PATIENCE_S, TABLE, TOPIC, Records, page_view
from support import command_line, environment, new_lake

from conftest import ON_DUCKDB, depth
from lakehouse.catalog import views
from lakehouse.errors import LockedError
from lakehouse.io import kafka
from lakehouse.io.fault_points import POINTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pyspark.sql import SparkSession

    from conftest import LakeDriver
    from lakehouse.streaming.broker import Broker

pytestmark = [pytest.mark.kafka, pytest.mark.turns(4), pytest.mark.spark, pytest.mark.timeout(3600)]

STREAMER = Path(__file__).with_name("streamer.py")
MART = "gold.web_5min"
CHAIN = (TABLE, "silver.web_events", "silver.page_views", MART)
"""Tables of the mart that every batch makes."""
ONLY_BRONZE = {"between_quarantine_and_table"}
EVERYWHERE = [
    (point, table)
    for table in CHAIN
    for point in POINTS
    if table == TABLE or point not in ONLY_BRONZE
]
SAMPLE = [
    ("between_quarantine_and_table", TABLE),
    ("before_publish", "silver.web_events"),
    ("before_write", MART),
]
PATIENCE = 300
AWAY_S = 120
"""How long a broker is away, in full depth."""
BATCH = f"{TOPIC}: "
POISON, REPEATS = 0.01, 0.3
ODD_CLOCKS = ("2099-01-05T10:00:00Z", "1970-01-01T00:00:00Z", "2026-01-05T23:59:59.999+14:00")


# ------------------------------------------------------------------------------- a site


class Site(threading.Thread):
    """A site that sends events until it is told to stop, and notes what the broker took.

    Attributes:
        taken: What was sent and acknowledged, each as often as it was.
    """

    def __init__(self, servers: str, seed: int, pause_s: float = 0.05) -> None:
        super().__init__(daemon=True)
        self.taken: list[bytes] = []
        self._chance = random.Random(seed)
        self._pause_s = pause_s
        self._ends = threading.Event()
        self._producer = Producer(
            {
                "bootstrap.servers": servers,
                "log_level": 0,
                "enable.idempotence": True,  # what it tries again is in the topic once
                "reconnect.backoff.max.ms": 1000,
                "message.timeout.ms": 1000 * PATIENCE,
            }
        )
        self._clocks = {f"d{n}": 0 for n in range(7)}

    def run(self) -> None:
        """Send a few at a time."""
        sent: list[bytes] = []
        while not self._ends.wait(self._pause_s):
            for _ in range(self._chance.randint(1, 8)):
                value = self._next(len(sent), sent)
                sent.append(value)
                place = self._chance.randrange(PARTITIONS)
                self._producer.produce(TOPIC, value, partition=place, on_delivery=self._note)
            self._producer.poll(0)

    def end(self) -> list[bytes]:
        """Stop sending; all that was acknowledged, which in the end is all that was sent."""
        self._ends.set()
        self.join()
        assert self._producer.flush(PATIENCE) == 0
        return self.taken

    def _note(self, error: Any, message: Any) -> None:
        assert error is None, error
        self.taken.append(message.value())

    def _next(self, n: int, sent: list[bytes]) -> bytes:
        kind = self._chance.random()
        if kind < POISON:
            return b"{broken %d" % n
        if sent and kind < POISON + REPEATS:
            return self._chance.choice(sent)
        device = self._chance.choice([*self._clocks])
        if self._chance.random() < 0.02:  # somebody sets the clock of a device
            self._clocks[device] = self._chance.randrange(-3600, 3600)
        moment = 36_000 + n // 4 + self._clocks[device]
        at = f"2026-01-05T{moment // 3600:02}:{moment // 60 % 60:02}:{moment % 60:02}Z"
        if self._chance.random() < 0.01:  # or it has none
            at = self._chance.choice(ODD_CLOCKS)
        return json.dumps(page_view(n, device) | {"timestamp": at}).encode()


# ------------------------------------------------------------------------------ the job


@dataclass
class World:
    """A lake, its broker, and a site that sends.

    Attributes:
        lake: Consumes the topic.
        broker: Its Kafka.
        site: Sends.
        seed: Of all that is left to chance.
        last: What is made after each batch, with what it needs.
    """

    lake: LakeDriver
    broker: Broker
    site: Site
    seed: int
    last: str = MART

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    @contextmanager
    def streaming(self, *arguments: str, without: str = "", **settings: Any) -> Iterator[Any]:
        """`lakehouse stream` as a process group of its own; nothing of it is left afterwards."""
        program = [sys.executable, str(STREAMER), without]
        command = [*(program if without else command_line()), "stream", "--interval", "1"]
        out = Path(self.lake.settings.root_uri) / "stream.out"
        started = environment(self.lake, kafka_bootstrap=self.lake.settings.kafka_bootstrap)
        with out.open("w") as output:
            process = subprocess.Popen(
                [*command, "--through", self.last, *arguments],
                env=started | {f"LAKEHOUSE_{k.upper()}": str(v) for k, v in settings.items()},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            kill(process)

    def batches(self) -> int:
        """Batches that the newest process told of."""
        return self.said().count(BATCH)

    def said(self) -> str:
        """What the newest process says."""
        return (Path(self.lake.settings.root_uri) / "stream.out").read_text()

    def wait_for(self, process: Any, seen: Callable[[], bool]) -> None:
        """Wait until something is so, while a process goes on."""
        deadline = time.monotonic() + PATIENCE
        while not seen():
            assert process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def killed_at(self, point: str, table: str, **more: Any) -> None:
        """Let the job kill itself where it passes a point of a table."""
        with self.streaming(fault=f"{point}@{table}", **more) as process:
            assert process.wait(PATIENCE) == -signal.SIGKILL, (point, table, self.said())

    def killed_at_random(self, n: int) -> None:
        """Kill it again and again, at any time from its start to its second batch or so."""
        began = time.monotonic()
        with self.streaming() as process:
            self.wait_for(process, lambda: self.batches() > 0)
            longest = 1.5 * (time.monotonic() - began)
        for _ in range(n):
            with self.streaming() as process, suppress(subprocess.TimeoutExpired):
                process.wait(self.chance.uniform(0, longest))

    def kill_broker(self) -> None:
        """As the machine it runs on would."""
        spot = kafka.running(self.broker.home)
        assert spot is not None
        os.kill(spot.pid, signal.SIGKILL)

    def drained(self) -> list[bytes]:
        """Let the site end and consume all; what it sent."""
        sent = self.site.end()
        with self.streaming("--once") as process:
            assert process.wait(PATIENCE) == 0, self.said()
        return sent


def kill(process: Any) -> None:
    """With all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def world(spark: SparkSession, tmp_path: Path, broker: Broker) -> Iterator[World]:
    broker.up()
    Records(broker.bootstrap or "").make()
    seed = int(os.environ.get("FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
    print(f"FAULT_SEED={seed}")  # noqa: T201  # shown when the test fails
    lake = new_lake(tmp_path / "lake", spark, kafka_bootstrap=broker.bootstrap)
    site = Site(broker.bootstrap or "", seed)
    site.start()
    yield World(lake, broker, site, seed)
    broker.up()
    site.end()


# ---------------------------------------------------------------------- what must hold


def found_in(lake: LakeDriver) -> tuple[Counter[str], Counter[bytes]]:
    """How often each event stands in bronze, and each reject in the quarantine."""
    events = Counter(row["event_id"] for row in lake.rows(TABLE))
    rejected = views.rejected(lake.registry[TABLE].table, lake.settings, None)
    return events, Counter(row["raw"] for row in rejected)


def astray(lake: LakeDriver, sent: list[bytes]) -> list[bytes]:
    """What was sent and is not exactly once in bronze, or as often as sent among the rejects."""
    events, rejected = found_in(lake)

    def is_right(value: bytes, n: int) -> bool:
        if value.startswith(b"{broken"):
            return rejected[value] == n
        here = events[json.loads(value)["event_id"]]
        return (here, rejected[value]) in {(1, 0), (0, n)}

    return [value for value, n in Counter(sent).items() if not is_right(value, n)]


def assert_as_from_files(
    lake: LakeDriver, sent: list[bytes], tmp_path: Path, tables: Sequence[str]
) -> None:
    """Tables and rejects are those of a lake that got the same records in one file."""
    other = new_lake(tmp_path / "by files", lake.spark)
    target = other.raw / "web_events/1.jsonl"
    target.parent.mkdir(parents=True)
    target.write_bytes(b"".join(value + b"\n" for value in sent))
    other.run(f"+{tables[-1]}")
    for table in tables:
        ours, theirs = (sorted(map(repr, each.rows(table))) for each in (lake, other))
        assert ours == theirs, table
    assert found_in(lake)[1] == found_in(other)[1]


def assert_right(world: World, tmp_path: Path) -> None:
    """Everything that was sent is where it belongs, once."""
    sent = world.drained()
    assert astray(world.lake, sent) == []
    assert len(set(sent)) > 10
    assert_as_from_files(world.lake, sent, tmp_path, CHAIN[: CHAIN.index(world.last) + 1])


# ------------------------------------------------------------------- kills of the job


@pytest.mark.skipif(not ON_DUCKDB, reason="on Spark at full length")
def test_killed_at_a_point_at_random_and_with_its_broker_everything_is_there_once(world, tmp_path):
    world.last = "silver.web_events"
    world.killed_at(*SAMPLE[world.seed % 2])
    world.killed_at_random(1)
    kill_broker_and_both(world, 3)
    assert_right(world, tmp_path)


@pytest.mark.slow
def test_killed_at_every_point_and_thirty_times_at_random(world, tmp_path):
    for point, table in depth(SAMPLE, EVERYWHERE):
        world.killed_at(point, table)
    world.killed_at_random(depth(3, 30))
    assert_right(world, tmp_path)


@pytest.mark.slow
def test_control_a_position_that_is_stored_before_its_rows_loses_them(world):
    wait_for_records(world)
    world.lake.run(TABLE)
    world.killed_at("before_write", TABLE, without="positions_apart_from_rows")
    assert astray(world.lake, world.drained()), "what was about to be written is gone"


@pytest.mark.slow
def test_control_ranges_with_names_of_their_own_reject_twice(world):
    """A site that sends poison only, so that a killed batch has some."""
    world.site.end()
    records = Records(world.broker.bootstrap or "")
    broken = [b"{broken %d" % n for n in range(6)]
    records.send(page_view(1), *broken)
    world.killed_at("before_publish", TABLE, without="ranges_of_a_process")
    with world.streaming("--once", without="ranges_of_a_process") as process:
        assert process.wait(PATIENCE) == 0, world.said()
    assert set(found_in(world.lake)[1].values()) == {2}


def wait_for_records(world: World) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while len(world.site.taken) < 5:  # some
        assert time.monotonic() < deadline
        time.sleep(0.05)


# ----------------------------------------------------------------- kills of the broker


def kill_broker_and_both(world: World, away_s: float) -> None:
    with world.streaming() as process:
        world.wait_for(process, lambda: world.batches() > 0)
        world.kill_broker()
        with suppress(subprocess.TimeoutExpired):
            process.wait(away_s)
        assert process.poll() is None, world.said()
        world.broker.up()
        told = world.batches()
        world.wait_for(process, lambda: world.batches() > told)
        world.kill_broker()
    world.broker.up()


@pytest.mark.slow
def test_a_broker_that_is_away_for_long_is_waited_for(world, tmp_path):
    kill_broker_and_both(world, depth(10, AWAY_S))
    assert_right(world, tmp_path)


@pytest.mark.slow
def test_control_without_another_attempt_the_job_ends_with_its_broker(world):
    with world.streaming(without="retry") as process:
        world.wait_for(process, lambda: world.batches() > 0)
        world.kill_broker()
        assert process.wait(PATIENCE) != 0
    world.broker.up()


# -------------------------------------------------------------------- two at a time


def second(world: World, without: str = "", **settings: Any) -> tuple[int, str]:
    """How one ends that is started beside the first, and what it says."""
    program = [sys.executable, str(STREAMER), without]
    servers = world.lake.settings.kafka_bootstrap
    done = subprocess.run(
        [*(program if without else command_line()), "stream", "--once"],
        env=environment(world.lake, kafka_bootstrap=servers, **settings),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.slow
def test_a_second_one_is_told_until_the_first_is_killed(world):
    with world.streaming(lock_timeout_s=60) as process:
        world.wait_for(process, lambda: world.batches() > 0)
        code, said = second(world)
        assert code == LockedError.exit_code
        assert f"pid {process.pid}" in said
        code, _ = second(world, without="lock", lock_timeout_s=60)
        assert code == 0, "control: nobody tells it"
    code, said = second(world)
    assert code == 0, said
