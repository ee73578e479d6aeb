"""Alerts reach every destination, and tell nobody where those are."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conftest import call_main
from lakehouse.cli import operations
from lakehouse.errors import AlertError, ConfigError
from lakehouse.observability.alerts import Alert, Severity, destinations, named, send
from lakehouse.settings import Settings, load_settings

SECRET = "hunter2-T0K3N"  # noqa: S105  # what must not show up anywhere


@pytest.fixture
def webhook():
    """A server on loopback that keeps what it is sent; (host:port, received, answer)."""
    received: list[tuple[str, dict]] = []
    answer = {"status": 200}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, json.loads(body)))
            self.send_response(answer["status"])
            self.end_headers()

        def log_message(self, *_):
            """Keep the test's output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", received, answer
    server.shutdown()
    thread.join()
    server.server_close()


def settings(*urls: str) -> Settings:
    return load_settings(alert_urls=" ".join(urls))


def lines(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_webhook_and_a_file_both_get_the_alert(webhook, tmp_path):
    host, received, _ = webhook
    path = tmp_path / "new folder" / "Alerts.jsonl"
    chosen = settings(f"json://{host}/hook", f"file://{str(path).replace(' ', '%20')}")
    alert = Alert("gold.x is stale", "Last green run 30 h ago.\nLook: äöü", Severity.CRITICAL)
    assert send(chosen, alert) == ["json://", "file://"]
    [(where, message)] = received
    assert where == "/hook"
    assert message["title"] == "gold.x is stale"
    assert message["message"] == "Last green run 30 h ago.\nLook: äöü"
    assert message["type"] == "failure"
    [line] = lines(path)
    assert line.pop("at").endswith("+00:00")
    assert line == {
        "title": "gold.x is stale",
        "body": "Last green run 30 h ago.\nLook: äöü",
        "severity": "critical",
    }


def test_a_file_gets_one_line_per_alert_and_the_severity_as_it_was(tmp_path):
    path = tmp_path / "alerts.jsonl"
    for severity in Severity:
        send(settings(f"file://{path}"), Alert(f"about {severity}", severity=severity))
    assert [(line["title"], line["body"], line["severity"]) for line in lines(path)] == [
        ("about info", "", "info"),
        ("about warning", "", "warning"),
        ("about critical", "", "critical"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("json://a/b", ["json://a/b"]),
        (" json://a , file:///b\n,slack://c,", ["json://a", "file:///b", "slack://c"]),
        ("json://a,file:///b", ["json://a", "file:///b"]),
        ("mailto://h?to=a@x.org,b@x.org json://a", ["mailto://h?to=a@x.org,b@x.org", "json://a"]),
    ],
    ids=["one", "blanks and commas", "a comma", "a comma within"],
)
def test_urls_are_separated_by_blanks_or_commas(text, expected):
    assert destinations(load_settings(alert_urls=text)) == expected


def test_where_none_is_named_the_lake_has_a_file(tmp_path):
    chosen = load_settings(root=str(tmp_path / "a lake"))
    assert send(chosen, Alert("x")) == ["file://"]
    assert [line["title"] for line in lines(tmp_path / "a lake/ops/alerts.jsonl")] == ["x"]
    assert destinations(load_settings(root="s3a://bucket/lake")) == []


def test_names_of_destinations_give_no_secret_away():
    chosen = settings(f"slack://{SECRET}", f"json://a:{SECRET}@b", f"json://{SECRET}")
    assert list(named(chosen)) == ["slack://#1", "json://#2", "json://#3"]


def test_a_destination_that_fails_is_named_by_its_scheme_and_stops_no_other(webhook, tmp_path):
    host, received, answer = webhook
    answer["status"] = 500
    path = tmp_path / "alerts.jsonl"
    with pytest.raises(AlertError) as raised:
        send(settings(f"json://user:{SECRET}@{host}/{SECRET}", f"file://{path}"), Alert("x"))
    assert raised.value.exit_code == 75
    assert raised.value.details == {"wrong": [], "failed": ["json://"]}
    assert SECRET not in str(raised.value)
    assert len(received) == len(lines(path)) == 1


def test_a_file_that_cannot_be_written_is_a_destination_that_fails(tmp_path):
    with pytest.raises(AlertError):
        send(settings(f"file://{tmp_path}"), Alert("x"))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"nosuch://{SECRET}@host", "nosuch://"),
        (f"slack://{SECRET}", "slack://"),
        (SECRET, "(no scheme)"),
    ],
    ids=["unknown scheme", "incomplete", "no url"],
)
def test_a_wrong_url_is_a_wrong_setting(url, shown, tmp_path):
    path = tmp_path / "alerts.jsonl"
    with pytest.raises(ConfigError) as raised:
        send(settings(url, f"file://{path}"), Alert("x"))
    assert raised.value.details["wrong"] == [shown]
    assert SECRET not in str(raised.value)
    assert len(lines(path)) == 1


def test_the_setting_never_shows_its_value(monkeypatch):
    monkeypatch.setenv("LAKEHOUSE_ALERT_URLS", f"json://{SECRET}@host")
    assert SECRET not in repr(load_settings())
    assert SECRET not in str(load_settings().model_dump())
    monkeypatch.setenv("LAKEHOUSE_PARALLELISM", "many")
    with pytest.raises(ConfigError) as raised:
        load_settings()
    assert SECRET not in repr(raised.value.details)
    with pytest.raises(ConfigError) as raised:
        load_settings(alert_urls=[SECRET])
    assert "LAKEHOUSE_ALERT_URLS=***" in str(raised.value)
    assert SECRET not in repr(raised.value.details)


def run(monkeypatch, capfd, *arguments: str) -> tuple[int, str, str]:
    """`lakehouse alert …` in this process."""
    monkeypatch.setattr(operations, "current_settings", load_settings)
    return call_main(monkeypatch, "alert", *arguments), *capfd.readouterr()


def test_the_command_without_urls_prints_the_alert_and_the_setting(monkeypatch, capfd, tmp_path):
    monkeypatch.setenv("LAKEHOUSE_ROOT", str(tmp_path))
    code, out, err = run(monkeypatch, capfd, "late [again]", "--body", "see runs")
    assert code == 0
    assert out.splitlines() == ["warning: late [again]", "see runs"]
    assert f"only {tmp_path}/ops/alerts.jsonl has it" in err
    assert "LAKEHOUSE_ALERT_URLS" in err
    assert [line["title"] for line in lines(tmp_path / "ops/alerts.jsonl")] == ["late [again]"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [(f"json://{SECRET}@127.0.0.1:9/{SECRET}", 75), (f"nosuch://{SECRET}", 78)],
    ids=["nobody listens", "no such scheme"],
)
def test_the_command_says_which_destination_failed_and_no_more(monkeypatch, capfd, url, expected):
    monkeypatch.setenv("LAKEHOUSE_ALERT_URLS", url)
    code, out, err = run(monkeypatch, capfd, "late", "--severity", "critical")
    assert code == expected
    assert url.partition("://")[0] in err
    assert SECRET not in out + err
