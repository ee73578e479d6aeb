"""Rules of tools on literal events: what the day of `test_explain_kpi.py` does not have."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from lakehouse.metrics import web_kpis as kpis
from lakehouse.metrics.web_policies import Engagement, Visits
from lakehouse.metrics.web_tools import (
    BOT_REASONS,
    GA4,
    MATOMO,
    PLAUSIBLE,
    POSTHOG,
    RULES,
    SNOWPLOW,
    TOOLS,
    ours,
)
from lakehouse.reporting.tool_counts import COLUMNS, Count, DayOfEvents
from lakehouse.settings import PROJECT
from lakehouse.transforms.bots import REASONS

START = datetime(2026, 1, 6, tzinfo=UTC)
OURS = ours(Visits(), "human")
NOTHING = dict.fromkeys(COLUMNS)
TYPES = {"event_at": pa.timestamp("us", tz="UTC"), "is_internal": pa.bool_()}
SCHEMA = pa.schema([(name, TYPES.get(name, pa.string())) for name in COLUMNS])


def event(kind, hours, device="d", **more):
    """An event so many hours after the start of the day."""
    at = START + timedelta(hours=hours)
    return NOTHING | {
        "event_id": f"{device} {kind} {at}",
        "event_type": kind,
        "event_at": at,
        "actor_id": device,
        "visitor_id": more.get("user_id") or device,
        "is_internal": False,
        **more,
    }


def a_day(*events, conversions=()):
    start = int(START.timestamp()) * 1_000_000
    return DayOfEvents(
        pa.Table.from_pylist(list(events), schema=SCHEMA),
        pa.table({"event_id": pa.array(conversions, pa.string())}),
        start,
        start + 86_400_000_000,
        Engagement(),
    )


def all_day(device="d", until_h=48):
    """A page that is used for days: a view, and a click every half hour."""
    clicks = (event("click", half / 2, device) for half in range(1, 2 * until_h + 1))
    return [event("page_view", 0, device), *clicks]


def test_reasons_are_those_of_silver():
    assert BOT_REASONS == REASONS


def test_every_rule_of_every_tool_has_words_and_a_source():
    for tool in TOOLS:
        assert tool.rules.keys() == RULES.keys()
        assert all(rule.words and rule.source != OURS.bounce.source for rule in tool.rules.values())


def test_the_page_about_the_tools_tells_every_rule():
    page = (PROJECT / "spark/docs/why-tools-disagree.md").read_text("utf-8")
    for tool in TOOLS:
        for rule in tool.rules.values():
            assert f"| {tool.name} | {rule.words} |" in page


def test_a_day_without_events_is_empty():
    assert a_day().is_empty
    assert a_day(event("page_view", -1), event("page_view", 24)).is_empty
    assert not a_day(event("page_view", 0)).is_empty


def test_without_sessions_a_share_is_undefined():
    told = a_day(event("page_view", 1, bot_reasons="no_agent,too_fast"))
    assert told.count(kpis.BOUNCE_RATE, OURS) == Count(0, 0)
    assert told.count(kpis.BOUNCE_RATE, OURS).value is None
    assert told.count(kpis.BOUNCE_RATE, GA4).value == 1


def test_posthog_cuts_after_24_hours():
    told = a_day(*all_day())
    assert told.count(kpis.AVERAGE_SESSION_DURATION, OURS) == Count(48 * 3600, 1)
    posthog = told.count(kpis.AVERAGE_SESSION_DURATION, POSTHOG)
    assert posthog == Count(24 * 3600 - 1800, 1)  # the click at 24 h is of the next day's session


def test_a_client_session_counts_for_three_days():
    events = [
        event("page_view", 1, client_session_id="s"),
        event("click", 72, client_session_id="s"),
        event("click", 74, client_session_id="s"),  # more than three days after its start
    ]
    told = a_day(*events)
    assert told.count(kpis.AVERAGE_SESSION_DURATION, SNOWPLOW) == Count(71 * 3600, 1)


def test_events_without_a_client_session_are_cut_by_pauses_apart():
    told = a_day(
        event("page_view", 1.0, client_session_id="s"),
        event("page_view", 1.1),
        event("page_view", 2.0),
        event("click", 5.0, client_session_id="s"),
    )
    assert told.count(kpis.SESSIONS_PER_USER, SNOWPLOW) == Count(3, 1)


def test_a_pause_of_exactly_30_minutes_ends_nothing():
    told = a_day(event("page_view", 1), event("page_view", 1.5), event("page_view", 2.1))
    assert told.count(kpis.SESSIONS_PER_USER, OURS) == Count(2, 1)


def test_pings_keep_a_session_going_but_not_matomos():
    pings = (event("page_ping", 1 + tenth / 10) for tenth in range(1, 10))
    told = a_day(event("page_view", 1), *pings, event("page_view", 2))
    assert told.count(kpis.SESSIONS_PER_USER, OURS) == Count(1, 1)
    assert told.count(kpis.SESSIONS_PER_USER, PLAUSIBLE) == Count(1, 1)
    assert told.count(kpis.SESSIONS_PER_USER, MATOMO) == Count(2, 1)


def test_matomo_looks_for_the_campaign_in_the_visit_alone():
    mail = {"utm_source": "news"}
    told = a_day(
        event("page_view", 1.0, **mail),
        event("page_view", 3.0),  # another visit, without a campaign
        event("page_view", 3.1, **mail),  # so that this is another campaign
        event("page_view", 3.2, **mail),
    )
    assert told.count(kpis.SESSIONS_PER_USER, MATOMO) == Count(3, 1)
    by_campaign = ours(Visits(campaign_starts_session=True), "human")
    assert told.count(kpis.SESSIONS_PER_USER, by_campaign) == Count(2, 1)


def test_a_login_reaches_back_only_where_the_tool_says_so():
    told = a_day(
        event("page_view", 1, visitor_id="ann"),  # stitched: the device logs in later
        event("page_view", 3, visitor_id="ann"),
        event("click", 3.1, user_id="ann"),
    )
    assert told.count(kpis.UNIQUE_VISITORS, OURS) == Count(1, None)
    assert told.count(kpis.UNIQUE_VISITORS, POSTHOG) == Count(1, None)
    assert told.count(kpis.UNIQUE_VISITORS, GA4) == Count(2, None)  # the first session is d's
    assert told.count(kpis.UNIQUE_VISITORS, SNOWPLOW) == Count(1, None)


def test_a_session_with_a_programs_event_is_left_out_here_and_cleaned_there():
    told = a_day(
        event("page_view", 1),
        event("page_view", 1.1, bot_reasons="listed_agent"),
        event("click", 4),
    )
    assert told.count(kpis.BOUNCE_RATE, OURS) == Count(0, 1)
    only_bots = replace(OURS, bot_view=GA4.bot_view)
    assert told.count(kpis.BOUNCE_RATE, only_bots) == Count(1, 2)


def test_scrolling_is_an_interaction_here_alone():
    told = a_day(event("page_view", 1), event("scroll", 1.1))
    assert told.count(kpis.BOUNCE_RATE, OURS) == Count(0, 1)
    assert told.count(kpis.BOUNCE_RATE, MATOMO) == Count(1, 1)
    assert told.count(kpis.BOUNCE_RATE, PLAUSIBLE) == Count(1, 1)


def test_a_session_without_a_page_view_is_none_of_posthogs_bounce_rate():
    told = a_day(event("custom_event", 1), event("page_view", 1, "other"))
    assert told.count(kpis.BOUNCE_RATE, POSTHOG) == Count(1, 1)
    assert told.count(kpis.BOUNCE_RATE, OURS) == Count(1, 2)


@pytest.mark.parametrize(
    ("n_pings", "bounces"),
    [(0, {GA4, SNOWPLOW}), (1, {GA4, SNOWPLOW}), (2, {SNOWPLOW}), (3, set())],
    ids=["0 s", "5 s", "15 s", "25 s"],
)
def test_attention_ends_a_bounce_in_tools_that_measure_it(n_pings, bounces):
    pings = (event("page_ping", 1 + (10 * each + 1) / 3600) for each in range(n_pings))
    told = a_day(event("page_view", 1), *pings)
    found = {tool for tool in (GA4, SNOWPLOW) if told.count(kpis.BOUNCE_RATE, tool).numerator}
    assert found == bounces


def test_a_conversion_ends_a_bounce_in_tools_that_look_at_it():
    order = event("purchase", 1.001)
    told = a_day(event("page_view", 1), order, conversions=[order["event_id"]])
    assert told.count(kpis.BOUNCE_RATE, GA4) == Count(0, 1)
    assert told.count(kpis.CONVERSION_RATE, POSTHOG) == Count(1, 1)
    without = a_day(event("page_view", 1), order)
    assert without.count(kpis.BOUNCE_RATE, GA4) == Count(1, 1)


def test_pings_without_their_page_view_make_one_here_alone():
    told = a_day(event("page_ping", 1, page_id="/"), event("page_ping", 1.01, page_id="/"))
    assert told.count(kpis.PAGE_VIEWS, OURS) == Count(1, None)
    assert told.count(kpis.PAGE_VIEWS, SNOWPLOW) == Count(0, None)


def test_our_own_people_count_but_in_view_strict():
    told = a_day(event("page_view", 1), event("page_view", 2, "desk", is_internal=True))
    assert told.count(kpis.UNIQUE_VISITORS, OURS) == Count(2, None)
    assert told.count(kpis.UNIQUE_VISITORS, ours(Visits(), "strict")) == Count(1, None)
