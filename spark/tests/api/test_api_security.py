"""Who may ask what: every endpoint by role and tenant, keys, tokens, limits, and the audit log."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import jwt
import pytest
from api.api_world import TENANTS, asking, made
from api.asked_for import Asked, endpoints
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from lakehouse.api.app import app_of
from lakehouse.api.keys import Keys
from lakehouse.api.roles import Role
from lakehouse.engines.ports import LOOPBACK
from lakehouse.settings import load_settings

OPEN = {"/health/live"}
"""What whoever may ask."""


def all_endpoints() -> list[Asked]:
    return [*endpoints(app_of(load_settings()))]


def ask(client, asked, headers):
    return client.request(asked.method, asked.path, json=asked.json, headers=headers)


@pytest.fixture(scope="module")
def keys(marts_world):
    """Headers by role and tenant."""
    owners = (*TENANTS, "*")
    return {(role, who): marts_world.key(role, who) for role in Role for who in owners}


def test_every_endpoint_is_asked_for_something_that_is_there(lake_api):
    for asked in all_endpoints():
        if asked.role is not None:
            assert ask(lake_api, asked, {}).status_code == 200, asked


def test_only_liveness_is_open(lake_api):
    nobody = {"Authorization": ""}
    for asked in all_endpoints():
        status = ask(lake_api, asked, nobody).status_code
        assert (status == 200) == (asked.route in OPEN), (asked, status)
        assert (asked.role is None) == (asked.route in OPEN), asked


@pytest.mark.parametrize("role", Role, ids=lambda role: role.word)
@pytest.mark.parametrize("tenant", [*TENANTS, "*"])
def test_each_role_may_do_what_it_may_and_sees_its_tenant_alone(api, keys, role, tenant):
    others = set(TENANTS) - {tenant} if tenant != "*" else set()
    seen = 0
    for asked in all_endpoints():
        if asked.role is None:
            continue
        answer = ask(api, asked, keys[role, tenant])
        if role < asked.role:
            assert answer.status_code == 403, asked
            assert answer.json()["type"] == "urn:lakehouse:problem:role-too-small"
            continue
        is_other = "acme" in asked.path and tenant == "blue"
        assert answer.status_code == (404 if is_other else 200), (asked, answer.text)
        assert not [who for who in others if who in answer.text.replace(asked.path, "")], asked
        seen += tenant in answer.text
    if tenant in TENANTS:
        assert seen >= 5  # rows of the tenant were told, and no other


def test_a_cached_answer_is_of_its_tenant(api, keys):
    for tenant in (*TENANTS, *TENANTS):
        text = api.get("/traffic-sources", headers=keys[Role.VIEWER, tenant]).text
        assert [who for who in TENANTS if who in text] == [tenant]


@pytest.mark.parametrize(
    "header",
    ["Bearer x", "Bearer lh_000000000000_" + "a" * 43, "Basic YTpi", "Bearer é"],
)
def test_what_is_no_key_opens_nothing(lake_api, header):
    answer = lake_api.get("/tables", headers={"Authorization": header.encode()})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_key_ends_and_is_kept_as_a_hash_alone(tmp_path, monkeypatch):
    settings = load_settings(root=str(tmp_path))
    store = Keys(settings)
    word, key = store.create(Role.ANALYST, "acme", note="of a test")
    assert (store.caller(word).role, store.caller(word).tenant) == (Role.ANALYST, "acme")
    kept = (tmp_path / "ops" / "api_keys" / f"{key.id}.json").read_text()
    assert word.rpartition("_")[2] not in kept
    assert store.caller(word[:-1] + ("a" if word[-1] != "a" else "b")) is None
    short, _ = store.create(Role.VIEWER, days=1e-9)
    assert store.caller(short) is None
    Keys(settings).revoke(key.id)  # in another process
    monkeypatch.setattr("lakehouse.api.keys.REREAD_SECONDS", 0.0)
    assert store.caller(word) is None
    assert {each.id: each.state for each in store.all()}[key.id] == "revoked"
    assert {each.state for each in store.all()} == {"revoked", "expired"}


@contextmanager
def issuer(*keys):
    """An OIDC issuer that publishes keys."""
    shown = [json.loads(RSAAlgorithm.to_jwk(key.public_key())) | {"kid": kid} for kid, key in keys]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            place = f"http://{LOOPBACK}:{self.server.server_port}"
            told = {"jwks_uri": f"{place}/keys"} if "well-known" in self.path else {"keys": shown}
            body = json.dumps(told).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Nothing to tell."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_tokens_of_the_issuer_open_what_they_say_and_no_others_do(marts_world):
    ours, foreign = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    with issuer(("k1", ours)) as url:
        now = int(time.time())
        good = {
            "iss": url,
            "aud": "lakehouse",
            "sub": "ada@acme.example",
            "iat": now,
            "exp": now + 60,
            "role": ["viewer", "analyst"],
            "tenant": "acme",
        }

        def token(key=ours, kid="k1", algorithm="RS256", **claims):
            told = {name: v for name, v in (good | claims).items() if v is not None}
            return jwt.encode(told, key, algorithm, headers={"kid": kid} if kid else None)

        as_hmac = jwt.encode(good, "k" * 32, "HS256", headers={"kid": "k1"})
        refused = {
            "alg none": jwt.encode(good, None, "none", headers={"kid": "k1"}),
            "our public key as a secret": as_hmac,
            "wrong audience": token(aud="other"),
            "wrong issuer": token(iss="http://elsewhere"),
            "expired": token(exp=now - 3600),
            "not yet": token(nbf=now + 3600),
            "without an end": token(exp=None),
            "without a subject": token(sub=None),
            "unknown kid": token(kid="k2"),
            "no kid": token(kid=None),
            "another's key": token(foreign),
            "unknown role": token(role="root"),
            "no role": token(role=None),
            "no tenant": token(tenant=None),
            "everybody's rows": token(tenant="*"),
            "tampered": token()[:-4] + "AAAA",
        }
        with asking(marts_world, api_oidc_issuer=url, api_oidc_audience="lakehouse") as client:

            def status(word):
                told = {"Authorization": f"Bearer {word}"}
                return client.get("/sessions/acme session_id 0", headers=told).status_code

            assert status(token()) == 200
            assert status(token(role="viewer")) == 403
            assert status(token(tenant="blue")) == 404
            found = {name: status(word) for name, word in refused.items()}
            assert found == dict.fromkeys(refused, 401)
    assert "ada@acme" not in json.dumps(marts_world.accesses())


def test_a_key_that_asks_too_often_is_told_when_to_come_back(tmp_path):
    world = made(tmp_path, api_rate=2.0, api_burst=5)
    with asking(world) as client:
        answers = [client.get("/metrics-catalogue") for _ in range(8)]
        assert [answer.status_code for answer in answers].count(200) in {5, 6}
        refused = answers[-1]
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        other = client.get("/metrics-catalogue", headers=world.key())
        assert other.status_code == 200  # each key has its own
        time.sleep(1.1)
        assert client.get("/metrics-catalogue").status_code == 200


def test_large_requests_are_refused_however_they_come(lake_api):
    large = b'{"sql": "' + b"x" * 70_000 + b'"}'
    headers = {"Content-Type": "application/json"}
    assert lake_api.post("/query", content=large, headers=headers).status_code == 413
    parts = (large[i : i + 1000] for i in range(0, len(large), 1000))
    assert lake_api.post("/query", content=parts, headers=headers).status_code == 413


def test_the_audit_log_names_keys_and_routes_and_no_person(marts_world, lake_api):
    asked = "/users/u 1/x/journey?from=2026-11-02"
    answer = lake_api.get(asked)
    line = marts_world.access(answer.headers["x-request-id"])
    assert line["route"] == "/users/{user_id:path}/journey"
    assert (line["status"], line["role"], line["tenant"]) == (200, "admin", "*")
    assert line["bytes"] == len(answer.content)
    lake_api.get("/tables", headers={"Authorization": "Bearer x"})
    nothing = lake_api.get("/nothing/u 1/x")
    last = marts_world.access(nothing.headers["x-request-id"])
    text = json.dumps(marts_world.accesses())
    for personal in ("u 1/x", "Bearer", "2026-11-02", "session_id 0"):
        assert personal not in text
    assert (last["status"], last["route"], last["caller"]) == (404, None, None)


def test_the_description_is_shown_only_where_settings_say_so(marts_world):
    with asking(marts_world, api_docs=False) as client:
        for path in ("/openapi.json", "/docs", "/redoc"):
            assert client.get(path).status_code == 404


def test_the_page_tells_every_endpoint_and_its_columns_without_a_script(lake_api):
    page = lake_api.get("/docs", headers={"Authorization": ""})
    assert page.status_code == 200
    assert "<script" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    for asked in all_endpoints():
        assert asked.route.replace(":path", "") in page.text
    assert "data[].click_through_rate" in page.text


def test_headers_keep_answers_out_of_shared_caches(lake_api):
    answer: httpx.Response = lake_api.get("/traffic-sources")
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["vary"] == "Accept, Authorization"
    assert answer.headers["x-content-type-options"] == "nosniff"
