"""What the OpenAPI document promises holds for whatever it allows, and forbids, to be asked."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from api.api_world import asking, made

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "ignored_auth",
)


@pytest.mark.parametrize(
    ("examples", "least_cases"),
    [
        pytest.param(10, 1_000, marks=pytest.mark.e2e, id="sample"),
        pytest.param(*(560, 10_000), marks=[pytest.mark.slow, pytest.mark.timeout(3600)], id="all"),
    ],
)
def test_every_answer_is_as_described_and_none_is_a_server_error(tmp_path, examples, least_cases):
    """Examples of each operation, on top of the boundaries that the document tells."""
    world = made(tmp_path)
    with asking(world) as client:
        told = subprocess.run(
            [
                *(sys.executable, "-c", "from schemathesis.cli import schemathesis as s; s()"),
                *("run", f"{client.base_url}/openapi.json", "--no-color"),
                *("--phases", "examples,coverage,fuzzing,stateful"),
                *("--checks", ",".join(CHECKS), "--max-examples", str(examples)),
                *("--header", f"Authorization: {world.key()['Authorization']}"),
                *("--continue-on-failure", "--warnings", "off", "--request-timeout", "20"),
                *("--seed", "20261129", "--generation-database", "none"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert told.returncode == 0, told.stdout[-8000:] + told.stderr[-2000:]
    cases = re.search(r"([\d,]+) generated", told.stdout)
    assert cases, told.stdout
    assert int(cases[1].replace(",", "")) >= least_cases
    statuses = {line["status"] for line in world.accesses()}
    assert {200, 401, 404, 422} <= statuses
    assert not [status for status in statuses if status >= 500]
