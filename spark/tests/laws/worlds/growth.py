"""What the declarations of growth's sources do not say."""

from __future__ import annotations

import random
from typing import Any

from laws.generated import day

from conftest import conversion, event, release, signup

FEATURES = ("collab", "export", "search")
PEOPLE = [f"u{n}" for n in range(8)]
NEVER_CONVERTED = ["u8", "u9"]


def refine(rows: dict[str, list[dict[str, Any] | str]], chance: random.Random) -> None:
    """Add deletes, late versions, strangers, users who convert often or never, and bad rows."""
    signed_up = [*PEOPLE, *NEVER_CONVERTED]
    rows["feature_releases"] += [
        release("collab", "2026-01-01"),
        *(
            release(
                chance.choice(FEATURES),
                day(chance),
                chance.choice(["1.9", "1.10", "2.0", None]),
                is_enabled=chance.random() < 0.8,
                is_deleted=chance.random() < 0.2,
            )
            for _ in range(14)
        ),
        '{"feature_id": null, "release_date": "2026-01-02"}',
    ]
    rows["user_signups"] += [
        *(signup(user, day(chance, 5)) for user in signed_up),
        signup(PEOPLE[0], "2026-01-19", industry="other"),
        '{"user_id": "broken',
    ]
    rows["feature_usage_events"] += [
        *(
            event(
                f"e{n}",
                chance.choice([*signed_up, "stranger"]),
                chance.choice(FEATURES),
                f"{day(chance)}T{chance.randrange(24):02}:00:00Z",
            )
            for n in range(40)
        ),
        # The same event told twice, with another time: one of the two stands for it.
        *(event("e0", "u1", "collab", f"2026-01-{n:02}T00:00:00Z") for n in (3, 4)),
        '{"event_id": "x", "user_id": "u1", "feature_id": "collab", "event_timestamp": "soon"}',
    ]
    rows["conversions"] += [
        *(
            conversion(chance.choice(PEOPLE), day(chance), chance.choice([9, 49.99, 199]))
            for _ in range(6)
        ),
        # Enough of the first days: cut off after them, most rows of the table are good still.
        *(conversion(user, day(chance, 5), 49.99) for user in PEOPLE),
        conversion("u1", "2026-01-05", mrr=-1),
    ]
