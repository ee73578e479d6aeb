"""What the declarations of the web domain's sources do not say."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from laws.generated import day, moment

Rows = dict[str, list[dict[str, Any] | str]]
DEVICES = ("d1", "d2", "d3", "d4")
USERS = ("w1", "w2", "w3")
PAGES = ("/", "/pricing", "/checkout/cart", "/blog")
KINDS = (
    *("page_view", "page_view", "page_view", "page_ping", "page_ping", "scroll", "click"),
    *("product_view", "add_to_cart", "purchase", "refund", "signup", "form_submit"),
)


def refine(rows: Rows, chance: random.Random) -> None:
    """Add visits of few devices in few days: logins, repeats, campaigns, orders, late events."""
    rows["web_events"] += [
        *(_event(f"v{number}", chance) for number in range(70)),
        # An event told again, received later and by another device: the first received counts.
        *(_event(f"v{number}", chance) for number in range(0, 70, 9)),
        _event("bad", chance) | {"event_type": "purchase", "properties": {"price": -1}},
        '{"event_id": "broken',
    ]
    rows["currency_rates"] += [
        {"currency": "USD", "rate_date": day(chance, last), "rate": chance.choice(["0.9", 0.91, 1])}
        for last in (5, 5, 5, 5, 8, 8)  # some in the first days, as in the world of growth
    ]


def told_day(source: str, row: dict[str, Any]) -> str | None:
    """The day of a rate; of an event that by the collector's clock, where all clocks are told."""
    if source == "currency_rates":
        return row["rate_date"]
    if source == "web_dead_letters":
        dead = _told(row.get("dead_at"))
        return f"{dead:%Y-%m-%d}" if dead else None
    happened, sent, received = (_told(row.get(n)) for n in ("timestamp", "sent_at", "received_at"))
    if happened and sent and received:
        happened = received - (sent - happened)
    return f"{happened:%Y-%m-%d}" if happened else None


def _told(moment_: object) -> datetime | None:
    told = str(moment_ or "").strip().removesuffix("Z")
    return datetime.fromisoformat(told) if told.startswith("2") else None


def _event(identity: str, chance: random.Random) -> dict[str, Any]:
    happened = moment(chance, 6)
    kind = chance.choice(KINDS)
    device = chance.choice([*DEVICES, None])
    logged_in = device is None or chance.random() < 0.25
    return {
        "event_id": identity,
        "event_type": kind,
        "timestamp": happened,
        **_clocks(happened, chance),
        "anonymous_id": device,
        "user_id": chance.choice(USERS) if logged_in else None,
        "session_id": chance.choice(["s1", "s2", None]),
        "page_view_id": chance.choice([f"{device}-{happened[:10]}", None, None]),
        "properties": _properties(kind, chance),
        "context": {
            "platform": "web",
            "ip": chance.choice(["203.0.113.5", "10.1.2.3", "198.51.100.9", None]),
            "user_agent": chance.choice(
                [
                    "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0",
                    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile Safari/604.1",
                    "curl/8.0",
                ]
            ),
        },
    }


def _clocks(happened: str, chance: random.Random) -> dict[str, str]:
    """Often none; else a device that sends after seconds or days, and may be hours off."""
    if chance.random() < 0.6:
        return {}
    told = datetime.fromisoformat(happened)
    sent = told + timedelta(seconds=chance.choice([1, 60, 100_000, 400_000]))
    received = sent + timedelta(seconds=chance.choice([0, 2, 7200, -7200]))
    return {"sent_at": f"{sent}", "received_at": f"{received}"}


def _properties(kind: str, chance: random.Random) -> dict[str, Any]:
    told: dict[str, Any] = {"page_url": f"https://www.example.com{chance.choice(PAGES)}"}
    if kind == "page_view" and chance.random() < 0.5:
        told |= chance.choice(
            [
                {"utm_source": "news", "utm_medium": "email", "utm_campaign": "spring"},
                {"referrer": "https://www.google.com/"},
                {"gclid": "g"},
                {"load_ms": chance.choice([100, 900.5]), "cls": 0.1},
            ]
        )
    if kind == "scroll":
        told["depth_pct"] = chance.choice([10, 55, 100])
    if kind == "form_submit":
        told |= {"form_id": "signup", "form_step": chance.choice(["started", "submitted"])}
    if kind in {"product_view", "add_to_cart", "purchase", "refund"}:
        told |= {"category": chance.choice(["books", None]), "price": 5, "quantity": 1}
    if kind in {"purchase", "refund"}:
        told |= {
            "currency": chance.choice(["EUR", "USD", "XXX"]),
            "transaction": {
                "order_id": f"o{chance.randrange(6)}",
                "total_amount": chance.choice([5, "49.90"]),
            },
        }
    return told
