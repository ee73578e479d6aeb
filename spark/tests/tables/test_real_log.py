"""A log that nobody generated: who changed which file when, as Git remembers it.

By default of this repository; LAKEHOUSE_TEST_REPOSITORY names the checkout of another one.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from interactions_oracle import Oracle

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(1800)]

REPOSITORY = os.environ.get("LAKEHOUSE_TEST_REPOSITORY", str(Path(__file__).resolve().parents[3]))
COMMIT, FIELD = "\x01", "\x02"


def history():
    """Commits, oldest first: hash, author, zone of the author's clock, UTC moment, files."""
    form = COMMIT + FIELD.join(("%H", "%aE", "%aI", "%cd")) + FIELD
    told = subprocess.run(
        [
            *("git", "-C", REPOSITORY, "-c", "core.quotePath=false", "log", "--reverse"),
            *("--numstat", "--no-renames", f"--format={form}", "--date=format-local:%F %T"),
        ],
        env=os.environ | {"TZ": "UTC"},
        check=True,
        capture_output=True,
    )
    for entry in told.stdout.decode(errors="replace").split(COMMIT)[1:]:
        commit, mail, moment, at, changed = entry.split(FIELD)
        author = hashlib.sha256(mail.lower().encode()).hexdigest()[:12]
        files = [line.split("\t") for line in changed.strip().splitlines()]
        yield commit, author, moment[-6:], at, files


def test_the_figures_of_a_real_log_check_out(lake):
    """A line added counts as a second of work; where the author's clock stands, as the country."""
    interactions, states, joined, n_commits = [], {}, {}, {}
    for commit, author, zone, at, files in history():
        joined.setdefault(author, at[:10])
        n_commits[author] = n_commits.get(author, 0) + 1
        states[author, at] = {
            "user_id": author,
            "join_date": joined[author],
            "country": zone,
            "device_type": "git",
            "subscription_type": "regular" if n_commits[author] > 10 else "casual",
            "updated_at": at,
        }
        interactions += [
            {
                "interaction_id": f"{commit}:{path}",
                "user_id": author,
                "timestamp": at,
                "action_type": "DELETE" if added == "0" else "EDIT",
                "page_id": path,
                "duration_ms": 1000 * int(added.replace("-", "0")),  # - is a binary file
                "app_version": at[:4],
            }
            for added, _, path in files
        ]
    lake.land("user_interactions.jsonl", interactions)
    lake.land("user_metadata.jsonl", states.values())
    tables = ("bronze.user_interactions", "bronze.user_metadata")
    outcomes = lake.run(*(f"{table}+" for table in tables))
    assert outcomes["silver.interactions"].account.rows_in == len(interactions)
    print(f"{len(interactions)} changes of files by {len(joined)} authors in {REPOSITORY}")  # noqa: T201
    Oracle(lake.raw).assert_equal(lake.rows)
