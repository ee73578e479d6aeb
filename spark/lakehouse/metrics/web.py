"""What the numbers of the web domain mean. Each is defined here, once."""

from __future__ import annotations

from lakehouse.metrics.web_events import CLICK_IDS, INTERACTIONS

__all__ = ["CLICK_IDS", "INTERACTIONS"]

UNKNOWN = "unknown"
"""Country, browser and the like of an event for which nobody knows it."""

VIEWS = ("all", "human", "strict")
"""Whose events count: everybody's; those without a reason to take them for a program's; of these,
those that are not our own people's."""

VISITOR_ID = (
    "The user; of an event without one, the user of its device at that time; else the device."
)
IS_LATE = "Sent later after it happened than the policy allows: counts in no figure."
LATE = "events sent later after they happened than the policy allows"
IS_BOT = "There is a reason to take it for a program's."
IS_INTERNAL = "Of our own networks, or about hosts that are not for visitors."
SOURCE = "Where the visitor came from: utm_source, a click id's network, or the referring site."
MEDIUM = "How: utm_medium, cpc for a paid click, organic, email, referral, or (none)."
CHANNEL = "Default channel group of Google Analytics 4, by source, medium and campaign."

ENGAGED_S = (
    "Seconds of attention: the heartbeat times the heartbeats after the first, plus the minimum "
    "visit; 0 without a ping."
)
SESSION_DURATION_S = (
    "Seconds from the first event to the last, plus the attention that the last page got."
)
IS_BOUNCE = "One page view, and nothing else that the visitor did."
IS_ENGAGED = (
    "At least two page views, a conversion, or as many seconds of attention as the policy asks "
    "(10): what Google Analytics 4 calls engaged; its bounces are the others."
)
N_CONVERSIONS = "Conversions, as the policy lists their types; an order counts once."
REVENUE = "Orders less refunds, in the reporting currency; unknown currencies left out."
AMOUNT_REPORTING = (
    "total_amount in the reporting currency at the rate of its moment, rounded to cents; negative "
    "for a refund; null for a currency without a rate."
)

VIEW = (
    "Whose events count: all; human, without those that look like a program's; strict, of these "
    "without our own people's."
)
IS_COMPLETE = "The day (UTC) is over: it lies before the newest day with data."
IS_COMPLETE_THERE = (
    "The day of the reporting time zone is over: it ended before the newest day (UTC) with data "
    "began. Of a funnel, so long after it that no event can change its entries."
)
DAY_OF_SESSIONS = "UTC day on which the sessions began."
PAGE = "Page; unknown where no event tells one."

N_VISITORS = "Distinct visitors; those of several rows do not add up."
NEW_VISITORS = "Visitors whose first session it is, of all that are known."
BOUNCES = f"Sessions that bounced. {IS_BOUNCE}"
ENGAGED = f"Sessions that were engaged. {IS_ENGAGED}"
CONVERTED = "Sessions with a conversion."
SESSION_REVENUE = "Orders of the sessions in the reporting currency; refunds apart."
AVG_DURATION_S = f"duration_s ÷ n_sessions: mean length of a session. {SESSION_DURATION_S}"

PAGE_ENTRIES = "Sessions of the day whose first page it is."
PAGE_BOUNCES = f"Of these entries, sessions that bounced. {IS_BOUNCE}"
PAGE_BOUNCE_RATE = "n_bounces ÷ n_entries; null where no session began here."
PAGE_EXITS = "Page views that are the last of their session."
EXIT_RATE = "n_exits ÷ n_views."
AVG_ENGAGED_S = "engaged_s ÷ n_views: mean attention that a view of the page gets."
AVG_DEPTH_PCT = (
    "Mean of the deepest scroll, 0 to 100, over the views that were scrolled (n_scrolled); null "
    "without one."
)
CLICK_THROUGH_RATE = "n_clicked_views ÷ n_views: share of the page views with a click."

VITAL = (
    "load_ms, ttfb_ms (first byte), lcp_ms (largest contentful paint), cls (cumulative layout "
    "shift), inp_ms (interaction to next paint) or fid_ms (first input delay)."
)
UNTOLD_VITALS = "page views of programs, and those that tell no vital"


def percentile(rank: int) -> str:
    """Definition of a percentile of a vital."""
    return (
        f"{rank}th percentile over the page views of people that tell the vital, in ms (cls: "
        "without a unit): exact, interpolated between the two neighbouring values."
    )


ORDERS = "Orders; one that is told several times counts once."
REFUNDS = "Refunds, on their own day, whenever the order was."
GROSS = "Amounts of the orders in the reporting currency."
REFUNDED = "Amounts of the refunds in the reporting currency; positive."
NET = "gross - refunded, in the reporting currency."
UNITS = "Units of the orders that tell how many."
NOT_SUMMED = "Orders and refunds in a currency without a rate: in no amount in reporting currency."
GROSS_OWN = "Amounts of the orders in their own currency."
REFUNDED_OWN = "Amounts of the refunds in their own currency; positive."

FREQUENCY = "Days with an order after the first such day: the x of Fader & Hardie's BTYD models."
RECENCY = "Days from the first day with an order to the last: their t_x."
AGE_OF_CUSTOMER = "Days from the first day with an order to the as-of date: their T."
MONETARY = (
    "Mean amount of a repeat purchase day (the m of their Gamma-Gamma model) in the reporting "
    "currency, refunds apart; days with an amount that has no rate are left out; null without one."
)
CUSTOMER_REVENUE = "Orders less refunds, in the reporting currency."

AGE_MONTHS = "Months since the month of the first order, from 0."
CUSTOMERS = "Visitors whose first order was in the cohort's month."
ACTIVE_CUSTOMERS = "Of them, those with an order in this month."
COHORT_REVENUE = (
    "Orders less refunds of this month in the reporting currency; refunds count on their own day, "
    "unknown currencies not at all."
)
CUMULATIVE_REVENUE = "Sum of revenue from month 0 to this one."
REVENUE_PER_CUSTOMER = "cumulative_revenue ÷ customers: their value so far."
REPEAT_CUSTOMERS = "Customers with orders on two days or more by the end of this month."
REPEAT_RATE = (
    "repeat_customers ÷ customers: share of the cohort with orders on two days or more by the end "
    "of this month."
)
MONTH_IS_COMPLETE = "The month is over: its last day lies before the newest day with data."

STITCHED = "Events whose user is known by their device alone."
SHARED_DEVICES = "Devices on which events are of two users or more."

LATENESS_BUCKETS = (
    ("at_once", 0),
    ("1min", 60),
    ("5min", 300),
    ("1h", 3_600),
    ("6h", 21_600),
    ("24h", 86_400),
    ("72h", 259_200),
    ("later", None),
)
"""How long after it happened an event was received: name, most seconds; those of unknown apart."""
SETTLED_DAYS = 3
"""Days after a day until its curve of late arrivals has reached its last bound: 72 hours."""
LATENESS_BUCKET = (
    "Delay: at_once (none; also where clocks have it received before), up to 1min, 5min, 1h, 6h, "
    "24h, 72h, later, or unknown (no time of receipt)."
)
CUMULATIVE_EVENTS = "Events with at most this delay; null for unknown."
CUMULATIVE_RATE = "cumulative_events ÷ events with a known delay: how complete the day was by then."
IS_SETTLED = "72 hours after the day are over: they lie before the newest day with data."
