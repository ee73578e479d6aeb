"""How other tools for web analytics count, as rules beside our own.

As of 2026-11, with each tool's defaults, by the documentation or the public source that each rule
names. What a tool knows and this lake does not is left out: modelled and sampled data, consent,
blockers, and lists of programs that differ from ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from lakehouse.metrics import web_kpis as kpis

if TYPE_CHECKING:
    from lakehouse.metrics.web_kpis import Kpi
    from lakehouse.metrics.web_policies import Visits

BOT_REASONS = ("listed_agent", "no_agent", "data_centre", "too_fast", "no_signal", "regular")
"""Reasons of silver.web_events to take an event for a program's."""
AUTOCAPTURED = ("click", "form_submit")
"""What PostHog captures by itself."""
NO_ACTIONS = ("scroll",)
"""Interactions that Matomo and Plausible do not take for an action of the visitor."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule of a tool.

    Attributes:
        words: What it says.
        source: Where that is written.
    """

    words: str
    source: str = "data/reference/web.toml"


@dataclass(frozen=True, kw_only=True)
class BotView(Rule):
    """Whose events do not count.

    Attributes:
        reasons: Events with one of these are a program's.
        drops_internal: Those of our own people do not count either.
        of_whole_visits: A session or page view with such an event does not count at all; else only
            the event does not.
    """

    reasons: tuple[str, ...]
    drops_internal: bool = False
    of_whole_visits: bool = False


@dataclass(frozen=True, kw_only=True)
class Identity(Rule):
    """Whose an event is.

    Attributes:
        sessions_of: A session is of a visitor, on all devices, or of a device.
        visitor: `stitched`: as `visitor_id` of silver.web_events; `told`: the user whom the session
            tells, else the device; `device`.
    """

    sessions_of: Literal["visitor", "device"]
    visitor: Literal["stitched", "told", "device"]


@dataclass(frozen=True, kw_only=True)
class SessionCut(Rule):
    """When a session ends, and on which day it counts.

    Attributes:
        gap_s: A pause strictly longer starts one.
        at_midnight: So does the first event of a day.
        campaign: So does another campaign than the last that the session, or the visitor, told.
        longest_h: So does an event that many hours after the start.
        client_days: The client's session id counts instead, for so many days.
        hears_pings: Pings of a page that is only read keep it going.
        counts_each_day: It counts on each day that it goes on, not only on that of its start.
    """

    gap_s: int = 1800
    at_midnight: bool = False
    campaign: Literal["session", "visitor"] | None = None
    longest_h: int | None = None
    client_days: int | None = None
    hears_pings: bool = True
    counts_each_day: bool = False


@dataclass(frozen=True, kw_only=True)
class OnlyPage(Rule):
    """A bounce: one page view, and no interaction."""


@dataclass(frozen=True, kw_only=True)
class OnlyAction(Rule):
    """A bounce: one page view or other action, scrolling apart."""


@dataclass(frozen=True, kw_only=True)
class NotEngaged(Rule):
    """A bounce: fewer than two page views, no conversion, and little attention.

    Attributes:
        under_s: Fewer seconds of attention than this.
    """

    under_s: int


@dataclass(frozen=True, kw_only=True)
class ShortPage(Rule):
    """A bounce: one page view, nothing that is captured by itself, and a short session.

    A session without either is no session here.

    Attributes:
        under_s: Fewer seconds from the first event to the last than this.
    """

    under_s: int


@dataclass(frozen=True, kw_only=True)
class Duration(Rule):
    """How long a session lasts, from its first event.

    Attributes:
        until: To the last event and the attention after it, to the last event, or to the last that
            is no ping.
    """

    until: Literal["attention", "event", "action"]


@dataclass(frozen=True, kw_only=True)
class Conversion(Rule):
    """What share converts.

    Attributes:
        of: Of the sessions, or of the visitors.
    """

    of: Literal["sessions", "visitors"]


@dataclass(frozen=True, kw_only=True)
class PageViews(Rule):
    """What a page view is.

    Attributes:
        counts: `pages`: what shares a page_view_id, pings alone included; `ids`: the same, of
            events page_view; `events`: each event page_view.
    """

    counts: Literal["pages", "ids", "events"]


Bounce = OnlyPage | OnlyAction | NotEngaged | ShortPage


@dataclass(frozen=True, kw_only=True)
class Tool:
    """The rules by which a tool counts.

    Attributes:
        name: Its name.
        bot_view: Whose events do not count.
        identity: Whose an event is.
        session_cut: When a session ends.
        bounce: What a bounce is.
        duration: How long a session lasts.
        conversion: What converts.
        page_views: What a page view is.
    """

    name: str
    bot_view: BotView
    identity: Identity
    session_cut: SessionCut
    bounce: Bounce
    duration: Duration
    conversion: Conversion
    page_views: PageViews

    @property
    def rules(self) -> dict[str, Rule]:
        """All of them, by their names."""
        return {name: getattr(self, name) for name in RULES}

    def following(self, other: Tool, rule: str) -> Tool:
        """These rules, but one of another tool's."""
        changed: dict[str, Any] = {rule: other.rules[rule]}
        return replace(self, **changed)


RULES = {
    "bot_view": "bot view",
    "identity": "identity",
    "session_cut": "session cut",
    "bounce": "bounce rule",
    "duration": "duration rule",
    "conversion": "conversion rule",
    "page_views": "page view rule",
}
"""Names of rules for people, in the order in which they are changed."""
COMMON = ("bot_view", "identity", "session_cut")
"""Rules that every KPI follows."""
COMPARABLE: dict[Kpi, tuple[str, ...]] = {
    kpis.BOUNCE_RATE: (*COMMON, "bounce"),
    kpis.AVERAGE_SESSION_DURATION: (*COMMON, "duration"),
    kpis.SESSIONS_PER_USER: COMMON,
    kpis.UNIQUE_VISITORS: COMMON,
    kpis.PAGE_VIEWS: (*COMMON, "page_views"),
    kpis.CONVERSION_RATE: (*COMMON, "conversion"),
}
"""KPIs that the tools tell, too, and the rules that they follow."""

_VIEWS = {
    "all": "everybody counts",
    "human": "sessions and page views with an event that looks like a program's do not count",
    "strict": "nor do those of programs and of our own people",
}


def ours(visits: Visits, view: str) -> Tool:
    """Our own rules.

    Args:
        visits: When a session ends.
        view: Whose events count: one of `metrics.web.VIEWS`.
    """
    return Tool(
        name="ours",
        bot_view=BotView(
            words=_VIEWS[view],
            reasons=() if view == "all" else BOT_REASONS,
            drops_internal=view == "strict",
            of_whole_visits=True,
        ),
        identity=Identity(
            words="the user; of an event without one, the user of its device at that time; else "
            "the device; a session may go on on another device",
            sessions_of="visitor",
            visitor="stitched",
        ),
        session_cut=_our_cut(visits),
        bounce=OnlyPage(words="one page view, and nothing else that the visitor did"),
        duration=Duration(
            words="from the first event to the last, plus the attention that the last page got",
            until="attention",
        ),
        conversion=Conversion(words="sessions with a conversion ÷ sessions", of="sessions"),
        page_views=PageViews(
            words="what shares a page view id; pings without their page view make one",
            counts="pages",
        ),
    )


def _our_cut(visits: Visits) -> SessionCut:
    if visits.mode == "client":
        words = f"the client's session id, for at most {visits.max_session_days} days"
        return SessionCut(words=words, gap_s=visits.gap_s, client_days=visits.max_session_days)
    words = f"a pause of more than {visits.gap_s} s; midnight never"
    if visits.campaign_starts_session:
        return SessionCut(
            words=f"{words}; another campaign", gap_s=visits.gap_s, campaign="visitor"
        )
    return SessionCut(words=f"{words}, a campaign never", gap_s=visits.gap_s)


GA4 = Tool(
    name="GA4",
    bot_view=BotView(
        words="known programs by their user agent (IAB list); always on",
        source="Google Analytics Help: [GA4] Known bot-traffic exclusion",
        reasons=("listed_agent",),
    ),
    identity=Identity(
        words="the user whom the session tells, else the device; earlier sessions of the device "
        "stay its own",
        source="Google Analytics Help: [GA4] Reporting identity; Measure activity across platforms "
        "with User-ID",
        sessions_of="device",
        visitor="told",
    ),
    session_cut=SessionCut(
        words="30 minutes without activity; neither midnight nor a campaign; a session over "
        "midnight counts on both days",
        source="Google Analytics Help: [GA4] About Analytics sessions",
        counts_each_day=True,
    ),
    bounce=NotEngaged(
        words="not engaged: under 10 s of attention, one page view, no key event",
        source="Google Analytics Help: [GA4] Session; Engagement rate and bounce rate",
        under_s=10,
    ),
    duration=Duration(
        words="from the first event to the last",
        source="Google Analytics Help: [GA4] Analytics dimensions and metrics",
        until="event",
    ),
    conversion=Conversion(
        words="sessions with a key event ÷ sessions",
        source="Google Analytics Help: [GA4] Analytics dimensions and metrics",
        of="sessions",
    ),
    page_views=PageViews(
        words="each event page_view, repeats included",
        source="Google Analytics Help: [GA4] Analytics dimensions and metrics",
        counts="events",
    ),
)
SNOWPLOW = Tool(
    name="Snowplow",
    bot_view=BotView(
        words="known programs by their user agent",
        source="snowplow/dbt-snowplow-unified: snowplow__ua_bot_filter",
        reasons=("listed_agent",),
    ),
    identity=Identity(
        words="the device (domain_userid), unless the package is told another identifier",
        source="snowplow/dbt-snowplow-unified: snowplow__user_identifiers",
        sessions_of="device",
        visitor="device",
    ),
    session_cut=SessionCut(
        words="the client's session id, for at most 3 days",
        source="snowplow/dbt-snowplow-unified: snowplow__session_identifiers, "
        "snowplow__max_session_days",
        client_days=3,
    ),
    bounce=NotEngaged(
        words="not engaged: attention under two heartbeats (20 s), one page view, no conversion",
        source="snowplow/dbt-snowplow-unified: macro engaged_session",
        under_s=20,
    ),
    duration=Duration(
        words="from the first event to the last, pings included",
        source="snowplow/dbt-snowplow-unified: absolute_time_in_s of sessions",
        until="event",
    ),
    conversion=Conversion(
        words="sessions with a conversion ÷ sessions",
        source="snowplow/dbt-snowplow-unified: snowplow__conversion_events",
        of="sessions",
    ),
    page_views=PageViews(
        words="events page_view, each page view id once",
        source="snowplow/dbt-snowplow-unified: snowplow_unified_views",
        counts="ids",
    ),
)
MATOMO = Tool(
    name="Matomo",
    bot_view=BotView(
        words="known programs by their user agent",
        source="Matomo Tracking HTTP API reference: bots",
        reasons=("listed_agent",),
    ),
    identity=Identity(
        words="the user whom the visit tells, on all devices, else the device; earlier visits of "
        "the device stay its own",
        source="Matomo config/global.ini.php: enable_userid_overwrites_visitorid; FAQ: How are "
        "requests with a User ID tracked?",
        sessions_of="visitor",
        visitor="told",
    ),
    session_cut=SessionCut(
        words="30 minutes without an action; midnight; another campaign, also where there was none "
        "(another website that refers only by setting); no heartbeats",
        source="Matomo config/global.ini.php: visit_standard_length, "
        "create_new_visit_after_midnight, create_new_visit_when_campaign_changes, "
        "create_new_visit_when_website_referrer_changes",
        at_midnight=True,
        campaign="session",
        hears_pings=False,
    ),
    bounce=OnlyAction(
        words="one page view or other action; scrolling is none",
        source="Matomo plugins/Actions/Columns/VisitTotalActions.php",
    ),
    duration=Duration(
        words="from the first action to the last; nothing for a single one (the heart beat timer "
        "is off)",
        source="Matomo FAQ: How do I accurately measure the time spent on each page?",
        until="action",
    ),
    conversion=Conversion(
        words="visits with a conversion ÷ visits",
        source="Matomo FAQ: Goal tracking and reports",
        of="sessions",
    ),
    page_views=PageViews(
        words="each page view, repeats included",
        source="Matomo glossary: Page views",
        counts="events",
    ),
)
POSTHOG = Tool(
    name="PostHog",
    bot_view=BotView(
        words="known programs by their user agent, in the browser",
        source="posthog-js: opt_out_useragent_filter",
        reasons=("listed_agent",),
    ),
    identity=Identity(
        words="the user of the device, backwards in time, too; a session is of one device",
        source="PostHog docs: Identifying users; Sessions",
        sessions_of="device",
        visitor="stitched",
    ),
    session_cut=SessionCut(
        words="30 minutes without activity, and after 24 hours",
        source="PostHog docs: Sessions",
        longest_h=24,
    ),
    bounce=ShortPage(
        words="one page view, no click or form that is captured by itself, under 10 s",
        source="PostHog posthog/hogql/database/schema/sessions_v2.py: $is_bounce",
        under_s=10,
    ),
    duration=Duration(
        words="from the first event to the last, leaving the page included",
        source="PostHog posthog/hogql/database/schema/sessions_v2.py: $session_duration",
        until="event",
    ),
    conversion=Conversion(
        words="visitors who converted ÷ visitors",
        source="PostHog docs: Web analytics dashboard",
        of="visitors",
    ),
    page_views=PageViews(
        words="each event $pageview, repeats included",
        source="PostHog docs: Web analytics dashboard",
        counts="events",
    ),
)
PLAUSIBLE = Tool(
    name="Plausible",
    bot_view=BotView(
        words="known programs by their user agent, and networks of data centres",
        source="Plausible docs: Bot and spam traffic filtering",
        reasons=("listed_agent", "data_centre"),
    ),
    identity=Identity(
        words="a hash of address and user agent that changes each day, taken here for the device; "
        "users are not known",
        source="Plausible data policy: How we count unique users without cookies",
        sessions_of="device",
        visitor="device",
    ),
    session_cut=SessionCut(
        words="30 minutes without activity; a session over midnight goes on, and counts on both "
        "days",
        source="Plausible lib/plausible/session/cache_store.ex, stats/sql/where_builder.ex",
        counts_each_day=True,
    ),
    bounce=OnlyAction(
        words="one page view and no custom event; engagement and scrolling are none",
        source="Plausible docs: All metrics and their definitions; session/cache_store.ex",
    ),
    duration=Duration(
        words="from the first page view or custom event to the last; nothing for a single one",
        source="Plausible docs: All metrics and their definitions",
        until="action",
    ),
    conversion=Conversion(
        words="visitors who converted ÷ visitors",
        source="Plausible docs: All metrics and their definitions",
        of="visitors",
    ),
    page_views=PageViews(
        words="each page view, repeats included",
        source="Plausible docs: All metrics and their definitions",
        counts="events",
    ),
)
TOOLS = (GA4, SNOWPLOW, MATOMO, POSTHOG, PLAUSIBLE)
