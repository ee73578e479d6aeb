"""A table is compared with what its own inputs make; what waits to be taken is no difference."""

from __future__ import annotations

import os

import pytest

from conftest import conversion, signup
from lakehouse.engine.job import new_request
from lakehouse.engine.verify import verify

pytestmark = pytest.mark.spark

SIGNUPS, USERS = "bronze.user_signups", "silver.user_dim"


@pytest.fixture
def users(lake):
    lake.land("conversions.jsonl", [conversion("u1", "2026-01-20")])
    lake.land("user_signups/1.jsonl", [signup("u1"), signup("u2")])
    lake.run(f"+{USERS}")
    return lake


def verdict(lake, table):
    with lake.open() as opened:
        return verify(opened.job(table, new_request()))


def test_a_file_that_waits_is_no_difference(users):
    users.land("user_signups/2.jsonl", [signup("u3")])
    found = verdict(users, SIGNUPS)
    assert (found.is_equal, found.waiting) == (True, ("user_signups/2.jsonl",))
    users.run(SIGNUPS)
    assert verdict(users, SIGNUPS).waiting == ()


def test_a_version_of_an_input_that_waits_is_no_difference(users):
    users.land("user_signups/2.jsonl", [signup("u3")])
    users.run(SIGNUPS)
    found = verdict(users, USERS)
    assert (found.is_equal, found.waiting) == (True, (f"{SIGNUPS}@{users.version(SIGNUPS)}",))
    users.run(USERS)
    assert verdict(users, USERS).waiting == ()


def test_content_that_changed_is_told_and_the_next_run_takes_it(users):
    path = users.raw / "user_signups" / "1.jsonl"
    before, content = path.stat(), path.read_text()
    path.write_text(content.replace("u2", "u9"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    found = verdict(users, SIGNUPS)
    assert (found.missing, found.surplus) == (1, 1)
    assert found.corrected == ("user_signups/1.jsonl",)
    outcome = users.run(SIGNUPS)[SIGNUPS]
    assert outcome.reason == "changed files: user_signups/1.jsonl"
    assert [row["user_id"] for row in users.rows(SIGNUPS, "user_id")].count("u9") == 1
    assert verdict(users, SIGNUPS).is_equal
