"""The key figures of the web domain. Each is defined here, once, and computed in gold.web_kpis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lakehouse.metrics.web import VIEWS

Unit = Literal["count", "rate", "s", "ms", "pct", "score", "ratio"]

DIMENSIONS = ("channel", "device_type", "country")
"""What a KPI is told for, beside everybody."""
OF_EVENTS = ("device_type", "country")
"""The same for KPIs of events: only sessions, and page views in them, have a channel."""
EVERYBODY = ("all",)
"""Views of a KPI that is about programs: in the others there are none."""


@dataclass(frozen=True, kw_only=True)
class Kpi:
    """A figure that somebody answers for.

    Attributes:
        name: Its name in tables, addresses and charts.
        title: Its name for people.
        sentence: What it means.
        numerator: What is counted or summed, in words; empty for a percentile.
        denominator: What that is divided by, in words, or what a percentile is of; empty for a
            count.
        unit: Of the value: a rate is from 0 to 1, pct and score from 0 to 100.
        higher_is_better: Whether more is better; None where neither is.
        dimensions: What it is told for, beside everybody.
        breakdown: What it is told for alone, where it says how a whole falls into parts: there is
            no value for everybody.
        views: Whose events it is told for.
    """

    name: str
    title: str
    sentence: str
    numerator: str
    denominator: str
    unit: Unit
    higher_is_better: bool | None
    dimensions: tuple[str, ...] = DIMENSIONS
    breakdown: tuple[str, ...] = ()
    views: tuple[str, ...] = VIEWS


UNIQUE_VISITORS = Kpi(
    name="unique_visitors",
    title="Unique visitors",
    sentence="How many visitors did anything on the day.",
    numerator="distinct visitors with an event; by channel, with a session that began on the day",
    denominator="",
    unit="count",
    higher_is_better=True,
)
PAGE_VIEWS = Kpi(
    name="page_views",
    title="Page views",
    sentence="How many pages were viewed.",
    numerator="page views",
    denominator="",
    unit="count",
    higher_is_better=True,
)
BOUNCE_RATE = Kpi(
    name="bounce_rate",
    title="Bounce rate",
    sentence="Share of the sessions that saw one page and did nothing else.",
    numerator="bounced sessions",
    denominator="sessions",
    unit="rate",
    higher_is_better=False,
)
AVERAGE_SESSION_DURATION = Kpi(
    name="average_session_duration_s",
    title="Average session duration",
    sentence=(
        "How long a session lasts: from its first event to its last, and the attention that its "
        "last page got."
    ),
    numerator="seconds that the sessions lasted",
    denominator="sessions",
    unit="s",
    higher_is_better=True,
)
SESSIONS_PER_USER = Kpi(
    name="sessions_per_user",
    title="Sessions per visitor",
    sentence="How often a visitor of the day came.",
    numerator="sessions",
    denominator="distinct visitors with a session",
    unit="ratio",
    higher_is_better=True,
)
LOAD_PERCENTILES = tuple(
    Kpi(
        name=f"page_load_p{rank}_ms",
        title=f"Page load time, {words}",
        sentence=f"{rank} % of the page views load at least as fast: exact, interpolated.",
        numerator="",
        denominator="page views that tell how long they loaded",
        unit="ms",
        higher_is_better=False,
    )
    for rank, words in ((50, "median"), (90, "90th percentile"), (99, "99th percentile"))
)
CONVERSION_RATE = Kpi(
    name="conversion_rate",
    title="Conversion rate",
    sentence="Share of the sessions with a conversion, of whatever type the policy lists.",
    numerator="sessions with a conversion",
    denominator="sessions",
    unit="rate",
    higher_is_better=True,
)
TRAFFIC_BY_SOURCE = Kpi(
    name="traffic_by_source",
    title="Traffic by source",
    sentence="Share of the sessions that came from each source.",
    numerator="sessions from the source",
    denominator="sessions",
    unit="rate",
    higher_is_better=None,
    breakdown=("source",),
)
MOBILE_SHARE = Kpi(
    name="mobile_share",
    title="Mobile share",
    sentence="Share of the sessions on phones; tablets apart.",
    numerator="sessions on mobile devices",
    denominator="sessions",
    unit="rate",
    higher_is_better=None,
    dimensions=("channel", "country"),
)
DESKTOP_SHARE = Kpi(
    name="desktop_share",
    title="Desktop share",
    sentence="Share of the sessions on desktop computers.",
    numerator="sessions on desktop computers",
    denominator="sessions",
    unit="rate",
    higher_is_better=None,
    dimensions=("channel", "country"),
)
TOP_BROWSERS = Kpi(
    name="top_browsers",
    title="Top browsers",
    sentence="Share of the sessions in each browser.",
    numerator="sessions in the browser",
    denominator="sessions",
    unit="rate",
    higher_is_better=None,
    breakdown=("browser",),
)
TOP_REGIONS = Kpi(
    name="top_regions",
    title="Top countries and regions",
    sentence="Share of the sessions in each country, and in each region (DE/Berlin).",
    numerator="sessions in the country or region",
    denominator="sessions",
    unit="rate",
    higher_is_better=None,
    breakdown=("country", "region"),
)
SCROLL_DEPTH = Kpi(
    name="scroll_depth_pct",
    title="Scroll depth",
    sentence="How far down a page is scrolled: mean of the deepest scroll of the views that were.",
    numerator="percent points of the deepest scrolls",
    denominator="page views that were scrolled",
    unit="pct",
    higher_is_better=True,
)
CLICK_THROUGH_RATE = Kpi(
    name="click_through_rate",
    title="Click-through rate",
    sentence="Share of the page views with a click.",
    numerator="page views with a click",
    denominator="page views",
    unit="rate",
    higher_is_better=True,
)
FORM_COMPLETION_RATE = Kpi(
    name="form_completion_rate",
    title="Form completion rate",
    sentence=(
        "Share of the forms that visitors had to do with on the day (each visitor and form once) "
        "which they sent on it. A form event without a step is a sending."
    ),
    numerator="visitors and forms with a form that was submitted",
    denominator="visitors and forms with a form that was started, failed or submitted",
    unit="rate",
    higher_is_better=True,
    dimensions=OF_EVENTS,
)
FUNNEL_CONVERSION_RATE = Kpi(
    name="funnel_conversion_rate",
    title="Funnel conversion",
    sentence="Share of the entries of the day into each funnel that reached its last step.",
    numerator="entries that reached the last step, whenever that was",
    denominator="entries into the funnel",
    unit="rate",
    higher_is_better=True,
    breakdown=("funnel_id",),
)
FUNNEL_DROP_OFF_RATE = Kpi(
    name="funnel_drop_off_rate",
    title="Funnel drop-off",
    sentence="Share of the entries of the day into each funnel that left before its last step.",
    numerator="entries that did not reach the last step",
    denominator="entries into the funnel",
    unit="rate",
    higher_is_better=False,
    breakdown=("funnel_id",),
)
DATA_FRESHNESS = Kpi(
    name="data_freshness_s",
    title="Data freshness",
    sentence=(
        "How long after it happened an event of the day was received, on average; one that clocks "
        "have received before it happened was received at once."
    ),
    numerator="seconds from the events to their receipt",
    denominator="events with a time of receipt",
    unit="s",
    higher_is_better=False,
    dimensions=OF_EVENTS,
)
BOT_TRAFFIC_RATE = Kpi(
    name="bot_traffic_rate",
    title="Bot traffic",
    sentence="Share of the events that look like a program's.",
    numerator="events with a reason to take them for a program's",
    denominator="events",
    unit="rate",
    higher_is_better=False,
    dimensions=OF_EVENTS,
    views=EVERYBODY,
)
ENGAGEMENT_SCORE = Kpi(
    name="engagement_score",
    title="Engagement score",
    sentence=(
        "Mean score of a session, from 0 to 100: seconds of attention, page views, scroll depth "
        "and conversion earn parts of it, by the weights that the policy declares."
    ),
    numerator="points of the sessions",
    denominator="sessions",
    unit="score",
    higher_is_better=True,
)
TRAFFIC_HEALTH_RATE = Kpi(
    name="traffic_health_rate",
    title="Traffic health",
    sentence=(
        "Share of the valid events that are people's and on time. Invalid records are rejected "
        "when they land, and are in neither number."
    ),
    numerator="events of people that came in time",
    denominator="events, late ones included",
    unit="rate",
    higher_is_better=True,
    dimensions=OF_EVENTS,
    views=EVERYBODY,
)
KPIS = (
    *(UNIQUE_VISITORS, PAGE_VIEWS, BOUNCE_RATE, AVERAGE_SESSION_DURATION, SESSIONS_PER_USER),
    *LOAD_PERCENTILES,
    *(CONVERSION_RATE, TRAFFIC_BY_SOURCE, MOBILE_SHARE, DESKTOP_SHARE, TOP_BROWSERS, TOP_REGIONS),
    *(SCROLL_DEPTH, CLICK_THROUGH_RATE, FORM_COMPLETION_RATE),
    *(FUNNEL_CONVERSION_RATE, FUNNEL_DROP_OFF_RATE),
    *(DATA_FRESHNESS, BOT_TRAFFIC_RATE, ENGAGEMENT_SCORE, TRAFFIC_HEALTH_RATE),
)
"""All of them, in the order in which people read them."""
UNITS = {
    "count": "a number",
    "rate": "a share, 0 to 1",
    "s": "seconds",
    "ms": "milliseconds",
    "pct": "percent, 0 to 100",
    "score": "points, 0 to 100",
    "ratio": "a number for each",
}
