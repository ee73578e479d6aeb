"""silver.sessions: late actions join sessions, and change no others."""

from __future__ import annotations

from datetime import UTC

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
