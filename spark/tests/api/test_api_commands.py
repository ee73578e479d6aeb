"""`lakehouse api` as users type it."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import httpx
import pytest
from api.api_world import made
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

pytestmark = pytest.mark.e2e
LAKEHOUSE = (sys.executable, "-m", "lakehouse", "api")


def command(root, *words, **settings):
    env = {**os.environ, "LAKEHOUSE_ROOT": str(root), **settings}
    return subprocess.run(
        [*LAKEHOUSE, *words], env=env, capture_output=True, text=True, check=False
    )


@contextmanager
def started(root, **settings):
    """The API of a lake; what it says, and its process."""
    env = {**os.environ, "LAKEHOUSE_ROOT": str(root), "LAKEHOUSE_API_PORT": "0", **settings}
    env["PYTHONUNBUFFERED"] = "1"
    process = subprocess.Popen([*LAKEHOUSE, "serve"], env=env, stdout=subprocess.PIPE, text=True)
    try:
        said = [process.stdout.readline()]
        while "a key" not in said[-1]:
            said.append(process.stdout.readline())
            assert process.poll() is None, said
        yield "".join(said), process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        process.stdout.close()


def answered(client, path, **more):
    """The first answer of a server that is about to start."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return client.get(path, **more)
        except httpx.ConnectError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_first_answer_takes_two_commands_and_a_key_ends_when_it_is_revoked(tmp_path):
    made(tmp_path)
    with started(tmp_path) as (said, process), httpx.Client() as client:
        [url] = re.findall(r"(http://127\.0\.0\.1:\d+) answers from the lake itself", said)
        assert f"{url}/docs" in said
        key = command(tmp_path, "keys", "create", "--role", "analyst", "--tenant", "acme").stdout
        headers = {"Authorization": f"Bearer {key.strip()}"}
        first = answered(client, f"{url}/traffic-sources?limit=1", headers=headers)
        assert first.status_code == 200, first.text
        assert "acme" in first.text
        [listed] = json.loads(command(tmp_path, "keys", "list", "--json").stdout)
        assert (listed["role"], listed["tenant"], listed["state"]) == (
            "analyst",
            "acme",
            "in force",
        )
        assert key.strip().rpartition("_")[2] not in json.dumps(listed)
        assert command(tmp_path, "keys", "revoke", listed["id"]).returncode == 0
        deadline = time.monotonic() + 10
        while client.get(f"{url}/devices", headers=headers).status_code == 200:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert client.get(f"{url}/devices", headers=headers).status_code == 401
    assert process.returncode in {0, -signal.SIGINT, 128 + signal.SIGINT}


def test_wrong_words_are_told(tmp_path):
    wrong = command(tmp_path, "keys", "revoke", "000000000000")
    assert wrong.returncode == 78
    assert "lakehouse api keys list" in wrong.stderr
    assert command(tmp_path, "keys", "create", "--tenant", "a b").returncode == 78
    assert command(tmp_path, "keys", "create", "--role", "root").returncode == 2
    half = command(tmp_path, "keys", "list", LAKEHOUSE_API_TLS_KEY="k.pem")
    assert half.returncode == 78
    assert "LAKEHOUSE_API_TLS_CERTIFICATE" in half.stderr


def test_several_processes_answer_over_tls(tmp_path):
    made(tmp_path / "lake")
    certificate, key = certificate_of(tmp_path)
    settings = {
        "LAKEHOUSE_API_TLS_CERTIFICATE": str(certificate),
        "LAKEHOUSE_API_TLS_KEY": str(key),
        "LAKEHOUSE_API_WORKERS": "2",
    }
    trusted = ssl.create_default_context(cafile=str(certificate))
    with (
        started(tmp_path / "lake", **settings) as (said, _),
        httpx.Client(verify=trusted) as client,
    ):
        [url] = re.findall(r"(https://127\.0\.0\.1:\d+) answers", said)
        assert answered(client, f"{url}/health/live").status_code == 200
        assert client.get(f"{url}/tables").status_code == 401
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"{url.replace('https', 'http')}/health/live")


def certificate_of(folder):
    """A certificate of 127.0.0.1 and its key, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made_of = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=now - timedelta(minutes=5),
        not_valid_after=now + timedelta(days=1),
    )
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = made_of.add_extension(address, critical=False).sign(key, hashes.SHA256())
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files
