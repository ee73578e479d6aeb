"""What the declarations of the interactions domain's sources do not say."""

from __future__ import annotations

import random
from typing import Any

from laws.generated import MISSING, moment

from conftest import interaction, metadata

PEOPLE = [f"u{n}" for n in range(8)]
Rows = dict[str, list[dict[str, Any] | str]]


def refine(rows: Rows, chance: random.Random) -> None:
    """Add what users did and were, in few days so that sessions and states meet."""
    rows["user_interactions"] += _interactions(chance, 40)
    rows["user_metadata"] = _with_one_untimed_state(rows["user_metadata"], chance)
    rows["user_metadata"] += _metadata(chance)


def _interactions(chance: random.Random, n: int) -> list[dict[str, Any] | str]:
    """Rows with and without an id, ids told again of other days and users, bad rows."""
    rows: list[dict[str, Any] | str] = [
        interaction(
            f"i{number}" if chance.random() < 0.6 else None,
            chance.choice([*PEOPLE[:4], "stranger"]),
            moment(chance, 8),
            duration_ms=chance.choice([None, 0, 5, 7000, 30_000_000]),
            page_id=chance.choice(["home", "reports", None]),
        )
        for number in range(n)
    ]
    rows += [
        interaction(f"i{number}", chance.choice(PEOPLE[:3]), moment(chance, 8))
        for number in range(0, n, 5)
    ]
    return [
        *rows,
        interaction("x", "u1", "soon"),
        interaction("y", "u1", "2026-01-01", duration_ms=-1),
    ]


def _with_one_untimed_state(
    rows: list[dict[str, Any] | str], chance: random.Random
) -> list[dict[str, Any] | str]:
    """The rows, all but those of one user with a time.

    Who tells no time has one state: of two, the order of arrival would decide which came first.
    """
    kept: list[dict[str, Any] | str] = [metadata(PEOPLE[0], None, join_date="2026-01-03")]
    for row in rows:
        if isinstance(row, str):
            kept.append(row)
        elif row["user_id"].strip() != PEOPLE[0]:
            told = row.get("updated_at")
            kept.append(row | {"updated_at": moment(chance) if told in MISSING else told})
    return kept


def _metadata(chance: random.Random) -> list[dict[str, Any] | str]:
    """States that change at moments and come back; some users are unknown, one has no id."""
    rows: list[dict[str, Any] | str] = [
        metadata(
            chance.choice(PEOPLE[1:4]),
            moment(chance, 8),
            country=chance.choice(["DE", "FR", None]),
            device_type=chance.choice(["desktop", "mobile"]),
        )
        for _ in range(10)
    ]
    return [*rows, '{"user_id": null}']
