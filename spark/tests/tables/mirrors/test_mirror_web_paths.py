"""Funnels and journeys on literal rows."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from tables.mirror import rows, values
from tables.mirrors.web_mart_rows import page_view, session
from tables.mirrors.web_rows import START, at, numbers, web_event

from lakehouse.metrics.web_policies import Funnels, Visits
from lakehouse.tables.gold.web import funnel_conversion, top_paths, visitor_journeys
from lakehouse.tables.silver.web import funnel_steps

pytestmark = pytest.mark.spark
DAY = START.date()
NEXT = DAY + timedelta(days=1)


def funnel(*steps, identity="f", window_s=100, mode="ordered"):
    """A funnel of steps, each told by its keys."""
    return Funnels.Funnel(id=identity, title="F", window_s=window_s, mode=mode, steps=steps)


CART = {"name": "cart", "event_type": "add_to_cart"}
PAY = {"name": "pay", "event_type": "page_view", "page": "/pay*"}
BUY = {"name": "buy", "event_type": "purchase"}
SHOP = funnel(CART, PAY, BUY)


def cart(identity, seconds, **more):
    return web_event(identity, at(seconds), "add_to_cart", **more)


def pay(identity, seconds, path="/pay", **more):
    return web_event(identity, at(seconds), page_path=path, **more)


def buy(identity, seconds, **more):
    return web_event(identity, at(seconds), "purchase", **more)


def steps_of(spark, events, *funnels, sessions=None, **policies):
    """Rows of silver.funnel_steps; by default of visitors with one session."""
    visitors = sorted({event["visitor_id"] for event in events})
    known = sessions or [session(f"s of {v}", START, visitor_id=v) for v in visitors]
    told = [Funnels(funnels=funnels or (SHOP,)), *policies.values()]
    return rows(spark, funnel_steps, events, known, policies=told)


def ids(found):
    """(funnel, entry) → event ids in the order of the steps."""
    told = {}
    for row in found:
        key = (row["visitor_id"], row["funnel_id"], row["entry_number"])
        told[key] = [*told.get(key, []), row["event_id"]]
        assert row["step"] == len(told[key])
    return told


# ------------------------------------------------------------------------------ entries


def test_an_entry_is_told_step_by_step_with_the_session_it_began_in(spark):
    events = [cart("a", 0), pay("b", 10, "/pay/card"), buy("c", 20, channel="Email")]
    known = [session("s", START, channel="Paid Search", device_type="mobile", is_internal=True)]
    found = steps_of(spark, events, sessions=known)
    assert found[0] == {
        "visitor_id": "v",
        "funnel_id": "f",
        "entry_number": 1,
        "step": 1,
        "step_name": "cart",
        "event_id": "a",
        "reached_at": at(0),
        "entry_at": at(0),
        "entry_date": DAY,
        "channel": "Paid Search",
        "device_type": "mobile",
        "country": "DE",
        "is_bot": False,
        "is_internal": True,
    }
    assert values(found, "step_name", "event_id", "reached_at", "entry_at", "channel") == [
        ("cart", "a", at(0), at(0), "Paid Search"),
        ("pay", "b", at(10), at(0), "Paid Search"),
        ("buy", "c", at(20), at(0), "Paid Search"),
    ]


def test_the_session_is_that_of_the_entry_though_the_rest_is_of_another(spark):
    hour = 3600
    events = [cart("a", 0), pay("b", hour), cart("c", 3 * hour)]
    known = [
        session("s", at(0), channel="Email"),
        session("t", at(hour), session_number=2, channel="Direct", is_bot=True),
        session("u", at(3 * hour), session_number=3, channel="Referral"),
    ]
    found = steps_of(spark, events, funnel(CART, PAY, BUY, window_s=2 * hour), sessions=known)
    assert values(found, "event_id", "entry_number", "channel", "is_bot") == [
        ("a", 1, "Email", False),
        ("b", 1, "Email", False),
        ("c", 2, "Referral", False),
    ]


def test_events_of_one_moment_count_as_ordered_and_ties_go_by_id(spark):
    events = [cart("z", 0), pay("y", 0), pay("x", 0), buy("w", 0)]
    assert ids(steps_of(spark, events)) == {("v", "f", 1): ["z", "x", "w"]}


def test_one_event_that_fits_two_steps_takes_one(spark):
    twice = funnel(
        {"name": "any", "event_type": "page_view"},
        {"name": "pay", "event_type": "page_view", "page": "/pay"},
    )
    assert ids(steps_of(spark, [pay("a", 0)], twice)) == {("v", "f", 1): ["a"]}
    both = [pay("a", 0), pay("b", 1)]
    assert ids(steps_of(spark, both, twice)) == {("v", "f", 1): ["a", "b"]}


def test_a_later_first_step_counts_where_it_leads_farther(spark):
    events = [cart("a", 0), pay("b", 10), cart("c", 90), pay("d", 95), buy("e", 150)]
    assert ids(steps_of(spark, events)) == {("v", "f", 1): ["c", "d", "e"]}


def test_after_a_completed_entry_the_next_begins(spark):
    events = [
        *(cart("a", 0), pay("b", 1), buy("c", 2)),
        *(cart("d", 3), pay("e", 4), buy("f", 5)),
    ]
    assert ids(steps_of(spark, events)) == {
        ("v", "f", 1): ["a", "b", "c"],
        ("v", "f", 2): ["d", "e", "f"],
    }


def test_the_window_ends_with_its_last_moment(spark):
    inside = [cart("a", 0), pay("b", 1), buy("c", 100)]
    assert ids(steps_of(spark, inside)) == {("v", "f", 1): ["a", "b", "c"]}
    outside = [cart("a", 0), pay("b", 1), buy("c", 100.000001)]
    assert ids(steps_of(spark, outside)) == {("v", "f", 1): ["a", "b"]}


def test_a_step_may_have_a_limit_of_its_own(spark):
    limited = funnel(CART, PAY | {"within_s": 10}, BUY)
    assert ids(steps_of(spark, [cart("a", 0), pay("b", 10)], limited)) == {
        ("v", "f", 1): ["a", "b"]
    }
    assert ids(steps_of(spark, [cart("a", 0), pay("b", 10.5)], limited)) == {("v", "f", 1): ["a"]}


@pytest.mark.parametrize(
    ("mode", "taken"),
    [
        ("ordered", [["a", "b", "d"], ["e"]]),
        ("strict_order", [["a", "b"]]),
        ("strict_increase", [["a", "c", "d"], ["e"]]),
        ("strict_once", [["a", "b", "d"]]),
    ],
)
def test_modes_differ_in_what_they_ask_for(spark, mode, taken):
    events = [cart("a", 0), pay("b", 0), pay("c", 3), pay("x", 4), buy("d", 5), cart("e", 50)]
    found = ids(steps_of(spark, events, funnel(CART, PAY, BUY, mode=mode)))
    assert list(found.values()) == taken


def test_a_visitor_is_in_several_funnels_and_visitors_are_apart(spark):
    other = funnel(PAY, BUY, identity="g")
    events = [cart("a", 0), pay("b", 1), buy("c", 2), pay("d", 3, visitor_id="w")]
    assert ids(steps_of(spark, events, SHOP, other)) == {
        ("v", "f", 1): ["a", "b", "c"],
        ("v", "g", 1): ["b", "c"],
        ("w", "g", 1): ["d"],
    }


def test_steps_ask_for_pages_and_properties(spark):
    asked = funnel(
        {"name": "begun", "event_type": "form_submit", "where": {"form_id": "x"}},
        {"name": "paid", "event_type": "page_view", "page": "/*/pay*d"},
    )
    events = [
        web_event("1", at(0), "form_submit", form_id="y"),
        web_event("2", at(1), "form_submit"),
        web_event("3", at(2), "form_submit", form_id="x"),
        pay("4", 3, None),
        pay("5", 4, "/de/pay"),
        pay("6", 5, "/de/now/payed"),
    ]
    assert ids(steps_of(spark, events, asked)) == {("v", "f", 1): ["3", "6"]}


def test_late_events_and_those_beyond_a_clients_session_take_no_step(spark):
    days = 86_400
    events = [
        cart("a", 0, client_session_id="s"),
        pay("b", 1, client_session_id="s", is_late=True),
        pay("c", 4 * days, client_session_id="s"),
        pay("d", 5 * days, client_session_id="t"),
    ]
    known = [session("s", at(0)), session("t", at(5 * days), session_number=2)]
    wide = funnel(CART, PAY, window_s=9 * days)
    client = Visits(mode="client")
    found = steps_of(spark, events, wide, sessions=known, visits=client)
    assert ids(found) == {("v", "f", 1): ["a", "d"]}


def test_without_a_declared_funnel_there_are_no_steps(spark):
    assert rows(spark, funnel_steps, [cart("a", 0)], [session("s", START)]) == []


# --------------------------------------------------------------------------- conversion


def step(visitor, number, seconds, *, entry=1, began=0, **more):
    """A row of silver.funnel_steps, of the funnel of three steps."""
    known = {
        "visitor_id": visitor,
        "funnel_id": "f",
        "entry_number": entry,
        "step": number,
        "step_name": SHOP.steps[number - 1].name,
        "event_id": f"{visitor}{entry}{number}",
        "reached_at": at(seconds),
        "entry_at": at(began),
        "entry_date": at(began).date(),
        "channel": "Email",
        "device_type": "mobile",
        "country": "DE",
        "is_bot": False,
        "is_internal": False,
    }
    return known | more


def converted(spark, steps, *, as_of=NEXT, funnels=(SHOP,)):
    told = [Funnels(funnels=funnels)]
    return rows(spark, funnel_conversion, steps, [], as_of=as_of, policies=told)


def of_all(found):
    return [row for row in found if row["view"] == "all" and row["dimension_name"] is None]


def test_each_step_is_compared_with_the_first_and_the_one_before(spark):
    steps = [
        *(step("v", 1, 0), step("v", 2, 10), step("v", 3, 25)),
        *(step("v", 1, 50, entry=2, began=50), step("v", 2, 70, entry=2, began=50)),
        *(step("w", 1, 0), step("w", 2, 45)),
        step("x", 1, 0),
    ]
    found = of_all(converted(spark, steps))
    assert found[0] == {
        "metric_date": DAY,
        "funnel_id": "f",
        "view": "all",
        "dimension_name": None,
        "dimension_value": None,
        "step": 1,
        "step_name": "cart",
        "entered": 4,
        "reached": 4,
        "n_visitors": 3,
        "conversion_rate": 1.0,
        "step_rate": 1.0,
        "drop_off": 0,
        "median_s": None,
        "is_complete": False,
    }
    names = ("step_name", "entered", "reached", "n_visitors", "conversion_rate", "step_rate")
    assert values(found[1:], *names, "drop_off", "median_s") == [
        ("pay", 4, 3, 2, 0.75, 0.75, 1, 20.0),
        ("buy", 4, 1, 1, 0.25, 1 / 3, 2, 15.0),
    ]


def test_a_median_lies_between_two_and_a_step_that_nobody_reached_has_a_row(spark):
    steps = [step("v", 1, 0), step("v", 2, 1), step("w", 1, 0), step("w", 2, 4)]
    steps += [step("x", 1, 0, began=90_000, entry_date=NEXT)]
    found = of_all(converted(spark, steps))
    assert values(found, "metric_date", "step", "reached", "step_rate", "drop_off", "median_s") == [
        (DAY, 1, 2, 1.0, 0, None),
        (DAY, 2, 2, 1.0, 0, 2.5),
        (DAY, 3, 0, 0.0, 2, None),
        (NEXT, 1, 1, 1.0, 0, None),
        (NEXT, 2, 0, 0.0, 1, None),
        (NEXT, 3, 0, None, 0, None),
    ]


def test_entries_are_told_by_channel_device_and_view(spark):
    steps = [
        step("v", 1, 0),
        step("v", 2, 1),
        step("w", 1, 0, channel="Direct", is_bot=True),
        step("x", 1, 0, channel="Direct", device_type="desktop", is_internal=True),
    ]
    found = [row for row in converted(spark, steps) if row["step"] == 1]
    assert values(found, "view", "dimension_name", "dimension_value", "entered") == [
        ("all", None, None, 3),
        ("all", "channel", "Direct", 2),
        ("all", "channel", "Email", 1),
        ("all", "device_type", "desktop", 1),
        ("all", "device_type", "mobile", 2),
        ("human", None, None, 2),
        ("human", "channel", "Direct", 1),
        ("human", "channel", "Email", 1),
        ("human", "device_type", "desktop", 1),
        ("human", "device_type", "mobile", 1),
        ("strict", None, None, 1),
        ("strict", "channel", "Email", 1),
        ("strict", "device_type", "mobile", 1),
    ]


@pytest.mark.parametrize(
    ("window_s", "days", "over"),
    [(100, 1, False), (100, 2, True), (86_400, 2, False), (86_400, 3, True), (86_401, 3, False)],
)
def test_a_day_is_complete_when_no_event_can_change_its_entries(spark, window_s, days, over):
    declared = funnel(CART, PAY, BUY, window_s=window_s)
    as_of = DAY + timedelta(days=days)
    found = converted(spark, [step("v", 1, 0)], as_of=as_of, funnels=(declared,))
    assert {row["is_complete"] for row in found} == {over}


def test_steps_of_a_funnel_that_is_declared_no_more_do_not_count(spark):
    assert converted(spark, [step("v", 1, 0)], funnels=()) == []


# ----------------------------------------------------------------------------- journeys


def conversion(identity, seconds, kind="purchase", **more):
    """A row of silver.web_conversions, of visitor v."""
    known = {
        "event_id": identity,
        "visitor_id": "v",
        "session_number": 1,
        "conversion_type": kind,
        "converted_at": at(seconds),
        "conversion_date": at(seconds).date(),
        "is_bot": False,
        "is_internal": False,
    }
    return known | more


def views(*pages, **more):
    """Page views of a session, in order."""
    return [
        page_view(f"{n}", at(n), page_id=page, position=n + 1, **more)
        for n, page in enumerate(pages)
    ]


def test_a_journey_tells_pages_and_conversions_in_order(spark):
    known = session(
        "s",
        at(0),
        n_page_views=4,
        n_conversions=2,
        revenue=Decimal("12.50"),
        is_bounce=False,
        channel="Email",
    )
    told = [conversion("b", 9), conversion("a", 5, "signup")]
    found = rows(spark, visitor_journeys, [known], views("/a", "/b", "/b", "/a"), told)
    assert numbers(found, "value") == [12.5]
    assert found == [
        {
            "visitor_id": "v",
            "session_number": 1,
            "session_id": "s",
            "started_at": at(0),
            "session_date": DAY,
            "channel": "Email",
            "path": "/a > /b > /a",
            "first_pages": "/a > /b > /a",
            "n_page_views": 4,
            "conversions": "signup 2026-01-01 08:00:05 > purchase 2026-01-01 08:00:09",
            "n_conversions": 2,
            "has_converted": True,
            "value": found[0]["value"],
            "is_bounce": False,
            "is_bot": False,
            "is_internal": False,
        }
    ]


def test_a_session_without_pages_or_conversions_tells_none(spark):
    known = session("s", at(0), n_page_views=0, entry_page=None, is_bounce=False)
    (found,) = rows(spark, visitor_journeys, [known], [], [])
    assert (found["path"], found["first_pages"], found["conversions"]) == (None, None, None)
    assert (found["has_converted"], float(found["value"])) == (False, 0)


def test_journeys_of_a_visitor_are_apart(spark):
    known = [session("s", at(0)), session("t", at(9), session_number=2)]
    seen = [*views("/a"), page_view("x", at(9), session_number=2, page_id="/b")]
    told = [conversion("c", 9, session_number=2)]
    found = rows(spark, visitor_journeys, known, seen, told)
    assert values(found, "session_id", "path", "conversions") == [
        ("s", "/a", None),
        ("t", "/b", "purchase 2026-01-01 08:00:09"),
    ]


def test_a_long_journey_ends_with_dots(spark):
    pages = [f"/{n}" for n in range(21)]
    twenty = " > ".join(pages[:20])
    for seen, path in ((pages[:20], twenty), (pages, f"{twenty} > …")):
        (found,) = rows(spark, visitor_journeys, [session("s", at(0))], views(*seen), [])
        assert found["path"] == path
        assert found["first_pages"] == "/0 > /1 > /2 > /3 > /4"


def test_a_long_page_is_cut(spark):
    (found,) = rows(spark, visitor_journeys, [session("s", at(0))], views("é" * 100, "é" * 101), [])
    assert found["path"] == f"{'é' * 100} > {'é' * 99}…"


def journey(identity, first_pages="/a", **more):
    """A row of gold.visitor_journeys."""
    known = {
        "visitor_id": "v",
        "session_number": 1,
        "session_id": identity,
        "started_at": at(0),
        "session_date": DAY,
        "channel": "Direct",
        "path": first_pages,
        "first_pages": first_pages,
        "n_page_views": 1,
        "n_conversions": 0,
        "has_converted": False,
        "value": Decimal(0),
        "is_bounce": False,
        "is_bot": False,
        "is_internal": False,
    }
    return known | more


def test_sessions_with_the_same_first_pages_are_of_one_path(spark):
    bought = {"n_conversions": 2, "has_converted": True, "value": Decimal("9.99")}
    given = [
        journey("1", **bought),
        journey("2", session_number=2, is_bounce=True),
        journey("3", "/a > /b", visitor_id="w", is_bot=True),
        journey("4", visitor_id="x", is_internal=True, is_bounce=True),
        journey("5", None, visitor_id="y"),
        journey("6", visitor_id="z", session_date=NEXT, started_at=at(90_000)),
    ]
    found = rows(spark, top_paths, given, as_of=NEXT)
    assert numbers(found, "value") == [9.99, 9.99, 9.99, 0, 0, 0, 0]
    assert found[0] == {
        "metric_date": DAY,
        "path": "/a",
        "view": "all",
        "n_sessions": 3,
        "n_visitors": 2,
        "n_bounces": 2,
        "bounce_rate": 2 / 3,
        "n_converted": 1,
        "conversion_rate": 1 / 3,
        "n_conversions": 2,
        "value": found[0]["value"],
        "is_complete": True,
    }
    assert values(found, "metric_date", "path", "view", "n_sessions", "is_complete") == [
        (DAY, "/a", "all", 3, True),
        (DAY, "/a", "human", 3, True),
        (DAY, "/a", "strict", 2, True),
        (DAY, "/a > /b", "all", 1, True),
        (NEXT, "/a", "all", 1, False),
        (NEXT, "/a", "human", 1, False),
        (NEXT, "/a", "strict", 1, False),
    ]
