"""A stream that is watched: alerts reach people once, whoever is away and whatever is restarted."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lakehouse.catalog.registry import registry
from lakehouse.catalog.status import Status
from lakehouse.engine.outcome import Outcome
from lakehouse.errors import UpstreamMissingError
from lakehouse.io import ops
from lakehouse.io.state import Account
from lakehouse.observability import alerts
from lakehouse.settings import load_settings
from lakehouse.streaming import alert_book
from lakehouse.streaming.batches import Batch
from lakehouse.streaming.watch import Watch

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
TABLE, TOPIC = "bronze.web_events", "topic_web_events"


@pytest.fixture
def webhook():
    """A server on loopback; (host:port, titles it was sent, what it answers)."""
    titles: list[str] = []
    answer = {"status": 200}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if answer["status"] == 200:
                titles.append(body["title"])
            self.send_response(answer["status"])
            self.end_headers()

        def log_message(self, *_):
            """Keep the test's output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", titles, answer
    server.shutdown()
    thread.join()
    server.server_close()


class Stream:
    """A stream whose batches are told to a watch, half a minute apart."""

    def __init__(self, settings):
        self.settings, self.now, self.said = settings, NOON, []
        self.start()

    def start(self):
        """As a process that is started, again or for the first time."""
        table = registry()[TABLE].table
        self.watch = Watch(
            self.settings, TOPIC, table, say=self.said.append, clock=lambda: self.now
        )

    def batch(self, *, waiting=0, records=50, rejected=0, error=None):
        self.now += timedelta(seconds=30)
        account = Account(rows_in=records, rows_quarantined=rejected)
        outcome = Outcome(TABLE, Status.UNCHANGED, account=account, run_id="r")
        self.watch.saw(
            Batch(
                n=records,
                seconds=2.0,
                lag={0: waiting, 1: 0},
                outcomes=() if error else (outcome,),
                error=error,
                started_at=self.now,
            )
        )

    def idle(self):
        self.now += timedelta(seconds=30)
        self.watch.looked({0: 0, 1: 0}, is_idle=True)


@pytest.fixture
def make(tmp_path):
    def made(urls="", **limits):
        chosen = {"alert_lag_records": 100, "alert_quiet_s": 60} | limits
        return Stream(load_settings(root=str(tmp_path), alert_urls=urls, **chosen))

    return made


@pytest.fixture
def told(tmp_path):
    """Severity and title of each alert in the lake's own file."""

    def read():
        path = tmp_path / "ops/alerts.jsonl"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        return [(line["severity"], line["title"]) for line in map(json.loads, lines)]

    return read


BEHIND = f"{TOPIC}: consumption is behind"
OPENED, RECOVERED = ("warning", BEHIND), ("info", f"recovered: {BEHIND}")


def test_an_alert_is_told_when_it_opens_gets_worse_and_is_over(make, told):
    stream = make()
    for waiting in (50, 200, 200, 300, 5000, 200):
        stream.batch(waiting=waiting)
    assert told() == [OPENED, ("critical", f"worse: {BEHIND}")]
    for _ in range(5):
        stream.batch()
    assert told() == [OPENED, ("critical", f"worse: {BEHIND}"), RECOVERED]
    (row,) = alert_book.newest(stream.settings, 5)
    assert row["opened_at"] == NOON + timedelta(seconds=60)
    assert row["recovered_at"] == NOON + timedelta(seconds=270)
    assert row["severity"] == "critical"
    assert stream.said == []


def test_a_process_that_starts_again_tells_nothing_twice_and_forgets_no_recovery(make, told):
    stream = make()
    for waiting in (200, 200, 0, 200, 0, 0, 0, 0):
        stream.batch(waiting=waiting)
        stream.start()
    assert told() == [OPENED, RECOVERED]
    assert alert_book.unfinished(stream.settings, TOPIC) == []


def test_control_without_the_book_each_start_tells_again_and_no_recovery(make, told, monkeypatch):
    monkeypatch.setattr(alert_book, "unfinished", lambda *_: [])
    stream = make()
    for waiting in (200, 200, 0, 0, 0):
        stream.batch(waiting=waiting)
        stream.start()
    assert told() == [OPENED, OPENED]


def test_a_topic_that_falls_silent_recovers_from_lag(make, told):
    stream = make()
    stream.batch(waiting=200)
    for _ in range(4):
        stream.idle()
    assert told() == [OPENED, RECOVERED]


def test_a_destination_that_fails_gets_it_later_and_others_only_once(make, webhook, tmp_path):
    host, titles, answer = webhook
    path = tmp_path / "alerts.jsonl"
    stream = make(f"json://{host}/x file://{path}")
    answer["status"] = 500
    stream.batch(waiting=200)
    stream.batch(waiting=200)
    assert titles == []
    assert len(path.read_text().splitlines()) == 1
    assert stream.said == ["json://#1 did not take an alert; it is tried again"] * 2
    stream.start()  # the process dies meanwhile
    answer["status"] = 200
    stream.batch(waiting=200)
    assert titles == [BEHIND]
    for _ in range(4):
        stream.batch()
    assert titles == [BEHIND, f"recovered: {BEHIND}"]
    assert len(path.read_text().splitlines()) == 2


def test_a_destination_that_fails_is_tried_with_the_next_batch_and_then_less_often(
    make, monkeypatch
):
    tried = []
    monkeypatch.setattr(alerts, "send_to", lambda *_: bool(tried.append(len(seen))))
    stream, seen = make("json://127.0.0.1:9"), []
    for n in range(12):
        seen.append(n)
        stream.batch(waiting=200)
    assert tried == [1, 2, 4, 8]


def test_what_recovered_unheard_is_told_in_order_once_somebody_listens(make, webhook):
    host, titles, answer = webhook
    answer["status"] = 500
    stream = make(f"json://{host}")
    for waiting in (200, 0, 0, 0):
        stream.batch(waiting=waiting)
    stream.start()
    assert len(alert_book.unfinished(stream.settings, TOPIC)) == 1
    answer["status"] = 200
    stream.batch()
    assert titles == [BEHIND, f"recovered: {BEHIND}"]
    assert alert_book.unfinished(stream.settings, TOPIC) == []


def test_a_poisoned_share_is_one_alert_over_batches(make, told):
    stream = make()
    for rejected in (0, 1, 10, 10, 10, 10):
        stream.batch(rejected=rejected)
    title = f"{TOPIC}: many records are rejected"
    assert told() == [("warning", title)]
    for _ in range(5):
        stream.batch()
    assert told() == [("warning", title), ("info", f"recovered: {title}")]


@pytest.mark.parametrize("broken", ["append", "read"])
def test_a_book_that_fails_stops_neither_the_stream_nor_the_alert(make, told, monkeypatch, broken):
    def fail(*_):
        raise OSError("no room")

    monkeypatch.setattr(ops, broken, fail)
    stream = make()
    stream.batch(waiting=200)
    stream.batch(waiting=200)
    assert told() == [OPENED]
    assert any("no room" in text for text in stream.said)


def test_each_batch_is_a_row_of_the_lake(make):
    stream = make()
    stream.batch(waiting=7, records=40, rejected=3)
    stream.batch(error=UpstreamMissingError("away"))
    first, second = ops.read(
        stream.settings, "stream_batches", "SELECT * FROM t ORDER BY started_at"
    )
    assert (first["topic"], first["table_name"], first["run_id"]) == (TOPIC, TABLE, "r")
    assert (first["n"], first["waiting"], first["n_rejected"]) == (40, 7, 3)
    assert json.loads(first["waiting_by_partition"]) == {"0": 7, "1": 0}
    assert (first["seconds"], first["error"]) == (2.0, None)
    assert first["ended_at"] == NOON + timedelta(seconds=30)
    assert second["error"] == "away"


def test_metrics_say_what_the_batches_were(make):
    stream = make()
    stream.batch(waiting=200, records=50, rejected=2)
    value = stream.watch.metrics.registry.get_sample_value
    of = {"topic": TOPIC}
    assert value("lakehouse_stream_lag_records", of | {"partition": "0"}) == 200
    assert value("lakehouse_stream_lag_records", of | {"partition": "1"}) == 0
    assert value("lakehouse_stream_records_total", of) == 50
    assert value("lakehouse_stream_rejected_records_total", of) == 2
    assert value("lakehouse_stream_events_per_second", of) == 25
    assert value("lakehouse_stream_batch_seconds_sum", of) == 2
    assert value("lakehouse_alerts_open", of | {"severity": "warning"}) == 1
    good = value("lakehouse_stream_last_success_timestamp_seconds", of)
    assert good == stream.now.timestamp()
    stream.batch(error=UpstreamMissingError("away"))
    assert value("lakehouse_stream_failed_batches_total", of) == 1
    assert value("lakehouse_stream_last_success_timestamp_seconds", of) == good
    stream.idle()
    assert value("lakehouse_stream_lag_records", of | {"partition": "0"}) == 0


ANOMALIES = "gold.live_anomalies"


def views(day, minutes):
    """Ten page views in each minute after 8:00 of a day of January, each of another device."""
    for minute in minutes:
        for second in range(0, 60, 6):
            at = f"2026-01-{day:02}T08:{minute:02}:{second:02}"
            yield {
                "event_id": at,
                "event_type": "page_view",
                "timestamp": f"{at}Z",
                "anonymous_id": at,
                "properties": {"page_url": "https://www.example.com/"},
            }


@pytest.mark.spark
def test_an_outage_of_visitors_is_told_once_it_is_seen_and_when_they_are_back(lake):
    settings = lake.settings.model_copy(update={"alert_quiet_s": 0.0})
    watch = Watch(settings, TOPIC, registry()[TABLE].table, say=pytest.fail)

    def batch(name, rows):
        lake.land(f"web_events/{name}.jsonl", rows)
        outcomes = lake.run(f"+{ANOMALIES}")
        watch.saw(Batch(n=1, outcomes=tuple(outcomes.values()), started_at=NOON))
        return sorted((each.title, str(each.severity)) for each in unusual())

    def unusual():  # that they are from January is told, too
        return [each for each in watch.open if "unusual" in each.title]

    whole = [row for day in range(1, 5) for row in views(day, range(60))]
    assert batch("past", [*whole, *views(5, range(21))]) == []
    # 8:31 to 8:40 had nobody: 0 where 100 were expected, 18.8 away on the scale of 2 roots. Chance
    # spreads views by 2, known of four days up to sqrt(1 + pi / 8) = 1.18: z is -8.0, high. Events
    # it spreads by 4: -3.99 is nothing yet.
    dropped = [("n_page_views is unusual: a drop", "warning")]
    assert batch("somebody", views(5, [41])) == dropped
    (worst,) = unusual()
    assert worst.text.startswith("0 where 100 was expected, in the ten minutes that ended")
    assert "2026-01-05 08:41 UTC" in worst.text
    assert batch("more", views(5, [42])) == dropped  # still so
    assert batch("all", views(5, range(43, 56))) == []
    book = [row for row in alert_book.newest(settings, 9) if "unusual" in row["title"]]
    assert sorted((row["title"], row["severity"]) for row in book) == dropped
    assert all(row["recovered_at"] for row in book)
