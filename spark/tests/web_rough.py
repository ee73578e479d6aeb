"""Web events as no well-made tag sends them: gaps, ties, ids that are missing or used again."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

Row = dict[str, Any]
FIRST = datetime(2026, 3, 26, 18, tzinfo=UTC)
"""Over a change of clocks in Europe, and the end of a month."""
DAYS = 8
DEVICES = ("d1", "d2", "d3", "d4")
UNKNOWN_DEVICES = tuple(f"u{number}" for number in range(8))
"""Of which nobody ever knows the user."""
USERS = ("w1", "w2", "w3")
PAUSES_S = (0, 0, 0.05, 1, 7, 10, 10, 30, 300, 1799.999, 1800, 1800.001, 2500)
KINDS = (
    *("page_view",) * 7,
    *("page_ping",) * 6,
    *("scroll", "scroll", "click", "click", "form_submit", "form_submit", "custom_event"),
    *("product_view", "product_view", "add_to_cart", "add_to_cart", "purchase", "purchase"),
    *("refund", "signup", "video_play", "web_vitals"),
)
PAGES = (
    *("https://www.example.com/", "https://www.example.com", "https://WWW.example.com/pricing/"),
    *("https://www.example.com/pricing?a=1#b", "https://www.example.com/checkout/pay"),
    *("https://blog.example.org/post", "https://staging.example.com/checkout", "/checkout"),
    *("https://shop.example.co.uk/shop/bücher", "https://münchen.example.com/a", "not an address"),
    f"https://www.example.com/{'long/' * 30}end",
)
REFERRERS = (
    *("https://www.google.co.uk/search?q=a", "https://mail.google.com/", "https://t.co/x"),
    *("https://www.example.com/", "https://blog.example.org/x", "https://deep.news.example.net/a"),
    *("https://www.youtube.com/watch", "https://www.amazon.de/dp/1", "https://example.co.uk/"),
    *("https://www.shopping.google.com/", "https://search.brave.com/", "http://192.0.2.7/a"),
)
CAMPAIGNS: tuple[Row, ...] = (
    {"utm_source": "Google", "utm_medium": "CPC", "utm_campaign": "brand"},
    {"utm_source": "google"},
    {"utm_source": "newsletter", "utm_medium": "e-mail"},
    {"utm_source": "facebook.com", "utm_medium": "paid_social"},
    {"utm_source": "Hacker News", "utm_medium": "link"},
    {"utm_source": "youtube", "utm_medium": "ppc", "utm_term": "t", "utm_content": "c"},
    {"utm_source": "other", "utm_medium": "cpm"},
    {"utm_source": "other", "utm_medium": "retargeting"},
    {"utm_source": "other", "utm_campaign": "spring shopping"},
    {"utm_source": "other", "utm_campaign": "workshop"},
    {"utm_source": "app", "utm_medium": "mobile-push"},
    {"utm_source": "sms", "utm_medium": "text"},
    {"utm_source": "partner", "utm_medium": "Affiliate"},
    {"utm_source": "radio", "utm_medium": "audio"},
    {"utm_medium": "organic"},
    {"utm_campaign": "nothing else"},
    {"gclid": "g1"},
    {"fbclid": "f1", "referrer": "https://l.facebook.com/"},
    {"msclkid": "m1", "utm_source": "bing", "utm_medium": "cpc"},
)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
)
TABLET = (
    "Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 "
    "(KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
)
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
AGENTS = (FIREFOX, IPHONE, TABLET, GOOGLEBOT, "curl/8.0", "", None)
ADDRESSES = (
    *("10.1.2.3", "10.2.0.9", "203.0.113.5", "2001:db8:1::5", "198.51.100.9", "192.0.2.77"),
    *("2001:db8:dc::1", "8.8.8.8", "nowhere", None),
)
FUNNELS = """
[[funnels]]
id = "any"
title = "One event for two steps"
window_s = 3600
steps = [
  { name = "a", event_type = "page_view" },
  { name = "b", event_type = "page_view", page = "/*" },
  { name = "c", event_type = "page_view", page = "/pricing", within_s = 600 },
]

[[funnels]]
id = "in_order"
title = "Nothing between"
window_s = 7200
mode = "strict_order"
steps = [
  { name = "a", event_type = "product_view" },
  { name = "b", event_type = "add_to_cart" },
  { name = "c", event_type = "purchase" },
]

[[funnels]]
id = "increasing"
title = "Each later"
window_s = 1800
mode = "strict_increase"
steps = [
  { name = "a", event_type = "page_view" },
  { name = "b", event_type = "scroll" },
  { name = "c", event_type = "click", within_s = 1800 },
]

[[funnels]]
id = "once"
title = "Once a window"
window_s = 7200
mode = "strict_once"
steps = [
  { name = "a", event_type = "page_view", page = "/p*g" },
  { name = "b", event_type = "form_submit", where = { form_id = "signup" } },
]
"""
"""Of every mode, for the end of `web.toml`."""


def rough_events(seed: int, count: int) -> list[Row]:
    """Events of few devices in few days, each visit a chain of pauses."""
    chance = random.Random(seed)
    rows: list[Row] = []
    while len(rows) < count:
        rows += _visit(chance, len(rows))
    for row in chance.sample(rows, count // 12):
        rows.append(_again(row, chance))
    rows += [*_clockwork(), *_burst(), *_silence()]
    chance.shuffle(rows)
    return rows


def rough_rates() -> list[str]:
    """Lines of a file of currency rates: gaps, repeats, and two rates of one day."""
    return [
        "currency,rate_date,rate",
        "usd,2026-03-20,0.91",
        "USD,2026-03-28,0.92",
        "USD,2026-03-28,0.915",
        "USD,2026-03-30,0.92",
        "GBP,2026-03-30,1.175",
        "JPY,2026-01-01,0.0061",
        "USD,2026-04-01,-1",
        "USD,2026-04-31,1",
    ]


def _visit(chance: random.Random, first: int) -> list[Row]:
    device = chance.choice([*DEVICES, *UNKNOWN_DEVICES, None])
    logs_in = device in DEVICES and chance.random() < 0.5
    user = chance.choice(USERS) if device is None or logs_in else None
    at = FIRST + timedelta(seconds=chance.randrange(DAYS * 86_400))
    context = {
        "ip": chance.choice(ADDRESSES),
        "user_agent": chance.choice([*AGENTS[:3] * 3, *AGENTS]),
        "domain": chance.choice(["www.example.com", "shop.example.co.uk", None]),
        "platform": chance.choice(["web", "web", "ios", None]),
    }
    session = chance.choice(["s1", "s2", f"s{first}", None])
    keeps_views = chance.random() < 0.6
    delay_s = chance.choice([0, 0, 1, 60, 299.9, 90_000, 300_000])
    clock_s = chance.choice([0, 0, 0, 7200, -30])
    page_view, rows = None, []
    for number in range(chance.choice([1, 1, 2, 5, 12, 25])):
        at += timedelta(seconds=chance.choice(PAUSES_S))
        kind = chance.choice(KINDS)
        if kind == "page_view" or chance.random() < 0.05:
            page_view = chance.choice([f"p{first + number}", f"p{chance.randrange(40)}", None])
        known = device is None or number > 3
        rows.append(
            {
                "event_id": f"e{first + number:06d}",
                "event_type": kind,
                "timestamp": _told(at, chance),
                **_clocks(at, delay_s, clock_s, chance),
                "anonymous_id": device,
                "user_id": user if known else None,
                "session_id": session,
                "page_view_id": page_view if keeps_views else None,
                "properties": _properties(kind, chance),
                "context": context,
            }
        )
    return rows


def _told(at: datetime, chance: random.Random) -> str:
    """The same moment, in one of the ways to write it."""
    east = at + timedelta(hours=2)
    return chance.choice(
        [
            f"{at:%Y-%m-%dT%H:%M:%S.%f}Z",
            f"{at:%Y-%m-%dT%H:%M:%S.%f}",
            f"{east:%Y-%m-%dT%H:%M:%S.%f}+02:00",
        ]
    )


def _clocks(at: datetime, delay_s: float, clock_s: float, chance: random.Random) -> Row:
    """When it was sent and received; often one of both is missing."""
    sent = at + timedelta(seconds=delay_s)
    received = sent + timedelta(seconds=clock_s)
    told = {"sent_at": sent.isoformat(), "received_at": received.isoformat()}
    kept = chance.choice([("sent_at", "received_at")] * 3 + [("sent_at",), ("received_at",), ()])
    return {name: told[name] for name in kept}


def _properties(kind: str, chance: random.Random) -> Row:
    told: Row = {"page_url": chance.choice([*PAGES[:6] * 3, *PAGES, None])}
    if chance.random() < 0.3:
        told["page_id"] = chance.choice(["home", "pricing", ""])
    if kind == "page_view" or chance.random() < 0.05:
        told["page_title"] = chance.choice(["One", "Two", None])
        if chance.random() < 0.4:
            told["referrer"] = chance.choice(REFERRERS)
        if chance.random() < 0.4:
            told |= chance.choice(CAMPAIGNS)
    if kind in {"page_view", "web_vitals"}:
        told |= {"load_ms": chance.choice([100, 900.5, "350", None]), "cls": chance.random()}
        told |= {"lcp_ms": chance.choice([1200, 2500, None]), "fid_ms": chance.choice([5, None])}
    if kind in {"product_view", "add_to_cart", "purchase", "refund"}:
        told |= {"category": chance.choice(["books", "audio", None]), "price": "5.10"}
        told |= {"quantity": chance.choice([1, 2, None])}
    if kind in {"purchase", "refund"}:
        told["currency"] = chance.choice(["EUR", "usd", "GBP", "JPY", "XXX"])
        told["transaction"] = {
            "order_id": f"o{chance.randrange(30)}",
            "total_amount": chance.choice([5, "49.90", 17.25, 1.15]),
        }
    return told | _OF_KIND.get(kind, lambda _: {})(chance)


_OF_KIND = {
    "scroll": lambda chance: {"depth_pct": chance.choice([10, 33.3, 66.7, 100])},
    "form_submit": lambda chance: {
        "form_id": chance.choice(["signup", "contact"]),
        chance.choice(["step", "form_step"]): chance.choice(["started", "submitted", "failed"]),
    },
    "custom_event": lambda chance: {"name": "copy", "value": chance.choice(["1", "null"])},
    "video_play": lambda chance: {"video_id": "v1", "position_s": chance.choice([0, 9.5])},
}


def _again(row: Row, chance: random.Random) -> Row:
    """The same event once more: as it was, or received later and telling other things."""
    if "received_at" not in row or chance.random() < 0.3:
        return dict(row)
    later = datetime.fromisoformat(row["received_at"]) + timedelta(minutes=5)
    is_named = row["anonymous_id"] not in UNKNOWN_DEVICES
    user = chance.choice([*USERS, row["user_id"]]) if is_named else None
    changed = {"user_id": user, "received_at": f"{later}"}
    return row | changed


def _plain(identity: str, kind: str, at: datetime, device: str) -> Row:
    return {
        "event_id": identity,
        "event_type": kind,
        "timestamp": at.isoformat(),
        "anonymous_id": device,
        "properties": {"page_url": PAGES[0]},
        "context": {"user_agent": AGENTS[0]},
    }


def _clockwork() -> list[Row]:
    """Even pauses, but for 40 ms; and one day with pauses of 60 ms more."""
    rows = []
    for day, odd_ms in ((1, 40), (2, 60)):
        start = FIRST + timedelta(days=day)
        for number in range(22):
            at = start + timedelta(seconds=20 * number, milliseconds=odd_ms * (number == 9))
            kind = "page_view" if number % 4 else "page_ping"
            rows.append(_plain(f"k{day}-{number:02d}", kind, at, "clockwork"))
    return rows


def _burst() -> list[Row]:
    """61 events within a minute of the clock, and 60 on the next day."""
    start = FIRST.replace(minute=0, second=0) + timedelta(days=1)
    return [
        _plain(f"b{day}-{n:02d}", "click", start + timedelta(days=day, seconds=n * n % 59), "burst")
        for day, count in ((0, 61), (1, 60))
        for n in range(count)
    ]


def _silence() -> list[Row]:
    """Ten views without a sign of a person, nine on the next day, and ten with a scroll."""
    rows = []
    for day, count in ((1, 10), (2, 9), (3, 10)):
        start = FIRST + timedelta(days=day)
        for n in range(count):
            at = start + timedelta(seconds=31 * n + n * n)
            rows.append(_plain(f"q{day}-{n}", "page_view", at, "silence"))
    scroll = _plain("q3-scroll", "scroll", FIRST + timedelta(days=3, seconds=5), "silence")
    scroll["properties"]["depth_pct"] = 50
    return [*rows, scroll]
