"""The lake's own Kafka: made once, reused, brought back after a kill, and gone when told to go."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from streaming.kafka_server import consume, produce

from lakehouse.errors import BrokerError, ConfigError, UpstreamMissingError
from lakehouse.io import kafka
from lakehouse.io.kafka import client_config
from lakehouse.landing.topic import Topic
from lakehouse.settings import load_settings
from lakehouse.streaming import server_properties
from lakehouse.streaming.broker import Broker
from lakehouse.streaming.topics import Held, create, topics

pytestmark = pytest.mark.kafka


@pytest.fixture
def another(tmp_path):
    """The broker of another lake, not started, on a folder whose name needs care."""
    own = Broker.of(load_settings(root=str(tmp_path / "a lake, ü=1")))
    yield own
    own.down()


def pid_of(broker):
    spot = kafka.running(broker.home)
    assert spot
    return spot.pid


def has_ended(process):
    """Whether it holds nothing any more; init may not have asked for its exit code yet."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
    except psutil.NoSuchProcess:
        return True


def cluster_id(broker):
    lines = (broker.data / "meta.properties").read_text().splitlines()
    return next(line for line in lines if line.startswith("cluster.id="))


def test_a_second_start_finds_the_first(broker):
    pid = pid_of(broker)
    assert broker.up() is False
    assert pid_of(broker) == pid


def test_it_listens_on_loopback_alone_and_is_nobodys_child(broker):
    process = psutil.Process(pid_of(broker))
    listening = [c.laddr for c in process.net_connections() if c.status == "LISTEN"]
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
    assert len(listening) == 2
    assert process.ppid() != os.getpid()
    assert os.getsid(process.pid) != os.getsid(0)
    assert stat.S_IMODE(broker.home.stat().st_mode) == 0o700


def test_a_killed_broker_comes_back_with_its_messages_and_at_its_address(broker, kafka_lake):
    create(kafka_lake, "killed", 2)
    produce(kafka_lake, "killed", [b"a", b"b"])
    produce(kafka_lake, "killed", [b"c"], partition=1)
    before = (broker.bootstrap, cluster_id(broker))
    process = psutil.Process(pid_of(broker))
    os.kill(process.pid, signal.SIGKILL)
    while not has_ended(process):
        time.sleep(0.1)
    assert broker.bootstrap is None
    with pytest.raises(ConfigError, match="lakehouse kafka up"):
        kafka.client_config(kafka_lake)
    assert broker.up() is True
    assert (broker.bootstrap, cluster_id(broker)) == before
    produce(kafka_lake, "killed", [b"d"])
    assert consume(kafka_lake, "killed", 3) == [b"a", b"b", b"d"]
    assert consume(kafka_lake, "killed", 1, partition=1) == [b"c"]
    mine = [held for held in topics(kafka_lake) if held.topic == "killed"]
    assert mine == [Held("killed", 0, 0, 3), Held("killed", 1, 0, 1)]


def test_it_stops_to_the_last_process_and_keeps_its_data(broker, kafka_lake):
    create(kafka_lake, "kept", 1)
    produce(kafka_lake, "kept", [b"42"])
    process = psutil.Process(pid_of(broker))
    family = [process, *process.children(recursive=True)]
    address = broker.bootstrap
    assert broker.down() is True
    assert all(map(has_ended, family))
    assert broker.bootstrap is None
    assert broker.down() is False
    assert broker.up() is True
    assert broker.bootstrap == address
    assert consume(kafka_lake, "kept", 1) == [b"42"]


def test_an_address_taken_meanwhile_is_left_to_who_has_it(broker, kafka_lake):
    create(kafka_lake, "moved", 1)
    produce(kafka_lake, "moved", [b"1"])
    address = broker.bootstrap
    host, _, port = address.partition(":")
    broker.down()
    with socket.create_server((host, int(port))):
        assert broker.up() is True
        assert broker.bootstrap != address
        assert consume(kafka_lake, "moved", 1) == [b"1"]


def test_brokers_of_two_lakes_stand_side_by_side(broker, kafka_lake, another, monkeypatch):
    monkeypatch.setenv("LAKEHOUSE_KAFKA_PASSWORD", "not for a process that stays")
    monkeypatch.setattr(server_properties, "LOG_BYTES", 20_000)
    theirs = load_settings(root=str(another.home.parent))
    # Two commands at once, of which one starts it.
    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(lambda _: another.up(), range(2))) == [False, True]
    assert another.bootstrap != broker.bootstrap
    assert cluster_id(another) != cluster_id(broker)
    create(kafka_lake, "ours", 1)
    assert create(theirs, "theirs", 1) is True
    assert [held.topic for held in topics(theirs)] == ["theirs"]
    assert "theirs" not in {held.topic for held in topics(kafka_lake)}
    names = psutil.Process(pid_of(another)).environ()
    assert not [name for name in names if name.startswith("LAKEHOUSE_")]
    logs = {path.name: path.stat().st_size for path in another.home.glob("broker.log*")}
    assert set(logs) == {"broker.log", "broker.log.1"}
    assert max(logs.values()) < 30_000  # it is full after the line that filled it
    another.down()
    assert broker.bootstrap is not None


def test_a_process_that_took_the_number_is_no_broker(broker, kafka_lake, another):
    another.home.mkdir(parents=True)
    ours = kafka.remembered(broker.home)
    assert ours
    with subprocess.Popen(["sleep", "600"]) as stranger:
        try:
            for pid in (stranger.pid, ours.pid):
                kafka.remember(another.home, kafka.Spot(pid, ours.bootstrap, ours.controller))
                assert another.bootstrap is None
                assert another.down() is False
            assert stranger.poll() is None
            assert broker.bootstrap == ours.bootstrap
        finally:
            stranger.kill()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}'])
def test_what_nobody_can_read_is_no_broker(another, content):
    another.home.mkdir(parents=True)
    (another.home / "broker.json").write_text(content)
    assert another.bootstrap is None


def test_a_making_that_died_is_made_again(another, monkeypatch):
    another.home.mkdir(parents=True)
    half = another.data / "__cluster_metadata-0"
    half.mkdir(parents=True)
    (half / "00000000000000000000-0000000000.checkpoint").write_bytes(b"half")
    assert another.up() is True
    assert another.bootstrap


def test_what_does_not_start_says_why(another):
    another.home.mkdir(parents=True)
    another.data.write_text("no folder")
    with pytest.raises(BrokerError, match=r"java\.out ends with"):
        another.up()
    assert another.bootstrap is None


def test_a_login_is_asked_for_and_never_told(another, tmp_path, monkeypatch):
    """The configuration that the settings make, at a broker that insists on it."""

    def with_login(spot):
        own = f"LOGIN://127.0.0.1:{port}"
        listeners = f"BROKER://{spot.bootstrap},CONTROLLER://{spot.controller},{own}"
        protocols = "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_PLAINTEXT"
        module = "org.apache.kafka.common.security.plain.PlainLoginModule"
        jaas = f'{module} required user_who="geheim" ;'
        return server_properties.server_properties(spot) + (
            f"listeners={listeners}\n"
            f"advertised.listeners=BROKER://{spot.bootstrap},{own}\n"
            f"listener.security.protocol.map={protocols}\n"
            "listener.name.login.sasl.enabled.mechanisms=PLAIN\n"
            f"listener.name.login.plain.sasl.jaas.config={jaas}\n"
        )

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setattr("lakehouse.streaming.broker.server_properties", with_login)
    another.up()
    named = {
        "kafka_bootstrap": f"127.0.0.1:{port}",
        "kafka_security": "sasl_plaintext",
        "kafka_username": "who",
    }
    right = load_settings(root=str(tmp_path), kafka_password="geheim", **named)  # noqa: S106
    assert create(right, "guarded", 1) is True
    produce(right, "guarded", [b"in"])
    assert consume(right, "guarded", 1) == [b"in"]
    wrong = load_settings(root=str(tmp_path), kafka_password="verraten", **named)  # noqa: S106
    feeds = [Topic("guarded", client_config(each)) for each in (right, wrong)]
    assert feeds[0].look(None).n == 1
    for ask in (lambda: topics(wrong), lambda: feeds[1].look(None)):
        with pytest.raises(ConfigError, match="refused") as raised:
            ask()
        assert raised.value.exit_code == 78
        assert "verraten" not in f"{raised.value!r} {raised.value.details}"
    another.down()
    with pytest.raises(UpstreamMissingError, match="does not answer"):  # and no refused login
        feeds[1].look(None)


def test_the_commands_start_use_and_stop_it(another):
    def lakehouse(*arguments, **more):
        done = subprocess.run(
            [sys.executable, "-m", "lakehouse", "kafka", *arguments],
            env=os.environ | {"LAKEHOUSE_ROOT": str(another.home.parent)} | more,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
        )
        return done.returncode, done.stdout + done.stderr

    assert lakehouse("url")[0] == 78
    assert lakehouse("down") == (0, "Kafka is not running\n")
    code, said = lakehouse("up", LAKEHOUSE_KAFKA_BOOTSTRAP="kafka.example.org:9092")
    assert (code, said) == (0, "LAKEHOUSE_KAFKA_BOOTSTRAP is set; nothing to start\n")
    assert another.bootstrap is None
    code, said = lakehouse("up")
    assert code == 0, said
    assert f"Kafka started at {another.bootstrap}" in said
    assert "is running" in lakehouse("up")[1]
    assert lakehouse("url") == (0, f"{another.bootstrap}\n")
    assert lakehouse("create", "topic.web", "--partitions", "2") == (0, "topic.web created\n")
    assert lakehouse("create", "topic.web", "--partitions", "2") == (0, "topic.web is there\n")
    code, said = lakehouse("create", "topic.web", "--partitions", "3")
    assert code == 78
    assert "with 2 partitions" in said
    assert lakehouse("create", "no/topic")[0] == 78
    code, said = lakehouse("topics", "--json")
    assert code == 0
    assert json.loads(said) == [
        {"topic": "topic.web", "partition": 0, "low": 0, "high": 0},
        {"topic": "topic.web", "partition": 1, "low": 0, "high": 0},
    ]
    assert lakehouse("down") == (0, "Kafka stopped\n")
    assert lakehouse("topics")[0] == 78
