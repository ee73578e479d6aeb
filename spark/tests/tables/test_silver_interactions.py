"""silver.interactions: every interaction once, with who the user was at that moment."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from conftest import interaction, metadata
from lakehouse.engine.job import new_request
from lakehouse.engine.verify import verify

pytestmark = pytest.mark.spark
TABLE = "silver.interactions"
PROFILES = [
    metadata("u1", "2026-01-01 00:00:00"),
    metadata("u1", "2026-01-05 10:00:00", country="FR", device_type="mobile"),
    metadata("u2", "2026-01-01 00:00:00", country=None),
]


def land(lake, number, interactions=(), profiles=()):
    for source, rows in (("user_interactions", interactions), ("user_metadata", profiles)):
        if rows:
            lake.land(f"{source}/{number}.jsonl", rows)
    return lake.run(f"+{TABLE}")[TABLE]


def countries(lake):
    return {row["interaction_id"]: row["country"] for row in lake.rows(TABLE)}


def assert_same_as_rebuilt(lake):
    with lake.open() as opened:
        verdict = verify(opened.job(TABLE, new_request()))
    assert verdict.is_equal, verdict


def test_each_interaction_has_the_profile_of_its_moment(lake):
    outcome = land(
        lake,
        1,
        [
            interaction("before", "u1", "2025-12-31 23:59:59.999"),
            interaction("first", "u1", "2026-01-01 00:00:00"),
            interaction("last of old", "u1", "2026-01-05T09:59:59.999Z", page_id=None),
            interaction("first of new", "u1", "2026-01-05 10:00:00", duration_ms=28_800_000),
            interaction("long", "u1", "2026-01-06 10:00:00", duration_ms=28_800_001),
            interaction("no country", "u2", "2026-01-06 10:00:00", duration_ms=None),
            interaction("stranger", "u9", "2026-01-06 10:00:00", duration_ms=0),
        ],
        PROFILES,
    )
    rows = {row["interaction_id"]: row for row in lake.rows(TABLE)}
    columns = ("country", "device_type", "has_profile", "is_duration_outlier")
    assert {key: tuple(row[name] for name in columns) for key, row in rows.items()} == {
        "before": ("unknown", "unknown", False, False),
        "first": ("DE", "desktop", True, False),
        "last of old": ("DE", "desktop", True, False),
        "first of new": ("FR", "mobile", True, False),
        "long": ("FR", "mobile", True, True),
        "no country": ("unknown", "desktop", True, False),
        "stranger": ("unknown", "unknown", False, False),
    }
    event_at = rows["last of old"].pop("event_at")
    assert event_at.astimezone(UTC) == datetime(2026, 1, 5, 9, 59, 59, 999_000, tzinfo=UTC)
    assert rows["last of old"] == {
        "interaction_id": "last of old",
        "user_id": "u1",
        "event_date": date(2026, 1, 5),
        "action_type": "VIEW",
        "page_id": None,
        "duration_ms": 1000,
        "app_version": "1.0",
        "country": "DE",
        "device_type": "desktop",
        "subscription_type": "free",
        "has_profile": True,
        "is_duration_outlier": False,
    }
    counted = {result.check.name: result.value for result in outcome.results}
    assert counted["has_a_profile"] == 2


def test_a_row_without_an_id_is_known_by_its_content(lake):
    same = interaction(None, "u1", "2026-01-02 10:00:00")
    other = interaction(None, "u1", "2026-01-02 10:00:00", page_id="reports")
    land(lake, 1, [same, same, other], PROFILES)
    identities = sorted(countries(lake))
    assert len(set(identities)) == 2
    assert all(len(identity) == 32 for identity in identities)
    commits = lake.commits(TABLE)
    account = land(lake, 2, [same]).account
    assert (account.rows_in, sorted(countries(lake))) == (0, identities)
    assert lake.commits(TABLE) == commits


def test_an_id_told_of_another_user_or_moment_is_of_another_interaction(lake):
    """The devices of u1 and u2 count their actions, and that of u1 begins anew each day."""
    land(
        lake,
        1,
        [
            interaction("1", "u1", "2026-01-03 10:00:00"),
            interaction("1", "u2", "2026-01-03 10:00:00", page_id="other user"),
            interaction("1", "u1", "2026-01-04 10:00:00", page_id="other day"),
        ],
        PROFILES,
    )
    outcome = land(lake, 2, [interaction("1", "u1", "2026-01-03 10:00:01", page_id="later")])
    assert outcome.account.balanced
    found = [(row["user_id"], row["page_id"]) for row in lake.rows(TABLE)]
    assert found == [("u1", "home"), ("u1", "later"), ("u1", "other day"), ("u2", "other user")]
    assert_same_as_rebuilt(lake)


def test_records_of_one_interaction_that_differ_are_one(lake):
    told = [
        interaction("i1", "u1", "2026-01-03 10:00:00", page_id=page) for page in ("home", "reports")
    ]
    land(lake, 1, told[:1], PROFILES)
    outcome = land(lake, 2, told[1:])
    assert (outcome.account.rows_in, outcome.account.rows_deduplicated) == (2, 1)
    assert len(lake.rows(TABLE)) == 1
    assert_same_as_rebuilt(lake)


def test_a_corrected_file_takes_back_what_it_said(lake):
    land(lake, 1, [interaction("i1", "u1", "2026-01-02 10:00:00")], PROFILES)
    land(lake, 2, [interaction("i1", "u1", "2026-01-03 10:00:00", page_id="second")])
    assert [row["page_id"] for row in lake.rows(TABLE)] == ["home", "second"]
    land(lake, 1, [interaction("i2", "u1", "2026-01-02 10:00:00", page_id="corrected")])
    assert {row["interaction_id"]: row["page_id"] for row in lake.rows(TABLE)} == {
        "i1": "second",
        "i2": "corrected",
    }
    assert_same_as_rebuilt(lake)


def test_a_late_profile_changes_the_days_it_is_about_and_reads_no_other_rows(lake):
    days = [f"2026-01-{day:02}" for day in range(1, 10)]
    actions = [
        interaction(f"{user} {day}", user, f"{day} 12:00:00")
        for user in ("u1", "u2", "u3")
        for day in days
    ]
    land(lake, 1, actions, [*PROFILES, metadata("u3", "2026-01-01 00:00:00", country="IT")])
    late = metadata("u1", "2026-01-03 12:00:00.001", country="ES")
    outcome = land(lake, 2, [], [late])
    # The old interval [1st, 5th) is cut in two: its four noons, of one user, are looked at.
    assert outcome.account.rows_in == 4
    assert outcome.changed == {"update": 1}
    found = countries(lake)
    assert [found[f"u1 {day}"] for day in days[:5]] == ["DE", "DE", "DE", "ES", "FR"]
    assert {found[f"u3 {day}"] for day in days} == {"IT"}
    assert_same_as_rebuilt(lake)
    # A profile for who had none.
    land(lake, 3, [interaction("stranger", "u9", "2026-01-02 12:00:00")])
    assert countries(lake)["stranger"] == "unknown"
    land(lake, 4, [], [metadata("u9", "2026-01-01 00:00:00", country="NL")])
    assert countries(lake)["stranger"] == "NL"


def test_a_late_row_reads_its_day_of_its_user_alone_and_a_second_run_changes_nothing(lake):
    actions = [
        interaction(f"{user} {day}", user, f"2026-01-0{day} 12:00:00")
        for user in ("u1", "u2")
        for day in range(1, 6)
    ]
    land(lake, 1, actions, PROFILES)
    outcome = land(lake, 2, [interaction("late", "u1", "2026-01-02 00:00:00")])
    assert (outcome.account.rows_in, outcome.changed) == (2, {"insert": 1})
    commits = lake.commits(TABLE)
    assert lake.run(f"+{TABLE}")[TABLE].outcome == "unchanged"
    assert lake.run(TABLE, full_refresh=True)[TABLE].changed == {}
    assert lake.commits(TABLE) == commits


def test_without_interactions_nothing_is_published(lake):
    lake.land("user_metadata.jsonl", PROFILES)
    outcomes = lake.try_run(f"+{TABLE}")
    assert outcomes["bronze.user_interactions"].exit_code == 75
    assert outcomes[TABLE].outcome == "blocked"
