"""Marts of pages, sources, devices, places, identities and lateness on literal rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from tables.mirror import rows, values
from tables.mirrors.web_mart_rows import page_view, session
from tables.mirrors.web_rows import START, at, numbers, web_event

from lakehouse.tables.gold.web import (
    identity_quality,
    lateness,
    page_metrics,
    page_performance,
    traffic_sources,
    web_5min,
    web_devices,
    web_regions,
)
from lakehouse.transforms.web_views import in_views

pytestmark = pytest.mark.spark
DAY = START.date()
NEXT = DAY + timedelta(days=1)
BOT = {"is_bot": True}
OURS = {"is_internal": True}


def by(found, *names):
    """Rows by some columns, of whatever order."""
    return {tuple(row[name] for name in names): row for row in found}


# ------------------------------------------------------------------------------- views


def test_programs_count_in_all_alone_and_our_own_people_in_all_but_strict(spark):
    flags = [
        ("person", False, False),
        ("ours", False, True),
        ("bot", True, False),
        ("our bot", True, True),
    ]
    given = spark.createDataFrame(flags, "who string, is_bot boolean, is_internal boolean")
    found = sorted((row["who"], row["view"]) for row in in_views(given).collect())
    assert found == [
        ("bot", "all"),
        ("our bot", "all"),
        ("ours", "all"),
        ("ours", "human"),
        ("person", "all"),
        ("person", "human"),
        ("person", "strict"),
    ]


# ------------------------------------------------------------------------------- pages


def test_a_page_has_what_its_views_and_the_sessions_that_began_with_it_did(spark):
    views = [
        page_view("1", at(0), engaged_s=15, max_depth_pct=80.0, n_clicks=2, is_exit=False),
        page_view("2", at(60), page_id="/b", is_entry=False, position=2, engaged_s=5),
        page_view("3", at(0), visitor_id="w", max_depth_pct=25.0),
        page_view("4", at(9), visitor_id="w", session_number=2, engaged_s=10, n_clicks=1),
    ]
    sessions = [
        session("s", at(0), is_bounce=False, exit_page="/b", n_page_views=2),
        session("t", at(0), visitor_id="w"),
        session("u", at(9), visitor_id="w", session_number=2, is_bounce=False),
        session("none", at(9), visitor_id="x", entry_page=None, exit_page=None, is_bounce=False),
    ]
    found = by(rows(spark, page_metrics, views, sessions, as_of=NEXT), "page_id", "view")
    assert found.keys() == {
        (page, view) for page in ("/", "/b") for view in ("all", "human", "strict")
    }
    assert found["/", "all"] == {
        "metric_date": DAY,
        "page_id": "/",
        "view": "all",
        "n_views": 3,
        "n_visitors": 2,
        "n_entries": 3,
        "n_exits": 2,
        "n_bounces": 1,
        "bounce_rate": 1 / 3,
        "exit_rate": 2 / 3,
        "engaged_s": 25,
        "avg_engaged_s": 25 / 3,
        "n_scrolled": 2,
        "avg_max_depth_pct": 52.5,
        "n_clicks": 3,
        "n_clicked_views": 2,
        "click_through_rate": 2 / 3,
        "is_complete": True,
    }
    other = found["/b", "all"]
    assert (other["n_entries"], other["bounce_rate"], other["n_exits"]) == (0, None, 1)
    assert (other["n_scrolled"], other["avg_max_depth_pct"]) == (0, None)


def test_entries_count_on_the_day_of_the_session_and_views_on_their_own(spark):
    midnight = datetime(2026, 1, 2)  # noqa: DTZ001  # naive, in UTC
    views = [
        page_view("1", midnight - timedelta(seconds=9), is_exit=False),
        page_view("2", midnight, is_entry=False, position=2),
    ]
    sessions = [session("s", midnight - timedelta(seconds=9), is_bounce=False, n_page_views=2)]
    found = [
        r for r in rows(spark, page_metrics, views, sessions, as_of=NEXT) if r["view"] == "all"
    ]
    assert values(found, "metric_date", "n_views", "n_entries", "n_exits", "is_complete") == [
        (DAY, 1, 1, 0, True),
        (NEXT, 1, 0, 1, False),
    ]


def test_page_views_of_programs_count_in_all_alone(spark):
    views = [page_view("1", at(0)), page_view("2", at(0), visitor_id="b", **BOT)]
    views += [page_view("3", at(0), visitor_id="o", **OURS)]
    sessions = [session("s", at(0)), session("t", at(0), visitor_id="b", **BOT)]
    found = rows(spark, page_metrics, views, sessions)
    assert values(found, "view", "n_views", "n_entries", "n_bounces") == [
        ("all", 3, 2, 2),
        ("human", 2, 1, 1),
        ("strict", 1, 1, 1),
    ]


# ------------------------------------------------------------------------------- vitals


def test_percentiles_of_vitals_are_interpolated_and_null_stands_for_all(spark):
    loads = [100.0, 200.0, 300.0, 400.0, 500.0]
    views = [
        page_view(str(n), at(n), load_ms=load, device_type="mobile" if n > 2 else "desktop")
        for n, load in enumerate(loads)
    ]
    views += [page_view("cls", at(9), cls=0.1), page_view("nothing", at(9))]
    found = by(rows(spark, page_performance, views), "vital", "page_id", "device_type", "country")
    everything = found["load_ms", None, None, None]
    assert (everything["n"], everything["is_complete"]) == (5, True)
    ranks = ("p50", "p75", "p90", "p99")
    assert [everything[name] for name in ranks] == [300.0, 400.0, 460.0, 496.0]
    mobile = found["load_ms", "/", "mobile", "DE"]
    assert (mobile["n"], [mobile[name] for name in ranks]) == (2, [450.0, 475.0, 490.0, 499.0])
    assert [found["cls", None, None, None][name] for name in ranks] == [0.1] * 4
    assert len(found) == 8 + 4 + 8


def test_programs_do_not_count_in_how_pages_load_and_our_own_people_do(spark):
    views = [
        page_view("1", at(0), load_ms=10.0, **BOT),
        page_view("2", at(0), load_ms=20.0),
        page_view("3", at(0), load_ms=40.0, **OURS),
    ]
    found = rows(spark, page_performance, views)
    assert {(row["n"], row["p50"]) for row in found} == {(2, 30.0)}
    assert rows(spark, page_performance, views[:1]) == []


# ------------------------------------------------------------------------------- five minutes


def test_five_minutes_begin_with_their_first_moment_and_end_before_the_next(spark):
    events = [
        web_event("a", at(0)),
        web_event("b", at(299.999999)),
        web_event("c", at(300), page_id=None),
        web_event("d", at(1), "form_submit", visitor_id="w", form_step="failed"),
        web_event("e", at(2), "form_submit", visitor_id="w", form_step="submitted"),
        web_event("f", at(3), "signup", visitor_id="w", page_id="/b"),
        web_event("late", at(3), visitor_id="x", is_late=True),
    ]
    views = [page_view("1", at(0)), page_view("2", at(299.999999))]
    converted = [
        {
            "event_id": "f",
            "visitor_id": "w",
            "session_number": 1,
            "conversion_type": "signup",
            "converted_at": at(3),
            "conversion_date": DAY,
            "is_bot": False,
            "is_internal": False,
        }
    ]
    found = rows(spark, web_5min, events, views, converted)
    counts = ("n_events", "n_page_views", "n_visitors", "n_failed_forms", "n_conversions")
    assert values(
        [r for r in found if r["view"] == "human"], "window_start", "page_id", *counts
    ) == [
        (at(0), None, 5, 2, 2, 1, 1),
        (at(0), "/", 4, 2, 2, 1, 0),
        (at(0), "/b", 1, 0, 1, 0, 1),
        (at(300), None, 1, 0, 1, 0, 0),
        (at(300), "unknown", 1, 0, 1, 0, 0),
    ]


def test_five_minutes_of_a_program_are_in_all_alone(spark):
    found = rows(spark, web_5min, [web_event("a", at(0), **BOT)], [], [])
    assert values(found, "page_id", "view", "n_events", "is_complete") == [
        (None, "all", 1, True),
        ("/", "all", 1, True),
    ]


# ------------------------------------------------------------------------------- sums of sessions


def test_sources_have_the_sums_of_their_sessions(spark):
    spring = {"channel": "Email", "source": "news", "medium": "email", "campaign": "spring"}
    given = [
        session("a", at(0), duration_s=10, **spring),
        session(
            "b",
            at(9),
            session_number=2,
            duration_s=21,
            n_page_views=3,
            is_bounce=False,
            is_engaged=True,
            n_conversions=2,
            revenue=Decimal("19.50"),
            **spring,
        ),
        session("c", at(0), visitor_id="w", session_number=7, **spring),
        session("d", at(0), visitor_id="x"),
        session("e", at(86_400), visitor_id="x", session_number=2, **spring),
    ]
    found = rows(spark, traffic_sources, given, as_of=NEXT)
    strict = by([row for row in found if row["view"] == "strict"], "metric_date", "channel")
    mail = strict[DAY, "Email"]
    sums = {k: v for k, v in mail.items() if k.startswith("n_")}
    assert sums == {
        "n_sessions": 3,
        "n_visitors": 2,
        "n_new_visitors": 1,
        "n_page_views": 5,
        "n_bounces": 2,
        "n_engaged": 1,
        "n_converted": 1,
        "n_conversions": 2,
    }
    assert (mail["duration_s"], mail["avg_duration_s"], mail["is_complete"]) == (31, 31 / 3, True)
    assert numbers([mail], "revenue") == [19.5]
    direct = strict[DAY, "Direct"]
    assert (direct["campaign"], direct["n_sessions"], direct["n_new_visitors"]) == (None, 1, 1)
    assert strict[NEXT, "Email"]["is_complete"] is False


def test_campaigns_are_told_apart_and_one_that_is_not_told_is_a_group_of_its_own(spark):
    given = [
        session("a", at(0)),
        session("b", at(1), campaign="x"),
        session("c", at(2), campaign="x", **BOT),
    ]
    found = rows(spark, traffic_sources, given)
    assert values(found, "campaign", "view", "n_sessions") == [
        (None, "all", 1),
        (None, "human", 1),
        (None, "strict", 1),
        ("x", "all", 2),
        ("x", "human", 1),
        ("x", "strict", 1),
    ]


def test_devices_are_told_with_browser_and_system(spark):
    given = [
        session("a", at(0)),
        session("b", at(0), visitor_id="w", browser="Safari", os="iOS", device_type="mobile"),
        session("c", at(0), visitor_id="w", session_number=2, **OURS),
    ]
    found = [row for row in rows(spark, web_devices, given) if row["view"] == "human"]
    assert values(found, "device_type", "browser", "os", "n_sessions", "n_visitors") == [
        ("desktop", "Firefox", "Linux", 2, 2),
        ("mobile", "Safari", "iOS", 1, 1),
    ]


def test_cities_are_told_with_country_and_region(spark):
    given = [
        session("a", at(0)),
        session("b", at(0), country="FR", region="unknown", city="unknown"),
        session("c", at(0), **BOT),
    ]
    found = [row for row in rows(spark, web_regions, given) if row["view"] != "strict"]
    assert values(found, "country", "region", "city", "view", "n_sessions") == [
        ("DE", "Berlin", "Berlin", "all", 2),
        ("DE", "Berlin", "Berlin", "human", 1),
        ("FR", "unknown", "unknown", "all", 1),
        ("FR", "unknown", "unknown", "human", 1),
    ]


# ------------------------------------------------------------------------------- identities


def test_events_are_of_a_user_stitched_or_anonymous(spark):
    given = [
        web_event("a", at(0), user_id="u", visitor_id="u"),
        web_event("b", at(1), visitor_id="u", is_stitched=True),
        web_event("c", at(2), user_id="w", visitor_id="w"),
        web_event("d", at(3), anonymous_id="alone", visitor_id="alone"),
        web_event("e", at(4), anonymous_id=None, user_id="x", visitor_id="x"),
        web_event("late", at(5), is_late=True),
    ]
    (found,) = rows(spark, identity_quality, given, as_of=DAY)
    assert found == {
        "metric_date": DAY,
        "n_events": 5,
        "n_with_user": 3,
        "n_stitched": 1,
        "n_anonymous": 1,
        "with_user_rate": 0.6,
        "stitched_rate": 0.2,
        "anonymous_rate": 0.2,
        "n_devices": 2,
        "n_shared_devices": 1,
        "is_complete": False,
    }


# ------------------------------------------------------------------------------- lateness


def test_the_curve_of_a_day_says_how_complete_it_was_when(spark):
    delays = [-5, 0, 60, 60.000001, 3600, 86_400, 259_200, 259_201]
    given = [
        web_event(f"{n}", at(0), received_at=at(delay), is_late=n == 7)
        for n, delay in enumerate(delays)
    ]
    given += [web_event("told nothing", at(0)), web_event("x", at(86_400), received_at=at(86_400))]
    found = rows(spark, lateness, given, as_of=DAY + timedelta(days=4))
    first = sorted((r for r in found if r["metric_date"] == DAY), key=lambda r: r["position"])
    assert values(
        first, "bucket", "up_to_s", "n_events", "cumulative_events", "cumulative_rate"
    ) == [
        ("at_once", 0, 2, 2, 0.25),
        ("1min", 60, 1, 3, 0.375),
        ("5min", 300, 1, 4, 0.5),
        ("1h", 3600, 1, 5, 0.625),
        ("6h", 21_600, 0, 5, 0.625),
        ("24h", 86_400, 1, 6, 0.75),
        ("72h", 259_200, 1, 7, 0.875),
        ("later", None, 1, 8, 1.0),
        ("unknown", None, 1, None, None),
    ]
    assert {(row["metric_date"], row["is_complete"]) for row in found} == {
        (DAY, True),
        (NEXT, False),
    }


def test_a_day_of_which_no_delay_is_known_has_no_curve(spark):
    found = rows(spark, lateness, [web_event("a", at(0))])
    assert {row["cumulative_rate"] for row in found} == {None}
    assert [row["bucket"] for row in found if row["n_events"]] == ["unknown"]


def test_of_nothing_nothing_is_made(spark):
    assert rows(spark, page_metrics, [], []) == []
    assert rows(spark, web_5min, [], [], []) == []
    assert rows(spark, lateness, []) == []
