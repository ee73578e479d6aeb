"""What funnels and journeys mean. Each is defined here, once."""

from __future__ import annotations

FUNNEL = "Funnel, as the policy declares it."
ENTRY_NUMBER = "Entry of the visitor into the funnel, from 1."
STEP = "Step of the funnel, from 1."
STEP_NAME = "Name of the step."
CHANNEL_OF_ENTRY = "Channel of the session of step 1."
DAY_OF_ENTRY = "UTC day of step 1."
ENTERED = "Entries of the day into the funnel: its step 1 was reached."
REACHED = "Of these entries, those that reached this step, whenever that was."
STEP_VISITORS = "Distinct visitors of these entries; those of several rows do not add up."
FUNNEL_RATE = "reached ÷ entered: share of the entries that reached this step."
STEP_RATE = (
    "reached ÷ those that reached the step before; 1 at step 1, null where nobody reached that."
)
DROP_OFF = "Entries that reached the step before and not this one; 0 at step 1."
MEDIAN_S = (
    "Median of the seconds from the step before to this one, of the entries that reached it: "
    "exact, interpolated; null at step 1."
)
FUNNEL_IS_COMPLETE = (
    "Twice the window of the funnel after the day is over, so that no event can change its "
    "entries: a later step 1 within the window may still lead farther."
)

MOST_PAGES = 20
"""Pages that a journey tells."""
FIRST_PAGES = 5
"""Pages by which journeys are counted as one path."""
MOST_LETTERS = 100
"""Letters that a path tells of a page: five of them fit into a row of PostgreSQL's indexes."""
PATH = (
    "Pages in order, by >; a page that follows itself stands once. After "
    f"{MOST_PAGES} of them, and for what a page has beyond {MOST_LETTERS} letters, comes …; null "
    "without a page view."
)
FIRST_OF_PATH = f"First {FIRST_PAGES} pages of path; null without a page view."
CONVERSIONS_OF_JOURNEY = "Conversions in order, each with its moment (UTC), by >; null without one."
JOURNEY_VALUE = "Orders of the session in the reporting currency; refunds apart."
PATH_SESSIONS = "Sessions that began with these pages."
PATH_BOUNCE_RATE = "n_bounces ÷ n_sessions."
PATH_CONVERSION_RATE = "n_converted ÷ n_sessions."
