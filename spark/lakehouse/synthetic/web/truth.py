"""What is true about the web domain: the section `web` of `truth.json`.

Counts are of clean rows, by the corrected clock (`received_at` less the wait on the device). Visits
of one visitor lie at least an hour apart, so that any rule of sessions finds these.
"""

from typing import Any

import numpy as np

from lakehouse.synthetic import text
from lakehouse.synthetic.chance import Bools, Ints
from lakehouse.synthetic.period import MS_PER_HOUR
from lakehouse.synthetic.web import dead_letters, site, visitors
from lakehouse.synthetic.web.devices import (
    DATA_CENTRE_NETWORK,
    DEVICE_TYPE_OF,
    DEVICE_TYPES,
    MOBILE,
    OFFICE_NETWORK,
)
from lakehouse.synthetic.web.events import TYPES, EventStream, Tally
from lakehouse.synthetic.web.pages import Pages
from lakehouse.synthetic.web.rates import REPORTING_CURRENCY
from lakehouse.synthetic.web.visits import (
    INCIDENT_FACTOR,
    INCIDENT_STEPS,
    RETURN,
    STEP_RATES,
    STEPS,
    incident_days,
    is_in_incident,
)
from lakehouse.synthetic.web.world import World

_BOT_SIGNS = {
    "listed_agent": "names itself as a known crawler",
    "too_fast": "more than 60 events within a minute of the clock",
    "no_signal": "at least 12 page views a day, never a heartbeat or a scroll",
    "data_centre": f"like a person, but from {DATA_CENTRE_NETWORK}",
}
_FUNNEL = (
    "visits that take each step: product_view, add_to_cart, page_view of /checkout, purchase; a "
    "visit takes them in this order, and each step with this chance once the one before it is taken"
)


def web_truth(stream: EventStream) -> dict[str, Any]:
    """The section; the tally of the stream must be complete."""
    world, tally = stream.world, stream.tally
    bots = {name: world.visits.kind == kind for kind, name in visitors.BOTS.items()}
    is_bot = np.any([*bots.values()], axis=0)
    is_staff = world.visits.kind == visitors.STAFF
    views = {"all": is_bot | ~is_bot, "human": ~is_bot, "strict": ~is_bot & ~is_staff}
    return {
        "events_by_type": dict(zip(TYPES, tally.by_type.tolist(), strict=True)),
        "sessions": {
            "sessions": {name: int(each.sum()) for name, each in views.items()},
            "across_midnight": tally.visits_across_midnight,
            "bounces": _bounces(world.pages),
        },
        "bots": {
            name: {"sign": _BOT_SIGNS[name], **_devices(world, tally, which)}
            for name, which in bots.items()
        },
        "internal": {"networks": [OFFICE_NETWORK], **_devices(world, tally, is_staff)},
        "identities": _identities(world, tally),
        "channels": {
            "planted_share": site.channel_shares(),
            "sessions": {name: _by_channel(world, each) for name, each in views.items()},
        },
        "funnel": _funnel(world),
        "incident": _incident(world),
        "money": _money(world),
        "lateness": _lateness(world, tally),
        "dead_letters": dead_letters.KINDS,
    }


def _bounces(pages: Pages) -> int:
    """Visits of one page view, in which nothing else is done."""
    page_views = np.bincount(pages.visit)
    acts = pages.events - pages.heartbeats - pages.has_vitals
    return int(((page_views[pages.visit] == 1) & (acts == 1)).sum())


def _devices(world: World, tally: Tally, which: Bools) -> dict[str, Any]:
    """Of the devices of some visits: how many, what they sent, and which."""
    device = np.unique(world.visits.device[which])
    ids = text.uuids(world.device_ids[device]).to_pylist()
    return {
        "devices": len(device),
        "sessions": int(which.sum()),
        "events": int(tally.by_device[device].sum()),
        "anonymous_ids": sorted(ids),
    }


def _identities(world: World, tally: Tally) -> dict[str, Any]:
    """Devices by how many users they have, and what they sent before anybody was known."""
    visits = world.visits
    named = visits.user >= 0
    pairs = np.unique(np.column_stack([visits.device[named], visits.user[named]]), axis=0)
    users = np.bincount(pairs[:, 0], minlength=len(tally.by_device))
    seen = tally.by_device > 0
    starts_unnamed = _starts_unnamed(world)
    later = (users == 1) & starts_unnamed
    devices_of_user = np.unique(pairs[:, 1], return_counts=True)[1]
    shared = np.flatnonzero(users > 1)
    ids = text.uuids(world.device_ids[shared]).to_pylist()
    return {
        "devices": int(seen.sum()),
        "users": len(np.unique(pairs[:, 1])),
        "visitors": len(np.unique(pairs[:, 1])) + int((seen & (users == 0)).sum()),
        "never_known": {
            "devices": int((seen & (users == 0)).sum()),
            "events": int(tally.by_device[users == 0].sum()),
        },
        "known_later": {
            "definition": "devices of one user whose first event tells none, and their events "
            "without a user",
            "devices": int(later.sum()),
            "events_without_user": int(tally.unnamed_by_device[later].sum()),
        },
        "known_at_once": {"devices": int(((users == 1) & ~starts_unnamed).sum())},
        "users_with_two_devices": int((devices_of_user > 1).sum()),
        "shared_devices": {
            "definition": "devices that two users have in turn",
            "devices": len(shared),
            "events": int(tally.by_device[shared].sum()),
            "anonymous_ids": sorted(ids),
        },
    }


def _starts_unnamed(world: World) -> Bools:
    """Whether the first visit of a device begins without a user."""
    visits = world.visits
    device, first = np.unique(visits.device, return_index=True)  # visits are in order of time
    unnamed = np.zeros(len(world.parties.party), dtype=np.bool_)
    unnamed[device] = ~visits.is_known_throughout[first]
    return unnamed


def _by_channel(world: World, which: Bools) -> dict[str, int]:
    channels = np.array([origin.channel for origin in site.ORIGINS])
    names, counts = np.unique(channels[world.visits.origin[which]], return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


def _reached(reaches: Ints) -> dict[str, int]:
    return {step: int((reaches > number).sum()) for number, step in enumerate(STEPS)}


def _funnel(world: World) -> dict[str, Any]:
    visits = world.visits
    device = DEVICE_TYPE_OF[world.parties.agent[visits.device]]
    return {
        "definition": _FUNNEL,
        "step_rates": dict(zip(STEPS[1:], STEP_RATES, strict=True)),
        "sessions": _reached(visits.reaches),
        "sessions_by_device": {
            name: _reached(visits.reaches[device == number])
            for number, name in enumerate(DEVICE_TYPES)
        },
    }


def _incident(world: World) -> dict[str, Any] | None:
    """When, for whom and how much fewer; None where none was planted."""
    if not world.has_incident:
        return None
    first, last = incident_days(world.calendar)
    inside = is_in_incident(world.visits, world.parties, world.calendar)
    return {
        "definition": "of the visits that begin on these days on these devices, those that take "
        "each step; the chance to take one of the steps named is the factor times the usual one",
        "from": world.calendar.date_of(first),
        "to": world.calendar.date_of(last),
        "device_type": DEVICE_TYPES[MOBILE],
        "steps": list(INCIDENT_STEPS),
        "factor": INCIDENT_FACTOR,
        "sessions": _reached(world.visits.reaches[inside]),
    }


def _money(world: World) -> dict[str, Any]:
    """Orders and refunds of each currency, in that currency."""
    visits = world.visits
    buys = visits.reaches == len(STEPS)
    returns = visits.goal == RETURN
    by_currency = {}
    for number, currency in enumerate(site.CURRENCIES):
        mine = visits.currency == number
        by_currency[currency] = {
            "orders": int((buys & mine).sum()),
            "amount": _amount(visits.order_cents[buys & mine]),
            "refunds": int((returns & mine).sum()),
            "refunded": _amount(visits.paid_back_cents[returns & mine]),
        }
    return {
        "reporting_currency": REPORTING_CURRENCY,
        "unknown_currency": site.UNKNOWN_CURRENCY,
        "planted_share": dict(zip(site.CURRENCIES, site.CURRENCY_SHARES, strict=True)),
        "by_currency": by_currency,
    }


def _amount(cents: Ints) -> str:
    total = int(cents.sum())
    return f"{total // 100}.{total % 100:02d}"


def _lateness(world: World, tally: Tally) -> dict[str, Any]:
    off_ms = world.parties.clock_off_ms
    is_off = (off_ms != 0) & (tally.by_device > 0)
    hours = np.unique(off_ms[is_off]) // MS_PER_HOUR
    return {
        "late": {
            "definition": "sent more than an hour after they happened, as the device was offline",
            "sessions": tally.late_visits,
            "events": tally.late,
            "events_after_3_days": tally.very_late,
        },
        "clocks_off": {
            "definition": "devices whose timestamp and sent_at are off by so many hours",
            "hours": hours.tolist(),
            "devices": int(is_off.sum()),
            "events": int(tally.by_device[is_off].sum()),
        },
    }
