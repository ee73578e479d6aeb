"""silver.user_profiles: intervals of users over time, whatever order their states arrive in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from conftest import metadata
from lakehouse.engine.job import new_request
from lakehouse.engine.verify import verify

pytestmark = pytest.mark.spark
TABLE = "silver.user_profiles"
OPEN = "9999-12-31 00:00:00"


def profiles(lake, user="u1"):
    """(country, device, from, to, current) of a user's intervals."""
    return [
        (
            row["country"],
            row["device_type"],
            f"{row['effective_from'].astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            f"{row['effective_to'].astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            row["is_current"],
        )
        for row in lake.rows(TABLE)
        if row["user_id"] == user
    ]


def land_and_run(lake, *batches):
    for number, batch in enumerate(batches):
        lake.land(f"user_metadata/{number}.jsonl", batch)
        lake.run(f"+{TABLE}")


def test_a_late_state_splits_history_and_a_repeat_opens_nothing(lake):
    land_and_run(
        lake,
        [metadata("u1", "2026-01-01 00:00:00"), metadata("u1", "2026-01-09 00:00:00")],
    )
    assert profiles(lake) == [("DE", "desktop", "2026-01-01 00:00:00", OPEN, True)]
    late = metadata("u1", "2026-01-05 00:00:00", country="FR")
    lake.land("user_metadata/late.jsonl", [late])
    lake.run(f"+{TABLE}")
    assert profiles(lake) == [
        ("DE", "desktop", "2026-01-01 00:00:00", "2026-01-05 00:00:00", False),
        ("FR", "desktop", "2026-01-05 00:00:00", "2026-01-09 00:00:00", False),
        ("DE", "desktop", "2026-01-09 00:00:00", OPEN, True),
    ]
    commits = lake.commits(TABLE)
    assert lake.run(f"+{TABLE}")[TABLE].outcome == "unchanged"
    lake.land("user_metadata/9.jsonl", [metadata("u1", "2026-01-20 00:00:00")])
    assert lake.run(f"+{TABLE}")[TABLE].changed == {}
    assert lake.commits(TABLE) == commits


def test_states_without_a_moment_count_from_the_join_date_and_then_from_their_file(lake):
    """A, B, A: the state that comes back is no repeat of the first."""
    header = "user_id,join_date,country,device_type,subscription_type"
    for day, country in (("2026-01-09", "DE"), ("2026-01-03", "DE"), ("2026-01-05", "FR")):
        row = f"u1,2025-12-24,{country},desktop,free"
        lake.land(f"user_metadata/{day}.csv", [header, row])
        lake.run(f"+{TABLE}")
    assert profiles(lake) == [
        ("DE", "desktop", "2025-12-24 00:00:00", "2026-01-05 00:00:00", False),
        ("FR", "desktop", "2026-01-05 00:00:00", "2026-01-09 00:00:00", False),
        ("DE", "desktop", "2026-01-09 00:00:00", OPEN, True),
    ]
    with lake.open() as opened:
        assert verify(opened.job(TABLE, new_request())).is_equal


def test_without_any_date_a_later_state_counts_from_its_ingestion(lake):
    today = f"{datetime.now(UTC):%Y-%m-%d} 00:00:00"
    land_and_run(
        lake, [metadata("u1", None)], [metadata("u1", None, country="FR"), metadata("u1", None)]
    )
    ends = [row[3] for row in profiles(lake)]
    assert [row[:3] for row in profiles(lake)] == [
        ("DE", "desktop", "2026-01-01 00:00:00"),
        ("FR", "desktop", ends[0]),
    ]
    assert ends[0] >= today


def test_of_two_states_of_one_moment_one_counts_in_either_order(make_lake):
    told = [
        metadata("u1", "2026-01-01 00:00:00", country="FR"),
        metadata("u1", "2026-01-01 00:00:00", country="DE"),
    ]
    found = []
    for name, rows in (("forth", told), ("back", told[::-1])):
        lake = make_lake(name)
        land_and_run(lake, *([row] for row in rows))
        found.append(profiles(lake))
    assert len(found[0]) == 1
    assert found[0] == found[1]


def test_nothing_arrived_is_told(lake):
    assert lake.try_run(f"+{TABLE}")["bronze.user_metadata"].exit_code == 75


def test_every_record_has_a_fate(lake):
    """Two untold records of one day take effect at once; a user who joins later is too late."""
    later = f"{datetime.now(UTC) + timedelta(30):%Y-%m-%d}"
    land_and_run(lake, [metadata("u1", None)])
    lake.land("user_metadata/1.jsonl", [metadata("u1", None, country="FR")])
    lake.run("bronze.user_metadata")
    lake.land("user_metadata/2.jsonl", [metadata("u1", None, country="IT")])
    lake.land("user_metadata/3.jsonl", [metadata("u2", None, join_date=later)])
    account = lake.run(f"+{TABLE}")[TABLE].account
    assert (account.rows_in, account.rows_loaded) == (4, 2)
    assert (account.rows_deduplicated, account.rows_too_late) == (1, 1)
    assert [row[0] for row in profiles(lake)] == ["DE", "IT"]
