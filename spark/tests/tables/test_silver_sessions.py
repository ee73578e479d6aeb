"""silver.user_days, silver.session_fragments, silver.sessions: cut at long gaps, nowhere else."""

from __future__ import annotations

from datetime import UTC, date

import pytest

from conftest import interaction, metadata

pytestmark = pytest.mark.spark
TABLE = "silver.sessions"


def actions(user, *moments, **more):
    """Interactions of a user, each known by its place in the list."""
    return [interaction(f"{user}-{at}", user, at, **more) for at in moments]


@pytest.fixture(autouse=True)
def somebody_known(lake):
    lake.land("user_metadata.jsonl", [metadata("somebody", "2026-01-01 00:00:00")])


def sessions(lake, user):
    """(start, end, actions, milliseconds) of each session of a user, in their order."""
    rows = [row for row in lake.rows(TABLE) if row["user_id"] == user]
    assert [row["session_number"] for row in rows] == list(range(1, len(rows) + 1))
    assert all(row["is_bounce"] == (row["n_actions"] == 1) for row in rows)
    return [
        (
            f"{row['started_at'].astimezone(UTC):%m-%d %H:%M:%S}",
            f"{row['ended_at'].astimezone(UTC):%m-%d %H:%M:%S}",
            row["n_actions"],
            row["duration_ms"],
        )
        for row in rows
    ]


def test_a_session_ends_at_a_gap_of_more_than_1800_s_and_neither_at_midnight_nor_at_new_year(lake):
    lake.land(
        "user_interactions.jsonl",
        [
            *actions("exact", "2026-01-05 10:00:00", "2026-01-05 10:30:00", duration_ms=500),
            *actions("over", "2026-01-05 10:00:00", "2026-01-05 10:30:01", duration_ms=500),
            *actions("just over", "2026-01-05 10:00:00", "2026-01-05 10:30:00.001"),
            *actions("alone", "2026-01-05 10:00:00", duration_ms=0),
            *actions("silent", "2026-01-05 10:00:00", duration_ms=None),
            *actions("midnight", "2026-01-05 23:50:00", "2026-01-06 00:10:00", duration_ms=7),
            *actions("new year", "2025-12-31 23:59:59", "2026-01-01 00:29:59", duration_ms=7),
            *actions("leap day", "2028-02-28 23:45:00", "2028-02-29 00:15:00", duration_ms=7),
            *actions("clocks change", "2026-03-29 00:50:00", "2026-03-29 01:20:00", duration_ms=7),
            *actions(
                "days on end",
                *(
                    f"2026-01-0{day} {hour:02}:{half}:00"
                    for day in (5, 6, 7)
                    for hour in range(24)
                    for half in ("00", "30")
                ),
                duration_ms=7,
            ),
        ],
    )
    lake.run(f"+{TABLE}")
    assert sessions(lake, "exact") == [("01-05 10:00:00", "01-05 10:30:00", 2, 1_800_500)]
    assert sessions(lake, "over") == [
        ("01-05 10:00:00", "01-05 10:00:00", 1, 500),
        ("01-05 10:30:01", "01-05 10:30:01", 1, 500),
    ]
    assert len(sessions(lake, "just over")) == 2
    assert sessions(lake, "alone") == [("01-05 10:00:00", "01-05 10:00:00", 1, 0)]
    assert sessions(lake, "silent") == [("01-05 10:00:00", "01-05 10:00:00", 1, 0)]
    assert sessions(lake, "midnight") == [("01-05 23:50:00", "01-06 00:10:00", 2, 1_200_007)]
    assert sessions(lake, "new year") == [("12-31 23:59:59", "01-01 00:29:59", 2, 1_800_007)]
    assert sessions(lake, "leap day") == [("02-28 23:45:00", "02-29 00:15:00", 2, 1_800_007)]
    assert sessions(lake, "clocks change") == [("03-29 00:50:00", "03-29 01:20:00", 2, 1_800_007)]
    assert sessions(lake, "days on end") == [
        ("01-05 00:00:00", "01-07 23:30:00", 144, (3 * 24 * 3600 - 1800) * 1000 + 7)
    ]
    days = {row["session_date"] for row in lake.rows(TABLE) if row["user_id"] == "new year"}
    assert days == {date(2025, 12, 31)}


def test_late_actions_join_sessions_and_leave_others_as_they_were(lake):
    lake.land(
        "user_interactions/1.jsonl",
        [
            *actions("joined", "2026-01-05 23:20:00", "2026-01-06 00:20:00", duration_ms=1),
            *actions("extended", "2026-01-05 10:00:00", "2026-01-12 10:00:00", duration_ms=1),
            *actions("other", "2026-01-05 10:00:00", "2026-01-06 10:00:00", duration_ms=1),
        ],
    )
    lake.run(f"+{TABLE}")
    before = {row["user_id"]: row["session_id"] for row in reversed(lake.rows(TABLE))}
    assert len(sessions(lake, "joined")) == 2
    lake.land(
        "user_interactions/2.jsonl",
        [
            *actions("joined", "2026-01-05 23:50:00", duration_ms=1),
            *actions("extended", "2026-01-05 10:10:00", duration_ms=9),
        ],
    )
    account = lake.run(f"+{TABLE}")[TABLE].account
    assert sessions(lake, "joined") == [("01-05 23:20:00", "01-06 00:20:00", 3, 3_600_001)]
    assert sessions(lake, "extended") == [
        ("01-05 10:00:00", "01-05 10:10:00", 2, 600_009),
        ("01-12 10:00:00", "01-12 10:00:00", 1, 1),
    ]
    after = {row["user_id"]: row["session_id"] for row in reversed(lake.rows(TABLE))}
    assert after == before, "a session is known by its first action"
    assert account.rows_in == 4, "fragments of the two users, not those of the third"


def test_equal_moments_stand_in_the_order_of_their_ids(lake):
    at = "2026-01-05 10:00:00"
    lake.land(
        "user_interactions.jsonl",
        [
            interaction("b", "u", at, page_id="second", duration_ms=2),
            interaction("c", "u", at, page_id=None, duration_ms=30),
            interaction("a", "u", at, page_id="first", duration_ms=100),
        ],
    )
    lake.run(f"+{TABLE}", "silver.user_days")
    [row] = lake.rows(TABLE)
    assert [row["entry_page"], row["exit_page"], row["duration_ms"]] == ["first", None, 30]
    [day] = lake.rows("silver.user_days")
    assert [day["n_interactions"], day["total_duration_ms"]] == [3, 132]
