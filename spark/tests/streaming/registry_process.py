"""The registry in a process of its own, as `lakehouse contracts serve` starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType

import httpx

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"


@dataclass
class Served:
    """A running registry.

    Attributes:
        url: Where it answers.
        process: Its process.
    """

    url: str
    process: subprocess.Popen[str]

    def ask(self, method, path, body=None):
        """Status and parsed body of an answer."""
        headers = {"Content-Type": MEDIA_TYPE} if body is not None else {}
        content = None if body is None else json.dumps(body)
        answer = httpx.request(
            method, self.url + path, content=content, headers=headers, trust_env=False
        )
        assert answer.headers["content-type"] == MEDIA_TYPE
        return answer.status_code, answer.json()

    def get(self, path):
        """The body of an answer."""
        status, body = self.ask("GET", path)
        assert status == 200, body
        return body

    def code(self, method, path, body=None):
        """Status and error code of a refusal."""
        status, told = self.ask(method, path, body)
        assert set(told) == {"error_code", "message"}, told
        assert told["message"]
        return status, told["error_code"]

    def register(self, subject, text):
        """The id of a schema that is registered."""
        status, body = self.ask("POST", f"/subjects/{subject}/versions", proposal(text))
        assert status == 200, body
        return body["id"]


def proposal(text):
    return {"schemaType": "JSON", "schema": text}


def start(folder, *words, **settings):
    """`lakehouse contracts serve` on a free port."""
    environment = os.environ | {
        f"LAKEHOUSE_{name.upper()}": each for name, each in settings.items()
    }
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "lakehouse", "contracts", "serve"),
            *("--port", "0", "--registry", str(folder), *words),
        ],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def serving(folder, *words, **settings):
    """A running registry, which ends with the block."""
    process = start(folder, *words, **settings)
    try:
        line = process.stdout.readline()
        assert "http://127.0.0.1:" in line, process.communicate()[1]
        yield Served(line.split()[-1], process)
    finally:
        process.kill()
        process.communicate()


def confluent():
    """Confluent's own client of registries.

    It imports authlib for OAuth, which no test uses and the project has no use for.
    """
    missing = {}
    for name in ("authlib", "authlib.integrations", "authlib.integrations.httpx_client"):
        if name not in sys.modules:
            missing[name] = ModuleType(name)
    try:
        import authlib.integrations.httpx_client  # noqa: F401, PLC0415  # where it is installed
    except ModuleNotFoundError:
        last = missing["authlib.integrations.httpx_client"]
        last.OAuth2Client = last.AsyncOAuth2Client = object
        sys.modules.update(missing)
    else:
        missing = {}
    try:
        import confluent_kafka.schema_registry  # noqa: PLC0415  # see above
        import confluent_kafka.schema_registry.json_schema  # noqa: PLC0415  # same

        return confluent_kafka.schema_registry
    finally:
        for name in missing:
            del sys.modules[name]
