"""What each visit is about: where it came from, how far it gets, what is bought and paid back.

Planted: a mix of channels, a checkout funnel with known rates, an incident (for some days far fewer
visits on mobile devices get through the checkout), a mix of currencies of which one is unknown,
refunds some days after their order, and devices that send their events hours or days later.
"""

from dataclasses import dataclass, fields

import numpy as np

from lakehouse.synthetic.chance import Bools, Ints, draw, stream
from lakehouse.synthetic.period import MS_PER_DAY, MS_PER_HOUR, Calendar
from lakehouse.synthetic.population import Population
from lakehouse.synthetic.web import site
from lakehouse.synthetic.web.devices import DEVICE_TYPE_OF, MOBILE
from lakehouse.synthetic.web.identities import identify
from lakehouse.synthetic.web.visitors import (
    HOSTED,
    LIKE_PEOPLE,
    LONGEST_MS,
    PAIR,
    PERSON,
    SHARED,
    SLOT_MS,
    STAFF,
    Parties,
    Visiting,
    free_later,
    visits_of,
)

BOUNCE, BROWSE, SHOP, PRICING, CONTACT, RETURN, CRAWL = range(7)
STEPS = ("product", "cart", "checkout", "purchase")
STEP_RATES = (0.36, 0.62, 0.68)
"""Chance to take each step after the first, once the one before it was taken."""
INCIDENT_FACTOR, INCIDENT_STEPS = 0.3, ("checkout", "purchase")

_GOAL_SHARES = (0.30, 0.25, 0.34, 0.06, 0.05)
_INCIDENT = (0.64, 0.70)
_REFUND_SHARE, _HALF_SHARE = 0.12, 0.3
_REFUND_DAYS = (2, 14)
_DISCOUNT_SHARE = 0.15
_QUANTITIES = (0.75, 0.18, 0.07)
_LATE_SHARE, _DAYS_LATE_SHARE = 0.03, 0.35
_LATE_HOURS, _LATE_DAYS = (2, 20), (1, 5)
_SLOTS_PER_DAY = MS_PER_DAY // SLOT_MS
NONE = -1


@dataclass(frozen=True, kw_only=True)
class Visits:
    """Visits and what is fixed about each; arrays are aligned.

    `reaches` is the number of steps of the checkout funnel that a visit takes; `order` the number
    of the order that it places or returns, NONE without one; `paid_back_pct` how much of it a
    return gets; `delay_ms` how long the device keeps its events.
    """

    party: Ints
    device: Ints
    start_ms: Ints
    kind: Ints
    goal: Ints
    origin: Ints
    user: Ints
    signs_up: Bools
    logs_in: Bools
    reaches: Ints
    product: Ints
    quantity: Ints
    currency: Ints
    has_discount: Bools
    payment: Ints
    order: Ints
    paid_back_pct: Ints
    delay_ms: Ints
    at_staging: Bools

    def __len__(self) -> int:
        return len(self.start_ms)

    def take(self, rows: Ints) -> "Visits":
        """Some of the visits."""
        return Visits(**{each.name: getattr(self, each.name)[rows] for each in fields(self)})

    @property
    def day(self) -> Ints:
        """The day on which a visit begins."""
        return self.start_ms // MS_PER_DAY

    @property
    def is_known_throughout(self) -> Bools:
        """Whether all events of a visit tell its user."""
        known: Bools = (self.user >= 0) & ~self.signs_up & ~self.logs_in
        return known

    @property
    def price_cents(self) -> Ints:
        """Price of one, in hundredths of the visit's currency."""
        return price_cents(self.product, self.currency)

    @property
    def order_cents(self) -> Ints:
        """What the order costs, in hundredths of the visit's currency."""
        share = np.where(self.has_discount, 100 - site.DISCOUNT_PCT, 100) / 100
        return _rounded(self.price_cents * self.quantity * share, self.currency)

    @property
    def paid_back_cents(self) -> Ints:
        """What a return gets back, in hundredths of the visit's currency."""
        return _rounded(self.order_cents * self.paid_back_pct / 100, self.currency)


def price_cents(product: Ints, currency: Ints) -> Ints:
    """Prices of products, in hundredths of some currencies."""
    euros = np.array([each.cents for each in site.PRODUCTS])[product]
    return _rounded(euros * site.PRICE_FACTORS[currency], currency)


def incident_days(calendar: Calendar) -> tuple[int, int]:
    """First and last day of the incident."""
    first, end = (int(share * calendar.days) for share in _INCIDENT)
    return first, max(first, end - 1)


def is_in_incident(visits: Visits, parties: Parties, calendar: Calendar) -> Bools:
    """Whether a visit is of those that the incident is about."""
    first, last = incident_days(calendar)
    is_mobile = DEVICE_TYPE_OF[parties.agent[visits.device]] == MOBILE
    inside: Bools = is_mobile & (visits.day >= first) & (visits.day <= last)
    return inside


def plan_visits(
    parties: Parties,
    people: Population,
    *,
    seed: int,
    attempt: int,
    incident: bool,
) -> Visits:
    """Draw all visits of all parties, in order of (party, time), returns at the end."""
    calendar = people.calendar
    visiting = visits_of(parties, calendar, seed, attempt)
    known = identify(parties, visiting, people, seed, attempt)
    rng = stream(seed, "web purposes", attempt)
    count = len(visiting.party)
    kind = parties.kind[visiting.party]
    second = (kind == PAIR) & (visiting.ordinal % 2 == 1)
    device = parties.first_device[visiting.party] + second
    goal = _goals(kind, known.signs_up, known.logs_in, rng)
    goal[visiting.party == 0] = BOUNCE
    is_traffic = np.isin(kind, (PERSON, PAIR, SHARED))
    visits = Visits(
        party=visiting.party,
        device=device,
        start_ms=visiting.start_ms,
        kind=kind,
        goal=goal,
        origin=np.where(is_traffic, draw(rng, site.ORIGIN_SHARES, count), site.DIRECT),
        user=known.user,
        signs_up=known.signs_up,
        logs_in=known.logs_in,
        reaches=np.zeros(count, dtype=np.int64),
        product=rng.integers(0, len(site.PRODUCTS), count),
        quantity=1 + draw(rng, _QUANTITIES, count),
        currency=draw(rng, site.CURRENCY_SHARES, count),
        has_discount=rng.random(count) < _DISCOUNT_SHARE,
        payment=rng.integers(0, len(site.PAYMENT_METHODS), count),
        order=np.full(count, NONE),
        paid_back_pct=np.zeros(count, dtype=np.int64),
        delay_ms=_delays(visiting.start_ms, kind, parties.agent[device], calendar, rng),
        at_staging=(kind == STAFF) & (rng.random(count) < 0.5),  # noqa: PLR2004  # a coin
    )
    _shop(visits, parties, calendar, rng, incident=incident)
    return _with_returns(visits, visiting, calendar, rng)


def _goals(kind: Ints, signs_up: Bools, logs_in: Bools, rng: np.random.Generator) -> Ints:
    goal = draw(rng, _GOAL_SHARES, len(kind))
    is_watched = np.isin(kind, (STAFF, HOSTED)) & (goal > BROWSE)  # they neither buy nor sign up
    goal = np.where(is_watched | (logs_in & (goal == BOUNCE)), BROWSE, goal)
    goal = np.where(signs_up, PRICING, goal)
    return np.where(np.isin(kind, LIKE_PEOPLE), goal, CRAWL)


def _delays(
    start_ms: Ints, kind: Ints, agent: Ints, calendar: Calendar, rng: np.random.Generator
) -> Ints:
    """How long events wait on their device: hours or days for some visits on mobile ones."""
    count = len(start_ms)
    hours = rng.integers(*_LATE_HOURS, count) * MS_PER_HOUR
    days = rng.integers(_LATE_DAYS[0] * MS_PER_DAY, _LATE_DAYS[1] * MS_PER_DAY, count)
    delay = np.where(rng.random(count) < _DAYS_LATE_SHARE, days, hours)
    is_late = (kind == PERSON) & (DEVICE_TYPE_OF[agent] == MOBILE)
    is_late &= rng.random(count) < _LATE_SHARE / 0.39  # the share of mobile devices
    is_late &= start_ms + delay + 2 * LONGEST_MS < calendar.end_ms
    return np.where(is_late, delay, 0)


def _shop(
    visits: Visits,
    parties: Parties,
    calendar: Calendar,
    rng: np.random.Generator,
    *,
    incident: bool,
) -> None:
    """Draw how far each visit to the shop gets, and number the orders."""
    goes_on = visits.goal == SHOP
    visits.reaches[goes_on] = 1
    is_hit = is_in_incident(visits, parties, calendar) & incident
    for step, rate in zip(STEPS[1:], STEP_RATES, strict=True):
        chance = np.where(is_hit & (step in INCIDENT_STEPS), rate * INCIDENT_FACTOR, rate)
        goes_on &= rng.random(len(visits)) < chance
        visits.reaches[goes_on] += 1
    buys = np.flatnonzero(goes_on)
    visits.order[buys] = buys


def _with_returns(
    visits: Visits, visiting: Visiting, calendar: Calendar, rng: np.random.Generator
) -> Visits:
    """Add a visit for each order that is returned: later, on the same device, by the same user."""
    orders = np.flatnonzero(visits.order != NONE)
    some = orders[rng.random(len(orders)) < _REFUND_SHARE]
    first, last = (days * _SLOTS_PER_DAY for days in _REFUND_DAYS)
    start_ms = free_later(visiting, some, rng.integers(first, last + 1, len(some)), calendar)
    is_half = rng.random(len(some)) < _HALF_SHARE
    fits = start_ms >= 0
    returns = visits.take(some[fits])
    changed = {
        "start_ms": start_ms[fits],
        "goal": np.full(fits.sum(), RETURN),
        "origin": np.full(fits.sum(), site.DIRECT),
        "signs_up": np.zeros(fits.sum(), dtype=np.bool_),
        "logs_in": np.zeros(fits.sum(), dtype=np.bool_),
        "reaches": np.zeros(fits.sum(), dtype=np.int64),
        "paid_back_pct": np.where(is_half[fits], 50, 100),
        "delay_ms": np.zeros(fits.sum(), dtype=np.int64),
    }
    return Visits(
        **{
            each.name: np.concatenate([
                getattr(visits, each.name),
                changed.get(each.name, getattr(returns, each.name)),
            ])
            for each in fields(Visits)
        }
    )  # fmt: skip


def _rounded(cents: "np.typing.NDArray[np.float64]", currency: Ints) -> Ints:
    """Hundredths, or whole units where the currency has no smaller ones."""
    unit = np.where(site.WHOLE_UNITS[currency], 100, 1)
    whole: Ints = (np.maximum(np.floor(cents / unit + 0.5), 1) * unit).astype(np.int64)
    return whole
