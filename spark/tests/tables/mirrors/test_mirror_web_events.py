"""Identities, events with whose they are, orders and conversions, on literal rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from tables.mirror import rows, values
from tables.mirrors.web_rows import (
    FIREFOX,
    GOOGLEBOT,
    IPHONE,
    START,
    at,
    landed_event,
    numbers,
    web_event,
)

from lakehouse.metrics.web_policies import (
    Attribution,
    Bots,
    Channels,
    Clock,
    Internal,
    Places,
    Sites,
    Stitching,
)
from lakehouse.tables.silver.web import (
    currency_rates,
    web_conversions,
    web_events,
    web_identities,
    web_orders,
)

pytestmark = pytest.mark.spark
EVER, NEVER = datetime(1970, 1, 1), datetime(9999, 12, 31)  # noqa: DTZ001  # naive, in UTC
GOOGLE = Channels(
    hosts=(
        Channels.Host(host="google", name="Google", kind="search"),
        Channels.Host(host="mail.google.com", name="Gmail", kind="email"),
        Channels.Host(host="facebook.com", name="Facebook", kind="social"),
    )
)
OURS = Sites(own_domains=("example.com", "example.org"))


def interval(user, since=EVER, until=NEVER, device="d"):
    return {
        "anonymous_id": device,
        "user_id": user,
        "effective_from": since,
        "effective_to": until,
        "is_current": until == NEVER,
        "record_hash": user,
    }


# ------------------------------------------------------------------------------- identities


def test_the_first_user_has_what_the_device_did_before_the_login(spark):
    given = [landed_event("a", at(0)), landed_event("b", at(9), user_id="u")]
    found = rows(spark, web_identities, given)
    assert values(found, "anonymous_id", "user_id", "effective_from", "effective_to") == [
        ("d", "u", EVER, NEVER)
    ]


def test_two_users_in_turn_have_the_device_in_turn(spark):
    given = [
        landed_event("c", at(30), user_id="u"),
        landed_event("b", at(20), user_id="w"),
        landed_event("a", at(10), user_id="u"),
        landed_event("d", at(40), user_id="u"),
    ]
    found = rows(spark, web_identities, given)
    assert values(found, "user_id", "effective_from", "effective_to") == [
        ("u", EVER, at(20)),
        ("w", at(20), at(30)),
        ("u", at(30), NEVER),
    ]


def test_of_logins_at_one_moment_that_of_the_lowest_event_counts(spark):
    given = [landed_event("b", at(1), user_id="w"), landed_event("a", at(1), user_id="u")]
    assert values(rows(spark, web_identities, given), "user_id") == [("u",)]


def test_a_pair_that_was_merged_by_mistake_was_never_told(spark):
    given = [landed_event("a", at(1), user_id="w"), landed_event("b", at(2), user_id="u")]
    mistake = Stitching(unmerge=({"anonymous_id": "d", "user_id": "w"},))
    found = rows(spark, web_identities, given, policies=[mistake])
    assert values(found, "user_id", "effective_from") == [("u", EVER)]


def test_a_repeat_that_was_received_later_moves_no_login(spark):
    first = landed_event("a", at(1), user_id="u", received_at=at(2), _row_id="1")
    again = landed_event("a", at(50), user_id="u", received_at=at(51), _row_id="2")
    other = landed_event("b", at(20), user_id="w", received_at=at(20))
    found = rows(spark, web_identities, [again, other, first])
    assert values(found, "user_id", "effective_from") == [("u", EVER), ("w", at(20))]


# ------------------------------------------------------------------------------- events


def test_an_event_is_its_users_else_its_devices_users_else_its_devices(spark):
    given = [
        landed_event("a", at(1)),
        landed_event("b", at(2), user_id="x"),
        landed_event("c", at(3), anonymous_id="e", actor_id="e"),
        landed_event("d", at(4), anonymous_id=None, user_id="y", actor_id="y"),
        landed_event("e", at(60)),
    ]
    intervals = [interval("u", until=at(50)), interval("w", since=at(50))]
    found = {r["event_id"]: r for r in rows(spark, web_events, given, intervals)}
    assert {k: (r["visitor_id"], r["is_stitched"]) for k, r in found.items()} == {
        "a": ("u", True),
        "b": ("x", False),
        "c": ("e", False),
        "d": ("y", False),
        "e": ("w", True),
    }


def test_the_earliest_received_record_of_an_event_counts(spark):
    late = landed_event("a", at(9), received_at=at(20), page_title="late", _row_id="1")
    early = landed_event("a", at(5), received_at=at(10), page_title="early", _row_id="2")
    assert values(rows(spark, web_events, [late, early], []), "page_title") == [("early",)]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, ("(direct)", "(none)", "Direct")),
        (
            {"referrer": "https://www.google.co.uk/search?q=x"},
            ("google", "organic", "Organic Search"),
        ),
        ({"referrer": "https://mail.google.com/"}, ("gmail", "email", "Email")),
        ({"referrer": "https://l.facebook.com/"}, ("facebook", "referral", "Organic Social")),
        ({"referrer": "https://blog.nobody.net/x"}, ("nobody.net", "referral", "Referral")),
        ({"referrer": "https://shop.example.org/"}, ("(direct)", "(none)", "Direct")),
        ({"referrer": "no address at all"}, ("(direct)", "(none)", "Direct")),
        (
            {"utm_source": "google", "utm_medium": "cpc", "utm_campaign": "Frühling 🌷"},
            ("google", "cpc", "Paid Search"),
        ),
        ({"utm_source": "newsletter", "utm_medium": "email"}, ("newsletter", "email", "Email")),
        ({"utm_source": "partner"}, ("partner", "(none)", "Unassigned")),
        ({"gclid": "1"}, ("google", "cpc", "Paid Search")),
        (
            {"fbclid": "1", "referrer": "https://www.google.com/"},
            ("facebook", "social", "Organic Social"),
        ),
        ({"utm_source": "x", "utm_medium": "banner"}, ("x", "banner", "Display")),
    ],
)
def test_where_an_event_came_from(spark, told, expected):
    given = [landed_event("a", at(1), page_url="https://www.example.com/a/?b=1", **told)]
    (found,) = rows(spark, web_events, given, [], policies=[GOOGLE, OURS])
    assert (found["source"], found["medium"], found["channel"]) == expected
    assert (found["page_host"], found["page_path"], found["page_id"]) == (
        "www.example.com",
        "/a",
        "/a",
    )


def test_a_host_in_other_letters_is_written_in_ascii(spark):
    given = [landed_event("a", at(1), page_url="https://Bücher.example/größe/")]
    (found,) = rows(spark, web_events, given, [])
    assert (found["page_host"], found["page_path"]) == ("xn--bcher-kva.example", "/größe")


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (FIREFOX, ("Firefox", "120", "Linux", "desktop", None)),
        (IPHONE, ("Mobile Safari", "17", "iOS", "mobile", None)),
        (None, ("unknown", "unknown", "unknown", "unknown", "no_agent")),
        (GOOGLEBOT, ("Googlebot", "2", "Other", "other", "listed_agent")),
    ],
)
def test_what_an_event_was_sent_with(spark, agent, expected):
    (found,) = rows(spark, web_events, [landed_event("a", at(1), user_agent=agent)], [])
    names = ("browser", "browser_version", "os", "device_type", "bot_reasons")
    got = tuple(found[name] for name in names)
    assert got == expected or (agent == GOOGLEBOT and got[-1] == "listed_agent")


def test_networks_have_places_and_may_be_ours_or_of_a_data_centre(spark):
    given = [
        landed_event("a", at(1), network="203.0.113.0/24", actor_id="1"),
        landed_event("b", at(1), network="198.51.100.0/24", actor_id="2"),
        landed_event("c", at(1), network="192.0.2.0/24", actor_id="3"),
        landed_event("d", at(1), actor_id="4"),
    ]
    policies = [
        Places(
            networks=(
                {"network": "203.0.0.0/16", "country": "FR"},
                {"network": "203.0.113.0/24", "country": "DE", "region": "Berlin", "city": "B"},
            )
        ),
        Bots(data_centres=("198.51.100.0/24",)),
        Internal(networks=("192.0.2.128/25",)),
    ]
    found = {r["event_id"]: r for r in rows(spark, web_events, given, [], policies=policies)}
    assert {k: (r["country"], r["city"]) for k, r in found.items()} == {
        "a": ("DE", "B"),
        "b": ("unknown", "unknown"),
        "c": ("unknown", "unknown"),
        "d": ("unknown", "unknown"),
    }
    assert {k: r["bot_reasons"] for k, r in found.items() if r["is_bot"]} == {"b": "data_centre"}
    assert [k for k, r in found.items() if r["is_internal"]] == ["c"]


def test_the_three_ways_to_behave_like_a_program(spark):
    fast = [landed_event(f"f{n}", at(n), actor_id="fast") for n in range(30)]
    blind = [landed_event(f"b{n}", at(n * n * 97), actor_id="blind") for n in range(3)]
    even = [
        landed_event(f"e{n}", at(60 * n), event_type="click", actor_id="even") for n in range(6)
    ]
    person = [
        landed_event("p0", at(0), actor_id="person"),
        *(
            landed_event(f"p{n}", at(10 * n), event_type="page_ping", actor_id="person")
            for n in range(1, 9)
        ),
    ]
    policy = Bots(max_events_per_minute=29, views_without_signal=3, regular_events=6)
    found = rows(spark, web_events, [*fast, *blind, *even, *person], [], policies=[policy])
    assert {(r["actor_id"], r["bot_reasons"]) for r in found} == {
        ("fast", "too_fast,no_signal,regular"),
        ("blind", "no_signal"),
        ("even", "regular"),
        ("person", None),
    }


def test_an_event_that_waited_too_long_on_its_device_is_late(spark):
    day = timedelta(days=1)
    given = [
        landed_event("a", START, timestamp=START, sent_at=START + 3 * day),
        landed_event("b", START, timestamp=START, sent_at=START + 3 * day + timedelta(seconds=1)),
        landed_event("c", START, timestamp=START),
    ]
    found = rows(spark, web_events, given, [], policies=[Clock(max_late_days=3)])
    assert values(found, "event_id", "is_late") == [("a", False), ("b", True), ("c", False)]
    assert not any(r["is_late"] for r in rows(spark, web_events, given, []))


def test_of_no_events_nothing_is_made(spark):
    assert rows(spark, web_identities, []) == []
    assert rows(spark, web_events, [], []) == []
    assert rows(spark, web_orders, [], []) == []
    assert rows(spark, web_conversions, [], []) == []


# ------------------------------------------------------------------------------- money


def rate(currency, told, since, until=NEVER):
    return {
        "currency": currency,
        "rate": Decimal(told),
        "effective_from": since,
        "effective_to": until,
        "is_current": until == NEVER,
        "record_hash": told,
    }


def order(identity, moment, order_id, amount, currency="EUR", *, kind="purchase", **more):
    return web_event(
        identity,
        moment,
        kind,
        order_id=order_id,
        total_amount=Decimal(amount),
        currency=currency,
        **more,
    )


def test_rates_hold_from_their_day_on_and_the_highest_of_a_day_counts(spark):
    first, second = datetime(2026, 1, 1), datetime(2026, 1, 2)  # noqa: DTZ001  # naive, in UTC
    given = [
        {"currency": "USD", "rate_date": day.date(), "rate": Decimal(told), "_row_id": told}
        for day, told in ((first, "0.90"), (first, "0.91"), (second, "0.92"))
    ]
    found = rows(spark, currency_rates, given)
    assert values(found, "effective_from", "effective_to") == [(first, second), (second, NEVER)]
    assert numbers(found, "rate") == [0.91, 0.92]


def test_amounts_are_converted_at_the_rate_of_their_moment_and_rounded_half_up(spark):
    given = [
        order("a", at(1), "1", "10.00"),
        order("b", at(2), "2", "10.00", "USD"),
        order("c", at(60), "3", "10.00", "USD"),
        order("d", at(70), "1", "3.33", "USD", kind="refund"),
        order("e", at(80), "4", "5.00", "XXX"),
    ]
    rates = [rate("USD", "0.90", EVER, at(60)), rate("USD", "0.925050", at(60))]
    found = rows(spark, web_orders, given, rates)
    assert values(found, "event_id", "kind", "is_summed") == [
        ("a", "purchase", True),
        ("b", "purchase", True),
        ("c", "purchase", True),
        ("d", "refund", True),
        ("e", "purchase", False),
    ]
    assert numbers(found, "amount_reporting") == [10.0, 9.0, 9.25, -3.08, None]


def test_half_a_cent_is_rounded_up(spark):
    given = [order("a", at(1), "1", "0.01", "USD"), order("b", at(1), "2", "0.03", "USD")]
    found = rows(spark, web_orders, given, [rate("USD", "0.5", EVER)])
    assert numbers(found, "amount_reporting") == [0.01, 0.02]


def test_an_order_that_is_told_twice_counts_once_and_each_refund_of_it(spark):
    given = [
        order("b", at(5), "1", "10"),
        order("a", at(9), "1", "10"),
        order("c", at(10), "1", "4", kind="refund"),
        order("d", at(90_000), "1", "6", kind="refund"),
        web_event("e", at(1)),
    ]
    found = rows(spark, web_orders, given, [])
    assert values(found, "order_date", "event_id") == [
        (at(5).date(), "b"),
        (at(10).date(), "c"),
        (at(90_000).date(), "d"),
    ]


def test_a_late_event_does_not_take_the_order_that_another_tells_in_time(spark):
    given = [order("a", at(1), "1", "10", is_late=True), order("b", at(5), "1", "10")]
    assert values(rows(spark, web_orders, given, []), "event_id") == [("b",)]


def test_conversions_are_orders_and_what_the_policy_lists(spark):
    given = [
        web_event("a", at(0)),
        web_event("b", at(1), "signup"),
        order("c", at(2), "1", "10"),
        order("d", at(3), "1", "10"),
        web_event("e", at(4000), "custom_event", event_name="lead"),
    ]
    orders = rows(spark, web_orders, given, [])
    found = rows(spark, web_conversions, given, orders)
    assert values(found, "event_id", "conversion_type", "session_number") == [
        ("b", "signup", 1),
        ("c", "purchase", 1),
    ]
    assert numbers(found, "value") == [None, 10.0]
    only_leads = Attribution(conversions=("custom_event",))
    found = rows(spark, web_conversions, given, orders, policies=[only_leads])
    assert values(found, "event_id", "session_number") == [("e", 2)]
