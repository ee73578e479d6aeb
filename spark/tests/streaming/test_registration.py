"""`lakehouse contracts register`: our contracts in a registry of files, and behind a URL."""

from __future__ import annotations

import base64
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from streaming.registry_process import serving

from conftest import call_main
from lakehouse.catalog.registry import registry as tables
from lakehouse.errors import ConfigError, RegistryError, RegistryRefusedError
from lakehouse.landing.contracts import Declared, declared
from lakehouse.metrics.web_events import CONTRACT
from lakehouse.settings import current_settings
from lakehouse.streaming.registration import InFiles, problems, proposals, register
from lakehouse.streaming.registry import Registry
from lakehouse.streaming.registry_client import AtUrl
from lakehouse.streaming.registry_files import Files

SUBJECTS = [f"web_events.{kind.name}" for kind in CONTRACT.kinds]


@pytest.fixture
def call(monkeypatch, tmp_path, capsys):
    """The command on a lake of its own: its exit code and what it printed."""
    monkeypatch.setenv("LAKEHOUSE_ROOT", str(tmp_path))

    def called(*words, **settings):
        for name, value in settings.items():
            monkeypatch.setenv(f"LAKEHOUSE_{name.upper()}", value)
        current_settings.cache_clear()
        code = call_main(monkeypatch, "contracts", "register", *words)
        return code, capsys.readouterr()

    yield called
    current_settings.cache_clear()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("registry")) as running:
        yield running


def rows(said):
    return {each["subject"]: (each["id"], each["state"]) for each in json.loads(said.out)}


def test_every_kind_has_a_subject_and_registering_again_changes_nothing(call, tmp_path):
    code, said = call("--json")
    assert code == 0
    made = rows(said)
    assert sorted(made) == sorted(SUBJECTS)
    assert sorted(made.values()) == [(number, "new") for number in range(1, len(SUBJECTS) + 1)]
    files = {path: path.read_bytes() for path in (tmp_path / ".registry").rglob("*.json")}
    code, said = call("--json")
    assert code == 0
    assert rows(said) == {subject: (number, "unchanged") for subject, (number, _) in made.items()}
    assert {path: path.read_bytes() for path in files} == files


def test_a_dry_run_registers_nothing(call, tmp_path):
    code, said = call("--dry-run")
    assert code == 0
    assert "13 schemas are compatible" in said.out
    assert not (tmp_path / ".registry").exists()


def spoiled(target):
    """A subject with a schema that the declared one is not compatible with."""
    text = json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema"})
    target.add("web_events.scroll", text)


def test_nothing_is_registered_when_one_is_not_compatible(call, tmp_path):
    files = InFiles(Registry(Files(tmp_path / ".registry")))
    spoiled(files)
    code, said = call("--json")
    assert code == 78
    found = json.loads(said.out)
    assert {each["subject"] for each in found} == {"web_events.scroll"}
    assert any("asks for" in each["what"] for each in found)
    assert files.registry.names() == ["web_events.scroll"]
    assert call("--dry-run")[0] == 78


def test_behind_a_url_it_is_the_same(call, served, tmp_path):
    code, said = call("--json", registry_url=served.url + "/")
    assert code == 0
    assert {state for _, state in rows(said).values()} == {"new"}
    assert set(SUBJECTS) <= set(served.get("/subjects"))
    body = served.get("/subjects/web_events.scroll/versions/latest")
    assert json.loads(body["schema"])["title"] == "web_events.scroll"
    assert {state for _, state in rows(call("--json")[1]).values()} == {"unchanged"}
    assert not (tmp_path / ".registry").exists()


def order(**properties):
    schema = {"type": "object", "properties": properties, "additionalProperties": True}
    return proposals([Declared("shop", 1, {"order.v1.json": schema})])


TEXT = {"type": "string"}
OLD, WIDER, OTHER = order(a=TEXT), order(a=TEXT, b=TEXT), order(a={"type": "integer"})


@pytest.mark.parametrize("where", ["files", "url"])
def test_a_new_version_is_compared_with_the_latest(where, tmp_path, request):
    if where == "files":
        target = InFiles(Registry(Files(tmp_path)))
    else:
        target = AtUrl.of(request.getfixturevalue("served").url)
    assert problems(target, OLD) == []
    (first,) = register(target, OLD)
    assert problems(target, WIDER) == []
    (second,) = register(target, WIDER)
    assert (first.state, second.state) == ("new", "new")
    assert second.id > first.id
    (wrong,) = problems(target, OTHER)
    assert (wrong.subject, wrong.field) == ("shop.order", "a")
    with pytest.raises(RegistryRefusedError) as caught:
        register(target, OTHER)
    assert caught.value.details["code"] == 409


def test_backward_is_asked_whatever_level_the_registry_has(served):
    served.ask("PUT", "/config/shop.free", {"compatibility": "NONE"})
    target = AtUrl.of(served.url)
    target.add("shop.free", '{"type": "string"}')
    other = [type(OLD[0])("shop.free", '{"type": "null"}')]
    assert [each.field for each in problems(target, other)] == [""]


@pytest.fixture
def answering():
    """A server that gives the same answer to everybody, and keeps what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.server.asked.append((self.path, self.headers.get("Authorization")))
            status, body, headers = self.server.answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = answer  # noqa: N815  # as http.server has it

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.answer = [], (200, "{}", {})
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def at(server, user=""):
    return AtUrl.of(f"http://{user}127.0.0.1:{server.server_port}/registry/")


def refusal(code, message="no"):
    return json.dumps({"error_code": code, "message": message})


def test_a_user_and_a_password_are_sent_and_never_told(answering):
    answering.answer = (401, refusal(401), {})
    target = at(answering, "ann:s%40cret@")
    with pytest.raises(RegistryRefusedError) as caught:
        target.newest("a/b")
    sent = "Basic " + base64.b64encode(b"ann:s@cret").decode()
    assert answering.asked == [("/registry/subjects/a%2Fb/versions/latest", sent)]
    assert "cret" not in str(caught.value) + repr(target)


def test_a_password_does_not_follow_to_another_host(answering):
    answering.answer = (307, "", {"Location": "http://127.0.0.1:9/"})
    with pytest.raises(RegistryRefusedError):
        at(answering, "ann:secret@").newest("a")
    assert len(answering.asked) == 1


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (503, "", RegistryError),
        (429, refusal(429), RegistryError),
        (500, refusal(50002), RegistryError),
        (200, "<html>", RegistryError),
        (404, refusal(404), RegistryRefusedError),
        (404, "<html>", RegistryRefusedError),
        (422, refusal(42201), RegistryRefusedError),
        (200, '{"schema": "\\"string\\""}', RegistryRefusedError),
        (200, '{"schema": "syntax", "schemaType": "PROTOBUF"}', RegistryRefusedError),
    ],
)
def test_what_goes_wrong_behind_a_url(status, body, error, answering):
    answering.answer = (status, body, {})
    with pytest.raises(error) as caught:
        at(answering).newest("a")
    assert caught.value.retry == (error is RegistryError)


def test_nobody_answers(answering):
    answering.server_close()
    with pytest.raises(RegistryError) as caught:
        at(answering).newest("a")
    assert caught.value.exit_code == 75


def test_a_schema_of_others_that_cannot_be_judged_is_a_problem(answering):
    theirs = {"schemaType": "JSON", "schema": '{"$ref": "https://example.org/order.json"}'}
    answering.answer = (200, json.dumps(theirs), {})
    (wrong,) = problems(at(answering), OLD)
    assert "cannot be compared" in wrong.what


@pytest.mark.parametrize("url", ["registry:8081", "ftp://a", "http://", "http://a:1,http://b:2"])
def test_a_url_that_is_none(url):
    with pytest.raises(ConfigError) as caught:
        AtUrl.of(url)
    assert "a:1" not in str(caught.value)


def test_a_port_in_use_is_told(served, tmp_path, monkeypatch, capsys):
    words = ("--port", served.url.rpartition(":")[2], "--registry", str(tmp_path))
    assert call_main(monkeypatch, "contracts", "serve", *words) == 78
    assert "--port" in capsys.readouterr().err


def test_our_contracts_are_compatible_with_themselves(tmp_path):
    ours = proposals(declared(entry.table for entry in tables()))
    target = InFiles(Registry(Files(tmp_path)))
    register(target, ours)
    assert problems(target, ours) == []


@pytest.fixture
def stream(monkeypatch, tmp_path, capsys):
    """`lakehouse stream` on a lake without a broker, with a registry: exit code and what it says.

    Contracts are looked at first: what comes after that is that no topic can be reached.
    """
    monkeypatch.setenv("LAKEHOUSE_ROOT", str(tmp_path))
    monkeypatch.setenv("LAKEHOUSE_ENGINE", "duckdb")

    def called(url):
        monkeypatch.setenv("LAKEHOUSE_REGISTRY_URL", url)
        current_settings.cache_clear()
        code = call_main(monkeypatch, "stream", "--once")
        return code, " ".join(capsys.readouterr().err.split())

    yield called
    current_settings.cache_clear()


def test_a_stream_whose_contracts_are_compatible_goes_on(stream, tmp_path):
    with serving(tmp_path / "agreed") as running:
        register(AtUrl.of(running.url), proposals(declared(each.table for each in tables())))
        code, said = stream(running.url)
    assert code == 78
    assert "no topic can be reached" in said


def test_a_stream_whose_contract_is_not_compatible_does_not_start(stream, tmp_path):
    with serving(tmp_path / "agreed") as running:
        spoiled(AtUrl.of(running.url))
        code, said = stream(running.url)
    assert code == 78
    assert "web_events.scroll" in said
    assert "asks for" in said
    assert "no topic can be reached" not in said


def test_a_stream_whose_registry_is_away_may_be_tried_again(stream, no_registry):
    code, said = stream(no_registry)
    assert code == 75
    assert "does not answer as a schema registry" in said


@pytest.fixture
def no_registry():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
