"""A small random world of landing rows, and ways to deliver the same rows differently."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

from conftest import LakeDriver, conversion, event, interaction, metadata, release, signup

FIRST_DAY = date(2026, 1, 1)
FEATURES = ("collab", "export", "search")
SOURCES = (
    *("feature_releases", "user_signups", "feature_usage_events", "conversions"),
    *("user_interactions", "user_metadata"),
)
CLOCKS = {"feature_usage_events": "event_timestamp", "user_interactions": "timestamp"}
Rows = dict[str, list[dict[str, Any] | str]]


def day(chance: random.Random, span: int = 20) -> str:
    return (FIRST_DAY + timedelta(days=chance.randrange(span))).isoformat()


def make_world(seed: int, users: int = 8, events: int = 40) -> Rows:
    """Landing rows with deletes, late versions, several conversions of a user, and bad rows."""
    chance = random.Random(seed)
    people = [f"u{n}" for n in range(users)]
    return {
        "feature_releases": [release("collab", "2026-01-01")]
        + [
            release(
                chance.choice(FEATURES),
                day(chance),
                chance.choice(["1.9", "1.10", "2.0", None]),
                is_enabled=chance.random() < 0.8,
                is_deleted=chance.random() < 0.2,
            )
            for _ in range(14)
        ]
        + ['{"feature_id": null, "release_date": "2026-01-02"}'],
        "user_signups": [signup(user, day(chance, 5)) for user in people]
        + [signup(people[0], "2026-01-19", industry="other"), '{"user_id": "broken'],
        "feature_usage_events": [
            event(
                f"e{n}",
                chance.choice([*people, "stranger"]),
                chance.choice(FEATURES),
                f"{day(chance)}T{chance.randrange(24):02}:00:00Z",
            )
            for n in range(events)
        ]
        # The same event told twice, with another time: one of the two stands for it.
        + [event("e0", "u1", "collab", f"2026-01-{n:02}T00:00:00Z") for n in (3, 4)]
        + ['{"event_id": "x", "user_id": "u1", "feature_id": "collab", "event_timestamp": "soon"}'],
        "conversions": [
            conversion(chance.choice(people), day(chance), chance.choice([9, 49.99, 199]))
            for _ in range(6)
        ]
        + [conversion("u1", "2026-01-05", mrr=-1)],
        "user_interactions": _interactions(chance, people, events),
        "user_metadata": _metadata(chance, people),
    }


def moment(chance: random.Random, span: int = 20) -> str:
    """Some second; often close to midnight, and close to other moments."""
    hour = chance.choice([0, 0, 1, 9, 9, 10, 23, 23])
    minute, second = chance.choice([0, 15, 29, 30, 59]), chance.choice([0, 1])
    return f"{day(chance, span)} {hour:02}:{minute:02}:{second:02}"


def _interactions(chance: random.Random, people: list[str], n: int) -> list[dict[str, Any] | str]:
    """Rows with and without an id, ids told again of other days and users, bad rows."""
    rows: list[dict[str, Any] | str] = [
        interaction(
            f"i{number}" if chance.random() < 0.6 else None,
            chance.choice([*people[:4], "stranger"]),
            moment(chance, 8),
            duration_ms=chance.choice([None, 0, 5, 7000, 30_000_000]),
            page_id=chance.choice(["home", "reports", None]),
        )
        for number in range(n)
    ]
    rows += [
        interaction(f"i{number}", chance.choice(people[:3]), moment(chance, 8))
        for number in range(0, n, 5)
    ]
    return [
        *rows,
        interaction("x", "u1", "soon"),
        interaction("y", "u1", "2026-01-01", duration_ms=-1),
    ]


def _metadata(chance: random.Random, people: list[str]) -> list[dict[str, Any] | str]:
    """States that change at moments and come back; some users tell no time, or are unknown."""
    rows: list[dict[str, Any] | str] = [
        metadata(
            chance.choice(people[1:4]),
            moment(chance, 8),
            country=chance.choice(["DE", "FR", None]),
            device_type=chance.choice(["desktop", "mobile"]),
        )
        for _ in range(10)
    ]
    # Who tells no time has one state: of two, the order of arrival would decide which came first.
    return [*rows, metadata(people[0], None, join_date="2026-01-03"), '{"user_id": null}']


def land_at_once(lake: LakeDriver, world: Rows) -> None:
    """One file a source."""
    for source, rows in world.items():
        lake.land(f"{source}.jsonl", rows)


def batches(world: Rows, seed: int, n: int) -> list[Rows]:
    """The same rows shuffled, a quarter of them sent twice, cut into deliveries."""
    chance = random.Random(seed)
    cut: list[Rows] = [{source: [] for source in world} for _ in range(n)]
    for source, rows in world.items():
        sent = [row for row in rows for _ in range(1 + (chance.random() < 0.25))]
        chance.shuffle(sent)
        for row in sent:
            cut[chance.randrange(n)][source].append(row)
    return cut


def with_a_late_day(world: Rows, seed: int) -> tuple[Rows, Rows]:
    """The rows without some day's events, and these: a delivery that concerns few files."""
    chance = random.Random(seed)
    others, late = dict(world), {}
    for source in CLOCKS.keys() & world.keys():
        days = {_day_of(row, source) for row in world[source]} - {None}
        chosen = chance.choice(sorted(days))
        late[source] = [row for row in world[source] if _day_of(row, source) == chosen]
        others[source] = [row for row in world[source] if _day_of(row, source) != chosen]
    return others, late


def _day_of(row: dict[str, Any] | str, source: str) -> str | None:
    told = row[CLOCKS[source]] if isinstance(row, dict) else ""
    return told[:10] if told.startswith("20") else None


def land_batch(lake: LakeDriver, batch: Rows, number: int) -> None:
    """One file a source and delivery; a source that sends nothing sends no file."""
    for source, rows in batch.items():
        if rows or number == 0:
            lake.land(f"{source}/{number}.jsonl", rows)
