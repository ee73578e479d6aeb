"""KPIs on literal rows."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from tables.mirror import rows
from tables.mirrors.web_mart_rows import page_view, session
from tables.mirrors.web_rows import START, at, web_event

from lakehouse.metrics.web_kpis import KPIS, UNITS
from lakehouse.metrics.web_policies import Clock, Engagement, Funnels
from lakehouse.tables.gold.web import web_kpis

DAY = START.date()
BERLIN = Clock(reporting_time_zone="Europe/Berlin")
BOT = {"is_bot": True}
EVERYBODY = (None, None)


def told(spark, events=(), views=(), sessions=(), steps=(), **more):
    """Numerator, denominator and value by KPI, view, dimension and its value, of one day."""
    found = rows(spark, web_kpis, events, views, sessions, steps, **more)
    assert len({row["metric_date"] for row in found}) <= 1
    return {
        (row["kpi"], row["view"], row["dimension_name"], row["dimension_value"]): tuple(
            row[name] for name in ("numerator", "denominator", "value")
        )
        for row in found
    }


def moment(*parts):
    return datetime(*parts)  # noqa: DTZ001  # naive, in UTC


# ------------------------------------------------------------------------------- declarations


def test_every_kpi_has_a_computation_and_every_computation_a_kpi():
    assert set(KPIS) == web_kpis.COMPUTED
    assert len({kpi.name for kpi in KPIS}) == len(KPIS)


@pytest.mark.parametrize("kpi", KPIS, ids=lambda kpi: kpi.name)
def test_a_kpi_says_in_words_what_it_is(kpi):
    assert kpi.sentence.endswith(".")
    assert kpi.title
    assert kpi.unit in UNITS
    assert kpi.numerator or kpi.denominator
    assert not (kpi.breakdown and kpi.dimensions != type(kpi).dimensions)
    is_count = kpi.unit == "count"
    assert is_count == (not kpi.denominator)


def test_a_percentile_has_no_numerator_and_a_ratio_both():
    for kpi, ratio in web_kpis.RATIOS.items():
        assert bool(ratio.denominator) == bool(kpi.denominator), kpi.name
        assert kpi.numerator, kpi.name
    assert not any(kpi.numerator for kpi in web_kpis.PERCENTILES)


# ------------------------------------------------------------------------------- events


@pytest.mark.spark
def test_visitors_are_counted_once_for_everybody_and_once_in_each_group(spark):
    events = [
        web_event("a", at(0)),
        web_event("b", at(1)),
        web_event("c", at(2), device_type="mobile"),
        web_event("d", at(3), visitor_id="w", country="FR", channel="Email"),
    ]
    # By channel they are told by their sessions: what an event in one tells is another matter.
    visits = [session("1", at(0)), session("2", at(9)), session("3", at(0), channel="Referral")]
    found = told(spark, events, (), visits)
    visitors = {
        key[2:]: value for key, value in found.items() if key[:2] == ("unique_visitors", "all")
    }
    assert visitors == {
        EVERYBODY: (2.0, None, 2.0),
        ("device_type", "desktop"): (2.0, None, 2.0),
        ("device_type", "mobile"): (1.0, None, 1.0),
        ("channel", "Direct"): (1.0, None, 1.0),
        ("channel", "Referral"): (1.0, None, 1.0),
        ("country", "DE"): (1.0, None, 1.0),
        ("country", "FR"): (1.0, None, 1.0),
    }


@pytest.mark.spark
def test_programs_and_late_events_make_traffic_unhealthy_and_are_no_visitors(spark):
    events = [
        web_event("a", at(0)),
        web_event("b", at(0), visitor_id="bot", **BOT),
        web_event("c", at(0), visitor_id="ours", is_internal=True),
        web_event("d", at(0), visitor_id="late", is_late=True),
        web_event("e", at(0), visitor_id="late bot", is_late=True, **BOT),
    ]
    found = told(spark, events)
    whole = {key[:2]: value for key, value in found.items() if key[2:] == EVERYBODY}
    assert whole == {
        ("unique_visitors", "all"): (3.0, None, 3.0),
        ("unique_visitors", "human"): (2.0, None, 2.0),
        ("unique_visitors", "strict"): (1.0, None, 1.0),
        ("bot_traffic_rate", "all"): (1.0, 3.0, 1 / 3),
        ("traffic_health_rate", "all"): (2.0, 5.0, 0.4),
    }


@pytest.mark.spark
def test_data_are_as_fresh_as_events_are_received_on_average(spark):
    events = [
        web_event("a", at(0), received_at=at(1.5)),
        web_event("b", at(10), received_at=at(5)),
        web_event("c", at(20)),
        web_event("d", at(0), received_at=at(1e6), is_late=True),
        web_event("e", at(0), received_at=at(3.0009)),
    ]
    assert told(spark, events)["data_freshness_s", "human", *EVERYBODY] == (4.5, 3.0, 1.5)


@pytest.mark.spark
def test_of_forms_each_visitors_counts_once_however_often_it_was_sent(spark):
    def form(identity, step, form_id="f", **more):
        return web_event(identity, at(1), "form_submit", form_id=form_id, form_step=step, **more)

    events = [
        form("a", "started"),
        form("b", "failed"),
        form("c", "submitted"),
        form("d", "submitted"),
        form("e", "started", form_id="g"),
        form("f", "failed", visitor_id="w"),
        form("g", None, visitor_id="x", country="FR"),
        form("h", "started", visitor_id="x"),
        form("i", "submitted", visitor_id="late", is_late=True),
    ]
    found = told(spark, events)
    assert found["form_completion_rate", "all", *EVERYBODY] == (2.0, 4.0, 0.5)
    assert found["form_completion_rate", "all", "country", "FR"] == (1.0, 1.0, 1.0)
    assert found["form_completion_rate", "all", "country", "DE"] == (1.0, 4.0, 0.25)


# ------------------------------------------------------------------------------- page views


@pytest.mark.spark
def test_page_views_clicks_and_scrolls(spark):
    views = [
        page_view("1", at(0), n_clicks=3, max_depth_pct=80.0),
        page_view("2", at(0), max_depth_pct=20.5, country="FR"),
        page_view("3", at(0), **BOT),
        page_view("4", at(0), is_internal=True),
    ]
    found = told(spark, views=views)
    assert found["page_views", "all", *EVERYBODY] == (4.0, None, 4.0)
    assert found["page_views", "strict", *EVERYBODY] == (2.0, None, 2.0)
    assert found["click_through_rate", "human", *EVERYBODY] == (1.0, 3.0, 1 / 3)
    assert found["scroll_depth_pct", "all", *EVERYBODY] == (100.5, 2.0, 50.25)
    assert found["scroll_depth_pct", "all", "country", "FR"] == (20.5, 1.0, 20.5)


@pytest.mark.spark
def test_what_was_not_measured_has_no_row(spark):
    found = told(spark, views=[page_view("1", at(0))])
    assert {name for name, *_ in found} == {"page_views", "click_through_rate"}


@pytest.mark.spark
def test_load_times_are_percentiles_by_group_ties_included(spark):
    loads = [100.0, 100.0, 100.0, 200.0, 300.0]
    views = [page_view(str(n), at(n), load_ms=load) for n, load in enumerate(loads)]
    views += [page_view("none", at(9)), page_view("bot", at(9), load_ms=9000.0, **BOT)]
    views += [page_view("fr", at(9), load_ms=50.5, country="FR")]
    found = told(spark, views=views)
    ranks = ("page_load_p50_ms", "page_load_p90_ms", "page_load_p99_ms")
    assert [found[name, "human", *EVERYBODY] for name in ranks] == [
        (None, 6.0, 100.0),
        (None, 6.0, 250.0),
        (None, 6.0, 295.0),
    ]
    assert [found[name, "human", "country", "FR"][2] for name in ranks] == [50.5] * 3
    assert found["page_load_p50_ms", "all", *EVERYBODY] == (None, 7.0, 100.0)


# ------------------------------------------------------------------------------- sessions


@pytest.mark.spark
def test_sessions_their_length_bounces_and_conversions(spark):
    sessions = [
        session("a", at(0), duration_s=30, n_conversions=2, is_bounce=False),
        session("b", at(9), session_number=2, duration_s=1),
        session("c", at(0), visitor_id="w", device_type="mobile", is_bounce=False),
        session("d", at(0), visitor_id="bot", device_type="tablet", **BOT),
    ]
    found = told(spark, sessions=sessions)
    whole = {key[0]: value for key, value in found.items() if key[1:] == ("human", *EVERYBODY)}
    assert whole == {
        "bounce_rate": (1.0, 3.0, 1 / 3),
        "average_session_duration_s": (31.0, 3.0, 31 / 3),
        "sessions_per_user": (3.0, 2.0, 1.5),
        "conversion_rate": (1.0, 3.0, 1 / 3),
        "mobile_share": (1.0, 3.0, 1 / 3),
        "desktop_share": (2.0, 3.0, 2 / 3),
        "engagement_score": whole["engagement_score"],
    }
    assert found["mobile_share", "all", *EVERYBODY] == (1.0, 4.0, 0.25)
    assert found["bounce_rate", "human", "device_type", "mobile"] == (0.0, 1.0, 0.0)
    assert ("mobile_share", "human", "device_type", "mobile") not in found


@pytest.mark.spark
def test_shares_are_of_all_sessions_of_the_view(spark):
    sessions = [
        session("a", at(0), source="google"),
        session("b", at(0), source="google", country="FR", region="unknown"),
        session("c", at(0), browser="Safari", region="unknown"),
        session("d", at(0), source="news", **BOT),
    ]
    found = told(spark, sessions=sessions)
    assert found["traffic_by_source", "human", "source", "google"] == (2.0, 3.0, 2 / 3)
    assert found["traffic_by_source", "human", "source", "(direct)"] == (1.0, 3.0, 1 / 3)
    assert found["traffic_by_source", "all", "source", "google"] == (2.0, 4.0, 0.5)
    assert ("traffic_by_source", "human", "source", "news") not in found
    assert ("traffic_by_source", "human", *EVERYBODY) not in found
    assert ("bounce_rate", "human", "source", "google") not in found
    assert found["top_browsers", "human", "browser", "Safari"] == (1.0, 3.0, 1 / 3)
    regions = {
        key[2:]: value[0] for key, value in found.items() if key[:2] == ("top_regions", "human")
    }
    assert regions == {
        ("country", "DE"): 2.0,
        ("country", "FR"): 1.0,
        ("region", "DE/Berlin"): 1.0,
        ("region", "DE/unknown"): 1.0,
        ("region", "FR/unknown"): 1.0,
    }


@pytest.mark.spark
def test_engagement_is_scored_by_the_weights_of_the_policy(spark):
    most = {"engaged_s": 9999, "n_page_views": 99, "max_depth_pct": 100.0, "n_conversions": 3}
    half = {"engaged_s": 90, "n_page_views": 1, "max_depth_pct": 50.0}
    sessions = [session("a", at(0), **most), session("b", at(0), visitor_id="w", **half)]
    score = ("engagement_score", "all", *EVERYBODY)
    # 100 of the first; of the second 40 / 2, 25 / 5, 15 / 2 and no conversion.
    assert told(spark, sessions=sessions)[score] == (132.5, 2.0, 66.25)
    only_time = Engagement(
        full_time_s=45, weights={"time": 100, "pages": 0, "scroll": 0, "conversions": 0}
    )
    assert told(spark, sessions=sessions, policies=[only_time])[score] == (200.0, 2.0, 100.0)
    nothing = [session("a", at(0), n_page_views=0)]
    assert told(spark, sessions=nothing)[score] == (0.0, 1.0, 0.0)


# ------------------------------------------------------------------------------- funnels


TWO_STEPS = (
    {"name": "pricing", "event_type": "page_view", "page": "/pricing"},
    {"name": "signup", "event_type": "signup"},
)
FUNNELS = Funnels(
    funnels=(
        {"id": "buy", "title": "Buy", "window_s": 86_400, "steps": TWO_STEPS},
        {"id": "read", "title": "Read", "window_s": 90_000, "steps": TWO_STEPS},
    )
)


def entry(visitor, when, *, funnel="buy", steps=1, **more):
    """Rows of silver.funnel_steps: an entry that reached so many steps."""
    known = {
        "visitor_id": visitor,
        "funnel_id": funnel,
        "entry_number": 1,
        "entry_at": when,
        "entry_date": when.date(),
        "channel": "Direct",
        "device_type": "desktop",
        "country": "DE",
        "is_bot": False,
        "is_internal": False,
    }
    return [
        known
        | {
            "step": step,
            "step_name": f"{step}",
            "event_id": f"{visitor} {funnel} {step}",
            "reached_at": when + timedelta(days=step - 1),
            **more,
        }
        for step in range(1, steps + 1)
    ]


@pytest.mark.spark
def test_entries_of_a_day_convert_or_drop_off_whenever_that_is(spark):
    steps = [
        *entry("v", at(0), steps=2),
        *entry("w", at(0)),
        *entry("x", at(0)),
        *entry("bot", at(0), steps=2, **BOT),
        *entry("v", at(0), funnel="read"),
        *entry("v", at(0), funnel="gone"),
    ]
    found = told(spark, steps=steps, policies=[FUNNELS])
    human = {(key[0], *key[2:]): value for key, value in found.items() if key[1] == "human"}
    assert human == {
        ("funnel_conversion_rate", "funnel_id", "buy"): (1.0, 3.0, 1 / 3),
        ("funnel_drop_off_rate", "funnel_id", "buy"): (2.0, 3.0, 2 / 3),
        ("funnel_conversion_rate", "funnel_id", "read"): (0.0, 1.0, 0.0),
        ("funnel_drop_off_rate", "funnel_id", "read"): (1.0, 1.0, 1.0),
    }
    assert found["funnel_conversion_rate", "all", "funnel_id", "buy"] == (2.0, 4.0, 0.5)


@pytest.mark.spark
@pytest.mark.parametrize(
    ("days", "complete"),
    [(2, {}), (3, {"buy"}), (4, {"buy", "read"})],
    ids=["not yet", "after two windows of a day", "after two longer ones"],
)
def test_a_funnel_is_complete_when_no_event_can_change_its_entries(spark, days, complete):
    steps = [*entry("v", at(0)), *entry("v", at(0), funnel="read")]
    as_of = DAY + timedelta(days=days)
    found = rows(spark, web_kpis, [], [], [], steps, as_of=as_of, policies=[FUNNELS])
    assert {row["dimension_value"] for row in found if row["is_complete"]} == set(complete)


@pytest.mark.spark
def test_entries_count_on_the_day_of_the_reporting_time_zone(spark):
    late = moment(2026, 1, 1, 23, 30)
    found = rows(spark, web_kpis, [], [], [], entry("v", late), policies=[BERLIN, FUNNELS])
    assert {row["metric_date"] for row in found} == {date(2026, 1, 2)}


# ------------------------------------------------------------------------------- days


@pytest.mark.spark
@pytest.mark.parametrize(
    ("first", "hours"),
    [
        (moment(2026, 3, 28, 23), 23),  # 29 March, clocks go forward
        (moment(2026, 10, 24, 22), 25),  # 25 October, clocks go back
        (moment(2026, 7, 31, 22), 24),
    ],
    ids=["of 23 hours", "of 25 hours", "of 24 hours"],
)
def test_a_day_of_the_reporting_time_zone_begins_and_ends_with_its_clocks(spark, first, hours):
    micro = timedelta(microseconds=1)
    last = first + timedelta(hours=hours) - micro
    moments = {"before": first - micro, "first": first, "last": last, "after": last + micro}
    events = [web_event(name, when, visitor_id=name) for name, when in moments.items()]
    views = [page_view(name, when, visitor_id=name) for name, when in moments.items()]
    sessions = [session(name, when, visitor_id=name) for name, when in moments.items()]
    found = rows(spark, web_kpis, events, views, sessions, [], policies=[BERLIN])
    day = (first + timedelta(hours=2)).date()
    for kpi, counted in (
        ("unique_visitors", "numerator"),
        ("page_views", "numerator"),
        ("bounce_rate", "denominator"),
    ):
        told_of = {
            row["metric_date"]: row[counted]
            for row in found
            if (row["kpi"], row["view"], row["dimension_name"]) == (kpi, "all", None)
        }
        before, after = day - timedelta(1), day + timedelta(1)
        assert told_of == {before: 1.0, day: 2.0, after: 1.0}, kpi


@pytest.mark.spark
@pytest.mark.parametrize(
    ("zone", "complete"),
    [
        ("UTC", [True, True, False]),
        ("Europe/Berlin", [True, True, False]),  # it ends before the day of UTC does
        ("America/New_York", [True, False, False]),  # it ends five hours later
        ("Pacific/Kiritimati", [True, True, False]),
        ("Etc/GMT+12", [True, False, False]),
    ],
)
def test_a_day_is_complete_when_it_ended_before_the_newest_day_of_utc(spark, zone, complete):
    noon = moment(2026, 1, 1, 9)  # of the same day in all of these zones but the last
    shift = timedelta(hours=12) if zone == "Etc/GMT+12" else timedelta(0)
    views = [page_view(str(n), noon + shift + timedelta(days=n)) for n in range(3)]
    found = rows(
        spark,
        web_kpis,
        [],
        views,
        [],
        [],
        as_of=date(2026, 1, 3),
        policies=[Clock(reporting_time_zone=zone)],
    )
    states = {row["metric_date"]: row["is_complete"] for row in found}
    assert [states[day] for day in sorted(states)] == complete
    assert sorted(states) == [date(2026, 1, n) for n in (1, 2, 3)]


@pytest.mark.spark
def test_of_nothing_no_kpi_is_told(spark):
    assert rows(spark, web_kpis, [], [], [], []) == []
