"""A table that is made anew is news to everybody downstream, whatever its version number."""

from __future__ import annotations

import shutil

import pytest

from conftest import interaction, metadata
from lakehouse.io import delta_log

pytestmark = pytest.mark.spark

DAYS, ACTIVE = "silver.user_days", "gold.daily_active_users"


def forget(lake, table):
    """Remove a table and what is published of it, as somebody does who wants it made anew."""
    shutil.rmtree(lake.settings.table_uri(table))
    lake.open().states.forget(table)


def active_users(lake):
    overall = [row for row in lake.rows(ACTIVE) if row["dimension_name"] is None]
    return {str(row["activity_date"]): row["dau"] for row in overall}


@pytest.fixture
def consumed(lake):
    """One day of one user, up to the mart."""
    lake.land("user_metadata.jsonl", [metadata("u1", "2026-01-01T00:00:00Z")])
    lake.land("user_interactions/1.jsonl", [interaction("i1", "u1", "2026-01-05T10:00:00Z")])
    lake.run(f"+{ACTIVE}")
    assert active_users(lake) == {"2026-01-05": 1}
    return lake


def test_the_same_version_number_of_a_table_made_anew_is_news(consumed):
    lake = consumed
    before = lake.open().states.published(DAYS)
    forget(lake, DAYS)
    lake.land("user_interactions/2.jsonl", [interaction("i2", "u1", "2026-01-06T10:00:00Z")])
    outcome = lake.run(f"+{ACTIVE}")[ACTIVE]
    after = lake.open().states.published(DAYS)
    assert after.version == before.version, "the number that gold had consumed"
    assert outcome.reason.startswith(f"{DAYS} 1→1 of a rebuilt table, ")
    assert active_users(lake) == {"2026-01-05": 1, "2026-01-06": 1}
    assert lake.run(f"+{ACTIVE}")[ACTIVE].outcome == "unchanged"


def test_a_state_says_which_table_its_version_is_one_of(consumed):
    state = consumed.open().states.published(ACTIVE)
    assert state.table_id == delta_log.table_id(consumed.settings.table_uri(ACTIVE), state.version)
    days = consumed.open().states.published(DAYS)
    assert state.inputs[DAYS] == days.identity
