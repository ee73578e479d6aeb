"""Page views and sessions of visitors on literal rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from tables.mirror import rows, values
from tables.mirrors.web_rows import at, numbers, web_event

from lakehouse.metrics.web_policies import Engagement, Visits
from lakehouse.tables.silver.web import page_views, web_sessions

pytestmark = pytest.mark.spark


def sessions(spark, events, conversions=(), **told):
    policies = [Visits(**told)]
    views = rows(spark, page_views, events, policies=policies)
    return rows(spark, web_sessions, events, views, [*conversions], policies=policies)


def ping(identity, seconds, view=None, **more):
    return web_event(identity, at(seconds), "page_ping", page_view_id=view, **more)


# ------------------------------------------------------------------------------- page views


def test_events_of_one_page_view_are_put_together(spark):
    given = [
        web_event("a", at(0), page_view_id="1", load_ms=900.0),
        ping("b", 10, "1"),
        ping("c", 20, "1"),
        ping("d", 21, "1"),
        web_event("e", at(22), "scroll", page_view_id="1", depth_pct=40.0),
        web_event("f", at(23), "scroll", page_view_id="1", depth_pct=80.0),
        web_event("g", at(24), "click", page_view_id="1"),
        web_event("h", at(25), "web_vitals", page_view_id="1", load_ms=950.0, cls=0.1),
    ]
    (found,) = rows(spark, page_views, given)
    assert found["engaged_s"] == 10 * (2 - 1) + 5
    assert (found["max_depth_pct"], found["n_clicks"], found["n_events"]) == (80.0, 1, 8)
    assert (found["load_ms"], found["cls"], found["lcp_ms"]) == (950.0, 0.1, None)
    assert (found["is_entry"], found["is_exit"], found["position"]) == (True, True, 1)


def test_page_views_have_the_channel_of_their_session(spark):
    given = [
        ping("a", 0, channel="Direct"),  # no page view: what brought the visitor stands in the next
        web_event("b", at(10), channel="Paid Search"),
        web_event("c", at(20), channel="Direct"),
        web_event("d", at(20 + 1801), channel="Email"),
    ]
    found = values(rows(spark, page_views, given), "viewed_at", "channel")
    assert sorted(found) == [
        (at(0), "Paid Search"),
        (at(10), "Paid Search"),
        (at(20), "Paid Search"),
        (at(1821), "Email"),
    ]


def test_without_ids_each_page_view_is_one_and_others_belong_to_the_one_before(spark):
    given = [
        web_event("a", at(0), page_id="/one"),
        ping("b", 10),
        web_event("c", at(20), page_id="/two"),
        web_event("d", at(30), "click"),
    ]
    found = rows(spark, page_views, given)
    assert values(found, "page_view_id", "page_id", "next_page_id", "engaged_s", "n_clicks") == [
        ("a", "/one", "/two", 5, 0),
        ("c", "/two", None, 0, 1),
    ]


def test_a_ping_without_its_page_view_still_makes_one(spark):
    found = rows(spark, page_views, [ping("a", 0, "1"), ping("b", 10, "1"), ping("c", 60, "2")])
    assert values(found, "page_view_id", "position", "engaged_s") == [("1", 1, 15), ("2", 2, 5)]


def test_pings_without_an_id_and_a_page_view_make_one_for_each_page(spark):
    given = [ping("a", 0, page_id="/x"), ping("b", 10, page_id="/x"), ping("c", 20, page_id="/y")]
    found = rows(spark, page_views, given)
    assert sorted(values(found, "page_id", "engaged_s")) == [("/x", 15), ("/y", 5)]


def test_a_click_before_any_page_view_is_of_none(spark):
    assert rows(spark, page_views, [web_event("a", at(0), "click")]) == []


def test_equal_moments_stand_by_the_id_of_the_event(spark):
    given = [web_event("b", at(0), page_id="/second"), web_event("a", at(0), page_id="/first")]
    found = rows(spark, page_views, given)
    assert sorted(values(found, "position", "page_id")) == [(1, "/first"), (2, "/second")]


def test_no_page_is_known_as_unknown(spark):
    (found,) = rows(spark, page_views, [web_event("a", at(0), page_id=None)])
    assert (found["page_id"], found["engaged_s"], found["max_depth_pct"]) == ("unknown", 0, None)


def test_host_and_title_are_those_that_the_first_event_with_one_tells(spark):
    given = [
        ping("a", 0, "1"),
        web_event("b", at(1), page_view_id="1", page_host="example.com", page_title="One"),
        web_event("c", at(2), page_view_id="1", page_host="example.org", page_title="Two"),
    ]
    (found,) = rows(spark, page_views, given)
    assert (found["page_host"], found["page_title"]) == ("example.com", "One")


def test_heartbeats_of_another_length_count_in_their_own_slots(spark):
    given = [web_event("a", at(0), page_view_id="1"), ping("b", 30, "1"), ping("c", 60, "1")]
    policy = Engagement(heartbeat_s=30, minimum_visit_s=7)
    assert values(rows(spark, page_views, given, policies=[policy]), "engaged_s") == [(37,)]


def test_late_events_are_of_no_page_view_and_of_no_session(spark):
    given = [web_event("a", at(0), is_late=True)]
    assert rows(spark, page_views, given) == []
    assert sessions(spark, given) == []


# ------------------------------------------------------------------------------- sessions


def test_half_an_hour_stays_in_the_session_and_a_second_more_does_not(spark):
    given = [web_event("a", at(0)), web_event("b", at(1800)), web_event("c", at(3601))]
    found = sessions(spark, given)
    assert values(found, "session_number", "n_events", "duration_s") == [(1, 2, 1800), (2, 1, 0)]


@pytest.mark.parametrize(
    "midnight",
    [
        datetime(2026, 1, 2),  # noqa: DTZ001  # naive, in UTC
        datetime(2027, 1, 1),  # noqa: DTZ001  # New Year
        datetime(2026, 3, 29, 1),  # noqa: DTZ001  # clocks of Europe go forward
        datetime(2026, 10, 25, 1),  # noqa: DTZ001  # and back
    ],
)
def test_neither_midnight_nor_new_year_nor_a_change_of_clocks_parts_a_session(spark, midnight):
    given = [
        web_event("a", midnight - timedelta(seconds=60)),
        web_event("b", midnight + timedelta(seconds=60)),
    ]
    (found,) = sessions(spark, given)
    assert found["session_date"] == (midnight - timedelta(seconds=60)).date()
    assert found["duration_s"] == 120


def test_a_bounce_saw_one_page_and_did_nothing(spark):
    given = [
        web_event("a", at(0), visitor_id="looked", page_view_id="1"),
        ping("b", 5, "1", visitor_id="looked"),
        web_event("c", at(0), visitor_id="scrolled", page_view_id="2"),
        web_event("d", at(9), "scroll", visitor_id="scrolled", page_view_id="2", depth_pct=1.0),
        web_event("e", at(0), visitor_id="stayed", page_view_id="3"),
        ping("f", 10, "3", visitor_id="stayed"),
        ping("g", 20, "3", visitor_id="stayed"),
        web_event("h", at(0), visitor_id="read", page_view_id="4"),
        web_event("i", at(1), visitor_id="read", page_view_id="5"),
    ]
    found = {r["visitor_id"]: r for r in sessions(spark, given)}
    assert {k: (r["is_bounce"], r["is_engaged"]) for k, r in found.items()} == {
        "looked": (True, False),
        "scrolled": (False, False),
        "stayed": (True, True),
        "read": (False, True),
    }


def test_a_session_lasts_to_its_last_event_plus_the_attention_of_its_last_page(spark):
    given = [
        web_event("a", at(0), page_view_id="1", page_id="/in"),
        ping("b", 10, "1"),
        web_event("c", at(30), page_view_id="2", page_id="/out"),
        ping("d", 40, "2"),
        ping("e", 50, "2"),
    ]
    (found,) = sessions(spark, given)
    assert (found["engaged_s"], found["duration_s"]) == (5 + 15, 50 + 15)
    assert (found["entry_page"], found["exit_page"], found["n_page_views"]) == ("/in", "/out", 2)


def test_where_a_session_came_from_is_told_by_its_first_page_view(spark):
    given = [
        ping("a", 0, channel="Direct"),
        web_event("b", at(1), channel="Paid Search", source="google", medium="cpc"),
        web_event("c", at(2), channel="Email", source="newsletter", medium="email"),
    ]
    (found,) = sessions(spark, given)
    assert (found["channel"], found["source"], found["medium"]) == ("Paid Search", "google", "cpc")


def test_a_campaign_in_mid_session_starts_one_only_by_policy(spark):
    spring = {"utm_source": "s", "utm_medium": "m", "utm_campaign": "spring"}
    given = [
        web_event("a", at(0)),
        web_event("b", at(10), **spring),
        web_event("c", at(20)),
        web_event("d", at(30), **spring),
        web_event("e", at(40), utm_source="s", utm_medium="m", utm_campaign="summer"),
    ]
    assert len(sessions(spark, given)) == 1
    found = sessions(spark, given, campaign_starts_session=True)
    assert values(found, "session_number", "n_events") == [(1, 1), (2, 3), (3, 1)]


def test_the_clients_sessions_count_by_policy_up_to_three_days(spark):
    day = 86_400
    given = [
        web_event("a", at(0), client_session_id="s"),
        web_event("b", at(2 * day), client_session_id="s"),
        web_event("c", at(3 * day), client_session_id="s"),
        web_event("d", at(3 * day + 1), client_session_id="s"),
        web_event("e", at(10), client_session_id="t"),
        web_event("f", at(20)),
        web_event("g", at(4000)),
    ]
    found = sessions(spark, given, mode="client")
    assert values(found, "session_number", "n_events", "is_over_long", "ended_at") == [
        (1, 3, True, at(3 * day)),
        (2, 1, False, at(10)),
        (3, 1, False, at(20)),
        (4, 1, False, at(4000)),
    ]
    assert len(sessions(spark, given)) == 4  # by pauses: b, c with d, g, and the others


def test_an_event_too_long_after_the_start_of_a_clients_session_tells_nothing_of_it(spark):
    given = [
        web_event("a", at(0), "click", client_session_id="s"),
        web_event("b", at(10 * 86_400), client_session_id="s", channel="Email", is_bot=True),
    ]
    (found,) = sessions(spark, given, mode="client")
    assert (found["channel"], found["is_bot"], found["is_over_long"]) == ("Direct", False, True)


def test_conversions_and_revenue_are_those_of_the_session(spark):
    given = [web_event("a", at(0)), web_event("b", at(10), "signup"), web_event("c", at(9000))]
    converted = [
        {
            "event_id": identity,
            "visitor_id": "v",
            "session_number": 1,
            "conversion_type": "signup",
            "converted_at": at(10),
            "conversion_date": at(10).date(),
            "value": value,
            "is_bot": False,
            "is_internal": False,
        }
        for identity, value in (("b", None), ("z", Decimal("9.50")))
    ]
    found = sessions(spark, given, converted)
    assert values(found, "session_number", "n_conversions") == [(1, 2), (2, 0)]
    assert numbers(found, "revenue") == [9.5, 0.0]


def test_one_event_of_a_program_makes_its_session_one(spark):
    given = [web_event("a", at(0)), web_event("b", at(1), is_bot=True, is_internal=True)]
    (found,) = sessions(spark, given)
    assert (found["is_bot"], found["is_internal"]) == (True, True)


def test_of_no_events_no_page_view_and_no_session(spark):
    assert sessions(spark, []) == []
