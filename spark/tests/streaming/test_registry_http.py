"""The registry over HTTP, path by path: bodies and codes as Confluent's has them."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

import httpx
import pytest
from streaming.registry_process import MEDIA_TYPE, proposal, serving

TEXT = '{"type": "string"}'
NUMBER, INTEGER = '{"type": "number"}', '{"type": "integer"}'
WITH_NULL = '{"type": ["string", "null"]}'


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """One process for all tests, each of which has a subject of its own."""
    with serving(tmp_path_factory.mktemp("registry")) as served:
        yield served


@pytest.fixture
def subject(request):
    return re.sub(r"\W", "_", request.node.name)


def test_a_schema_is_registered_once(registry, subject):
    path = f"/subjects/{subject}/versions"
    status, body = registry.ask("POST", path, proposal(TEXT))
    assert status == 200
    assert set(body) == {"id"}
    assert registry.ask("POST", path, proposal(TEXT)) == (200, body)
    assert registry.get(path) == [1]
    assert registry.get(f"{path}/1") == {
        "subject": subject,
        "version": 1,
        "id": body["id"],
        "schemaType": "JSON",
        "schema": TEXT,
    }
    assert subject in registry.get("/subjects")


def test_spaces_and_the_order_of_names_make_no_other_schema(registry, subject):
    first = registry.register(subject, '{"type": "string", "minLength": 1}')
    assert registry.register(subject, '{"minLength":1,"type":"string"}') == first
    assert registry.get(f"/subjects/{subject}/versions") == [1]


def test_versions_follow_each_other_and_the_latest_has_a_name(registry, subject):
    first, second = registry.register(subject, TEXT), registry.register(subject, WITH_NULL)
    assert second > first
    path = f"/subjects/{subject}/versions"
    assert registry.get(path) == [1, 2]
    for latest in ("latest", "-1", "2"):
        assert registry.get(f"{path}/{latest}")["id"] == second
    assert registry.get(f"{path}/1/schema") == {"type": "string"}
    assert registry.get(f"{path}/1/referencedby") == []


def test_an_id_is_that_of_a_schema_under_every_subject(registry, subject):
    text = json.dumps({"type": "string", "description": subject})
    same = registry.register(f"{subject}-a", text)
    assert registry.register(f"{subject}-b", text) == same
    assert registry.get(f"/schemas/ids/{same}") == {"schemaType": "JSON", "schema": text}
    assert registry.get(f"/schemas/ids/{same}/schema") == json.loads(text)
    assert registry.get(f"/schemas/ids/{same}/subjects") == [f"{subject}-a", f"{subject}-b"]
    assert registry.get(f"/schemas/ids/{same}/versions") == [
        {"subject": f"{subject}-a", "version": 1},
        {"subject": f"{subject}-b", "version": 1},
    ]


def test_a_schema_is_looked_up(registry, subject):
    made = registry.register(subject, TEXT)
    registry.register(subject, WITH_NULL)
    status, body = registry.ask("POST", f"/subjects/{subject}", proposal(TEXT))
    assert (status, body["id"], body["version"]) == (200, made, 1)
    assert registry.code("POST", f"/subjects/{subject}", proposal(NUMBER)) == (404, 40403)
    assert registry.code("POST", f"/subjects/{subject}-none", proposal(TEXT)) == (404, 40401)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/subjects/nobody/versions", 404, 40401),
        ("/subjects/nobody/versions/1", 404, 40401),
        ("/subjects/nobody/versions/latest/schema", 404, 40401),
        ("/subjects/somebody/versions/2", 404, 40402),
        ("/subjects/somebody/versions/0", 422, 42202),
        ("/subjects/somebody/versions/two", 422, 42202),
        ("/subjects/somebody/versions/2147483648", 422, 42202),
        ("/subjects/somebody/versions/%C2%B2", 422, 42202),
        ("/schemas/ids/999999", 404, 40403),
        ("/schemas/ids/999999/versions", 404, 40403),
        ("/schemas/ids/one", 404, 404),
        ("/config/somebody", 404, 40408),
        ("/mode/somebody", 404, 40409),
        ("/contexts", 404, 404),
        ("/subjects/", 404, 404),
    ],
)
def test_what_is_not_there_has_a_code(path, status, code, registry):
    registry.register("somebody", TEXT)
    assert registry.code("GET", path) == (status, code)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (proposal("{"), 422, 42201),
        (proposal('{"type": "text"}'), 422, 42201),
        (proposal('{"$ref": "other.json"}'), 422, 42201),
        (proposal("\ud800"), 422, 42201),
        (proposal('{"const": "\ud800"}'), 422, 42201),
        ({"schema": '{"type": "record", "name": "a", "fields": []}'}, 422, 42201),
        ({"schemaType": "PROTOBUF", "schema": 'syntax = "proto3";'}, 422, 42201),
        (proposal(TEXT) | {"references": [{"name": "a"}]}, 422, 42201),
        (proposal(TEXT) | {"metadata": {"properties": {"a": "b"}}}, 422, 42205),
        ({"schemaType": "JSON"}, 422, 422),
        ({"schemaType": "JSON", "schema": {"type": "string"}}, 422, 422),
        ([], 422, 422),
    ],
)
def test_what_is_no_schema_is_refused(body, status, code, registry, subject):
    for path in (f"/subjects/{subject}/versions", f"/compatibility/subjects/{subject}/versions"):
        assert registry.code("POST", path, body) == (status, code)
    assert subject not in registry.get("/subjects")


def test_what_other_registries_send_without_a_meaning_is_taken(registry, subject):
    body = proposal(TEXT) | {"references": [], "metadata": None, "ruleSet": None}
    assert registry.ask("POST", f"/subjects/{subject}/versions?normalize=False", body)[0] == 200


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (MEDIA_TYPE, 200),
        ("application/vnd.schemaregistry+json", 200),
        ("application/json; charset=utf-8", 200),
        ("application/x-www-form-urlencoded", 415),
        ("text/plain", 415),
    ],
)
def test_bodies_are_of_a_type_that_no_page_sends_unasked(content_type, status, registry, subject):
    answer = httpx.post(
        f"{registry.url}/subjects/{subject}/versions",
        content=json.dumps(proposal(TEXT)),
        headers={"Content-Type": content_type},
        trust_env=False,
    )
    assert answer.status_code == status
    assert answer.headers["content-type"] == MEDIA_TYPE


def test_a_body_that_is_no_json(registry, subject):
    answer = httpx.post(
        f"{registry.url}/subjects/{subject}/versions",
        content="{",
        headers={"Content-Type": MEDIA_TYPE},
        trust_env=False,
    )
    assert (answer.status_code, answer.json()["error_code"]) == (400, 400)
    assert registry.code("PATCH", "/subjects") == (405, 405)


def test_what_is_not_compatible_is_refused_and_says_why(registry, subject):
    registry.register(subject, '{"properties": {"n": {"type": "number"}}}')
    path = f"/subjects/{subject}/versions"
    narrower = proposal('{"properties": {"n": {"type": "integer"}}}')
    status, body = registry.ask("POST", path, narrower)
    assert (status, body["error_code"]) == (409, 409)
    assert subject in body["message"]
    assert "n may not be a number with a fraction" in body["message"]
    assert registry.get(path) == [1]


def test_compatibility_is_asked_without_registering(registry, subject):
    registry.register(subject, INTEGER)
    registry.register(subject, NUMBER)
    path = f"/compatibility/subjects/{subject}/versions"
    assert registry.ask("POST", f"{path}/latest", proposal(INTEGER)) == (
        200,
        {"is_compatible": False},
    )
    assert registry.ask("POST", f"{path}/1", proposal(INTEGER)) == (200, {"is_compatible": True})
    status, body = registry.ask("POST", f"{path}?verbose=true", proposal(INTEGER))
    assert (status, body["is_compatible"], len(body["messages"])) == (200, False, 1)
    assert registry.ask("POST", f"{path}?verbose=true", proposal("true")) == (
        200,
        {"is_compatible": True, "messages": []},
    )
    assert registry.code("POST", f"{path}/3", proposal(INTEGER)) == (404, 40402)
    assert registry.code("POST", f"{path}/x", proposal(INTEGER)) == (422, 42202)
    assert registry.get(f"/subjects/{subject}/versions") == [1, 2]


def test_a_subject_that_nobody_has_is_compatible_with_everything(registry, subject):
    path = f"/compatibility/subjects/{subject}/versions"
    assert registry.ask("POST", f"{path}/latest", proposal(TEXT)) == (200, {"is_compatible": True})
    assert registry.ask("POST", path, proposal(TEXT)) == (200, {"is_compatible": True})
    assert registry.code("POST", f"{path}/1", proposal(TEXT)) == (404, 40401)


def test_a_level_of_a_subject(registry, subject):
    first, second, third = (
        json.dumps({"properties": properties, "additionalProperties": True})
        for properties in ({"a": {"type": "string"}}, {}, {"a": {"type": "integer"}})
    )
    registry.register(subject, first)
    registry.register(subject, second)
    path, versions = f"/config/{subject}", f"/subjects/{subject}/versions"
    assert registry.get(f"{path}?defaultToGlobal=true") == {"compatibilityLevel": "BACKWARD"}
    assert registry.ask("PUT", path, {"compatibility": "backward_transitive"}) == (
        200,
        {"compatibility": "BACKWARD_TRANSITIVE"},
    )
    assert registry.get(path) == {"compatibilityLevel": "BACKWARD_TRANSITIVE"}
    assert registry.code("POST", versions, proposal(third)) == (409, 409)
    assert registry.ask("DELETE", path) == (200, {"compatibilityLevel": "BACKWARD_TRANSITIVE"})
    assert registry.code("GET", path) == (404, 40408)
    registry.register(subject, third)
    assert registry.code("POST", versions, proposal(TEXT)) == (409, 409)
    assert registry.ask("PUT", path, {"compatibility": "NONE"})[0] == 200
    check = f"/compatibility{versions}"
    assert registry.ask("POST", check, proposal(TEXT)) == (200, {"is_compatible": True})
    registry.register(subject, TEXT)
    assert registry.get(versions) == [1, 2, 3, 4]


def test_the_level_of_all(registry, subject):
    assert registry.get("/config") == {"compatibilityLevel": "BACKWARD"}
    try:
        assert registry.ask("PUT", "/config", {"compatibility": "NONE"})[0] == 200
        assert registry.get("/config") == {"compatibilityLevel": "NONE"}
        registry.register(subject, TEXT)
        registry.register(subject, NUMBER)
    finally:
        assert registry.ask("DELETE", "/config") == (200, {"compatibilityLevel": "NONE"})
    assert registry.get("/config") == {"compatibilityLevel": "BACKWARD"}


@pytest.mark.parametrize("level", ["FORWARD", "FULL", "FULL_TRANSITIVE", "SOMETIMES", ""])
def test_levels_that_are_not_judged_are_refused(level, registry, subject):
    for path in ("/config", f"/config/{subject}"):
        assert registry.code("PUT", path, {"compatibility": level}) == (422, 42203)
    assert registry.code("PUT", "/config", {"compatibility": "NONE", "alias": "a"}) == (422, 42205)
    assert registry.get("/config") == {"compatibilityLevel": "BACKWARD"}


def test_a_version_is_deleted_in_two_steps(registry, subject):
    first = registry.register(subject, TEXT)
    second = registry.register(subject, WITH_NULL)
    path = f"/subjects/{subject}/versions"
    assert registry.code("DELETE", f"{path}/2?permanent=true") == (404, 40407)
    assert registry.ask("DELETE", f"{path}/2") == (200, 2)
    assert registry.get(path) == [1]
    assert registry.get(f"{path}?deleted=true") == [1, 2]
    assert registry.get(f"{path}?deletedOnly=true") == [2]
    assert registry.code("GET", f"{path}/2") == (404, 40402)
    assert registry.get(f"{path}/2?deleted=true")["id"] == second
    assert registry.get(f"/schemas/ids/{second}")["schema"] == WITH_NULL
    assert registry.code("DELETE", f"{path}/2") == (404, 40406)
    assert registry.ask("DELETE", f"{path}/2?permanent=true") == (200, 2)
    assert registry.code("DELETE", f"{path}/2?permanent=true") == (404, 40402)
    assert registry.get(f"{path}?deleted=true") == [1]
    assert registry.get(f"{path}/latest")["id"] == first


def test_a_deleted_version_counts_no_more_and_comes_back_under_another_number(registry, subject):
    registry.register(subject, INTEGER)
    wide = registry.register(subject, NUMBER)
    path = f"/subjects/{subject}/versions"
    assert registry.ask("DELETE", f"{path}/latest") == (200, 2)
    assert registry.register(subject, NUMBER) == wide
    assert registry.get(path) == [1, 3]
    assert registry.ask("DELETE", f"{path}/3") == (200, 3)
    assert registry.ask("POST", f"/compatibility{path}", proposal(INTEGER))[1]["is_compatible"]


def test_a_subject_is_deleted_in_two_steps(registry, subject):
    text = json.dumps({"description": subject})
    made = registry.register(subject, text)
    registry.register(subject, "true")
    registry.ask("PUT", f"/config/{subject}", {"compatibility": "NONE"})
    path = f"/subjects/{subject}"
    assert registry.code("DELETE", f"{path}?permanent=true") == (404, 40405)
    assert registry.ask("DELETE", path) == (200, [1, 2])
    assert subject not in registry.get("/subjects")
    assert subject in registry.get("/subjects?deleted=true")
    assert subject in registry.get("/subjects?deletedOnly=true")
    assert registry.code("GET", f"{path}/versions") == (404, 40401)
    assert registry.code("GET", f"/config/{subject}") == (404, 40408)
    assert registry.code("DELETE", path) == (404, 40404)
    assert registry.ask("DELETE", f"{path}?permanent=true") == (200, [1, 2])
    assert registry.code("DELETE", path) == (404, 40401)
    assert subject not in registry.get("/subjects?deleted=true")
    assert registry.code("GET", f"/schemas/ids/{made}") == (404, 40403)
    assert registry.register(subject, text) > made, "no id is given twice"


def test_a_subject_may_be_called_anything_that_can_be_printed(registry):
    names = ["a/b versions", "ü", "..", ".", ".hidden.json", "a%2Fb", "a/versions/1", "?&#"]
    for name in names:
        path = quote(name, safe="").replace(".", "%2E")  # or clients take the dots for folders
        registry.register(path, TEXT)
        assert registry.get(f"/subjects/{path}/versions/latest")["subject"] == name
    assert set(names) <= set(registry.get("/subjects"))
    for name in ("a%0Ab", "x" * 201, "%ED%A0%80" * 40):
        path = f"/subjects/{name}/versions"
        assert registry.code("POST", path, proposal(TEXT)) == (422, 42208)


def test_lists_are_told_in_parts(registry, subject):
    for name in "abc":
        registry.register(f"{subject}-{name}", TEXT)
    path = f"/subjects?subjectPrefix={subject}-"
    assert registry.get(path) == [f"{subject}-{name}" for name in "abc"]
    assert registry.get(f"{path}&offset=1&limit=1") == [f"{subject}-b"]
    assert registry.get(f"{path}&limit=0") == []


def test_what_it_is(registry):
    assert registry.get("/") == {}
    assert registry.get("/schemas/types") == ["JSON"]
    assert registry.get("/mode") == {"mode": "READWRITE"}
    assert registry.get("/mode/any?defaultToGlobal=true") == {"mode": "READWRITE"}
