"""bronze.web_events: what collectors sent, once, with what cannot be believed set aside."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from lakehouse.catalog import views

pytestmark = pytest.mark.spark
TABLE = "bronze.web_events"
AT = "2026-01-05T10:00:00Z"


def sent(identity: str, kind: str = "page_view", **more: Any) -> dict[str, Any]:
    known = {"event_id": identity, "event_type": kind, "timestamp": AT, "anonymous_id": "d"}
    return known | more


def order(identity: str, **more: Any) -> dict[str, Any]:
    told = {"currency": "EUR", "transaction": {"order_id": "1", "total_amount": 5}} | more
    return sent(identity, "purchase", properties=told)


def believed(n: int = 30) -> list[dict[str, Any]]:
    """Enough others, so that the delivery as a whole is believed."""
    return [sent(f"ok{number}") for number in range(n)]


BAD = [
    ({"event_type": "page_view", "timestamp": AT, "anonymous_id": "d"}, ["missing:event_id"]),
    (sent("a", anonymous_id=None), ["missing:anonymous_id_or_user_id"]),
    (sent("b", "page_vew"), ["unknown:event_type"]),
    (sent("c", properties="text"), ["not_an_object:properties"]),
    (sent("d", "add_to_cart", properties={"price": -1}), ["negative_price"]),
    (sent("e", "add_to_cart", properties={"quantity": 0}), ["quantity_below_1"]),
    (sent("f", timestamp="1970-01-01T00:00:00Z"), ["implausible_clock", "out_of_range:timestamp"]),
    (sent("g", timestamp="2300-01-01T00:00:00Z"), ["out_of_range:timestamp"]),
    (
        sent("h", timestamp="2026-01-07T10:00:00Z", received_at=AT, sent_at=AT),
        ["in_the_future"],
    ),
    (order("i", transaction={"order_id": "1"}), ["missing:total_amount"]),
    (order("j", currency=None), ["missing:currency"]),
    (order("k", transaction={"total_amount": 5}), ["missing:order_id"]),
    (order("l", transaction={"order_id": "1", "total_amount": 0}), ["amount_not_positive"]),
    (order("m", currency="Euro"), ["not_a_currency:currency"]),
    (sent("n", "scroll", properties={"depth_pct": 101}), ["depth_out_of_range"]),
    (sent("o", "form_submit", properties={"form_id": "x", "step": "y"}), ["unknown:form_step"]),
    (sent("p", properties={"lcp_ms": -5}), ["implausible:lcp_ms"]),
    (sent("q", properties={"cls": "many"}), ["not_a_number:cls"]),
]


@pytest.mark.turns(3)
@pytest.mark.parametrize(("row", "reasons"), BAD, ids=[reasons[0] for _, reasons in BAD])
def test_what_cannot_be_believed_is_set_aside_with_its_reason(lake, row, reasons):
    lake.land("web_events.jsonl", [row, *believed(3)])
    account = lake.run(TABLE)[TABLE].account
    assert (account.rows_in, account.rows_quarantined, account.rows_loaded) == (4, 1, 3)
    (rejected,) = views.rejected(lake.registry[TABLE].table, lake.settings, None)
    assert sorted(rejected["reasons"]) == reasons
    assert json.loads(rejected["raw"]) == row


def test_what_is_odd_and_can_be_believed_is_kept(lake):
    odd = [
        sent("nulls", properties=None, context={"ip": None}, consent={}),
        sent("vital", properties={"cls": "NaN", "lcp_ms": "1200.5"}),
        sent("v6", context={"ip": "2001:db8:1:2:3::4"}),
        sent("mapped", context={"ip": "::ffff:203.0.113.9"}),
        sent("no ip", context={"ip": "unknown"}),
        sent("referrer", properties={"referrer": "no address", "utm_source": "Frühling 🌷"}),
        sent("punycode", properties={"page_url": "https://xn--bcher-kva.example/"}),
        sent("long", properties={"page_title": "x" * 2_000_000}),
        sent("more", properties={"colour": "red"}, version=3),
        sent("lower", "purchase", properties=order("x")["properties"] | {"currency": "eur"}),
    ]
    lake.land("web_events.jsonl", [*odd, *believed(3)])
    account = lake.run(TABLE)[TABLE].account
    assert (account.rows_quarantined, account.rows_loaded) == (0, 13)
    found = {row["event_id"]: row for row in lake.rows(TABLE, technical=True)}
    assert (found["vital"]["cls"], found["vital"]["lcp_ms"]) == (None, 1200.5)
    networks = {name: found[name]["network"] for name in ("nulls", "v6", "mapped", "no ip")}
    assert networks == {
        "nulls": None,
        "v6": "2001:db8:1::/48",
        "mapped": "203.0.113.0/24",
        "no ip": None,
    }
    assert found["referrer"]["utm_source"] == "Frühling 🌷"
    assert len(found["long"]["page_title"]) == 2_000_000
    assert json.loads(found["more"]["_extra"]) == {"properties": {"colour": "red"}, "version": 3}
    assert found["lower"]["currency"] == "EUR"
    assert not any("203.0.113.9" in str(row) for row in found.values())


def test_the_clock_of_a_device_does_not_matter_where_all_three_are_told(lake):
    day_ahead = {"timestamp": "2026-01-06T10:00:00Z", "sent_at": "2026-01-06T10:00:30Z"}
    lake.land(
        "web_events.jsonl",
        [
            sent("corrected", **day_ahead, received_at="2026-01-05T10:01:00Z"),
            sent("told", timestamp="2026-01-05T23:30:00-01:00", received_at=AT),
            *believed(3),
        ],
    )
    lake.run(TABLE)
    found = {row["event_id"]: (row["event_at"], row["event_date"]) for row in lake.rows(TABLE)}
    at = {name: moment.replace(tzinfo=None) for name, (moment, _) in found.items()}
    assert at["corrected"] == datetime(2026, 1, 5, 10, 0, 30)  # noqa: DTZ001  # naive, in UTC
    assert at["told"] == datetime(2026, 1, 6, 0, 30)  # noqa: DTZ001  # same
    assert found["told"][1].isoformat() == "2026-01-06"


def test_ten_thousand_records_of_one_event_are_one_event_and_all_accounted_for(lake):
    again = [
        sent("one", received_at=f"2026-01-05T10:{n // 60:02}:{n % 60:02}Z") for n in range(600)
    ]
    lake.land("web_events.jsonl", [each for each in again for _ in range(17)][:10_000])
    outcomes = lake.run("+silver.web_events")
    bronze, silver = (outcomes[f"{layer}.web_events"].account for layer in ("bronze", "silver"))
    assert (bronze.rows_in, bronze.rows_loaded, bronze.rows_deduplicated) == (10_000, 589, 9_411)
    assert (silver.rows_in, silver.rows_loaded, silver.rows_deduplicated) == (589, 1, 588)
    assert len(lake.rows("silver.web_events")) == 1


def test_a_delivery_twice_and_a_run_again_change_nothing(lake):
    lake.land("web_events/1.jsonl", believed())
    lake.run(TABLE)
    lake.land("web_events/2.jsonl", believed())
    account = lake.run(TABLE)[TABLE].account
    assert (account.rows_loaded, account.rows_deduplicated) == (0, 30)
    assert lake.run(TABLE)[TABLE].outcome == "unchanged"
    assert Counter(row["event_id"] for row in lake.rows(TABLE)).most_common(1)[0][1] == 1
