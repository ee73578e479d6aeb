"""What the live figures mean. Each is defined here, once.

They are told within seconds, before anybody knows whose a device is or what is a program's: all
events count, as in the view `all` of the batch figures.
"""

from __future__ import annotations

WINDOW_MINUTES = 5
"""Of page views and conversion rates."""

N_EVENTS = "Events; one that is told several times counts once."
N_PAGE_VIEWS = (
    "Page views that events of the type page_view tell, each once in the window, by the client's "
    "page_view_id. Those that only pings tell are known to the batch figures alone."
)
N_DEVICES = "Distinct devices (actor_id); those of several rows do not add up."
N_CONVERSIONS = (
    "Conversions, as the policy lists their types; an order counts once in the window. One that is "
    "told again in another window is known to the batch figures alone."
)
N_FAILED_FORMS = "Forms that were refused: errors."
CONVERTED_DEVICES = "Distinct devices with a conversion in the window."
CONVERSION_RATE = "n_converted_devices ÷ n_devices of the window."
SESSION = (
    "Events of a device without a pause longer than the policy's gap (30 minutes), midnight or "
    "not. It is open until so long after last_event_at; whoever reads knows what time it is."
)
NEWEST_DAYS = "Only the newest day with data and the day before; gold.web_5min has them all."

ANOMALY_MINUTES = 10
"""Length of a window that is asked whether it is unusual; one ends every minute."""
PAST_DAYS = 14
"""Days before a window whose same minutes it is compared with …"""
MIN_PAST_DAYS = 3
"""… and with fewer known ones nothing is said."""
MIN_COUNT = 10
"""A window with less, expected and counted, is not judged."""
MIN_SPREAD = 0.1
"""Least spread, as a share of what is expected: less than 40 % away is never unusual."""
SEVERITIES = (("critical", 8.0), ("high", 6.0), ("medium", 4.0))
"""Severity and the least absolute z-score for it. Every minute is asked: 3 would be too often."""
AT_ONCE = {"n_events": 16, "n_page_views": 4, "n_conversions": 1, "n_failed_forms": 2}
"""Which figures are watched: those whose minutes add up. Each with how many come at once, as a
visit brings them: chance spreads such a count so many times as widely as Poisson's."""
METRICS = tuple(AT_ONCE)
EXPECTED = (
    f"Median of the same ten minutes on the known days of the {PAST_DAYS} before; a minute without "
    "events counts as 0."
)
Z_SCORE = (
    "Distance of the value from what is expected on the scale of roots, in robust standard errors "
    "(Anscombe 1948; Iglewicz & Hoaglin 1993); below 0 is less than expected."
)
