"""Who uses which feature when, and who converts. One first use per user and feature.

A user's daily rate of converting is constant up to known factors: company size, activity and,
from its first use on, each feature's hazard ratio. Moments of conversion are drawn exactly from
that rate, so the hazard ratios are true by construction.
"""

from dataclasses import dataclass

import numpy as np

from lakehouse.synthetic.chance import Ints, draw, stream
from lakehouse.synthetic.features import FEATURES
from lakehouse.synthetic.period import MS_PER_DAY, NEVER
from lakehouse.synthetic.population import Population
from lakehouse.synthetic.releases import Roadmap

PLANS = ("starter", "pro", "enterprise")
PRICE_PER_SEAT = (12, 25, 45)
SEATS = ((1, 10), (5, 60), (50, 300))
BASE_DAILY_RATE = 0.0021
SIZE_RATE_FACTORS = (0.85, 0.95, 1.1, 1.2, 1.25)
ACTIVITY_RATE_FACTORS = (0.8, 1.1, 1.5)

_PLAN_WEIGHTS = np.array([
    [0.80, 0.19, 0.01],
    [0.60, 0.37, 0.03],
    [0.30, 0.58, 0.12],
    [0.12, 0.55, 0.33],
    [0.05, 0.40, 0.55],
])  # fmt: skip
_FAR_DAYS = 1e9
_UPGRADE_CHANCE = 0.10
_DOUBLE_UPGRADE_CHANCE = 0.20
_UPGRADE_AFTER_DAYS = (7, 45)


@dataclass(frozen=True, kw_only=True)
class Conversions:
    """Rows of ``conversions`` in order of time; ``first_ms`` is per user, NEVER without one."""

    first_ms: Ints
    user: Ints
    at_ms: Ints
    plan: Ints
    mrr_cents: Ints
    upgrades: int
    same_day_upgrades: int


def adopt(people: Population, plan: Roadmap, *, seed: int, limit: int) -> Ints:
    """The moment of first use, one row per user and one column per feature, NEVER without one.

    No more than ``limit`` first uses are kept, so that every one can be among the events.
    """
    calendar = people.calendar
    first_use = np.full((len(people), len(FEATURES)), NEVER, dtype=np.int64)
    for column, feature in enumerate(FEATURES):
        rng = stream(seed, "adoption", column)
        willing = rng.random(len(people)) < np.array(feature.adoption)[people.activity_class]
        delay = rng.exponential(feature.delay_days * MS_PER_DAY, len(people)).astype(np.int64)
        released_ms = plan.first_release_day(feature.id) * MS_PER_DAY
        at_ms = np.maximum(people.signup_ms, released_ms) + delay
        day = np.minimum(at_ms // MS_PER_DAY, calendar.days - 1)
        adopts = willing & (at_ms < calendar.end_ms) & plan.usable[column, day]
        first_use[adopts, column] = at_ms[adopts]
    taken = np.flatnonzero(first_use != NEVER)
    if len(taken) > limit:
        kept = stream(seed, "adoption limit").choice(len(taken), limit, replace=False)
        dropped = np.delete(taken, kept)
        first_use.flat[dropped] = NEVER
    return first_use


def convert(people: Population, first_use: Ints, seed: int) -> Conversions:
    """Draw the first conversion of each user, and the upgrades of some."""
    rng = stream(seed, "hazard")
    first_ms = _first_conversions(people, first_use, rng)
    user = np.flatnonzero(first_ms != NEVER)
    at_ms = first_ms[user]
    plan_edges = np.cumsum(_PLAN_WEIGHTS, axis=1)[people.company_size[user], :-1]
    plan = (rng.random(len(user))[:, None] > plan_edges).sum(axis=1)

    soonest, latest = _UPGRADE_AFTER_DAYS
    wait = rng.integers(soonest * MS_PER_DAY, latest * MS_PER_DAY, len(user))
    upgrades = (rng.random(len(user)) < _UPGRADE_CHANCE) & (plan < len(PLANS) - 1)
    upgrades &= at_ms + wait < people.calendar.end_ms
    doubles = upgrades & (rng.random(len(user)) < _DOUBLE_UPGRADE_CHANCE)
    # The lower plan comes first on that day; the higher one has the higher mrr.
    up_plan = np.where(doubles, 1, plan + 1)
    users = np.concatenate([user, user[upgrades], user[doubles]])
    moments = np.concatenate([at_ms, (at_ms + wait)[upgrades], (at_ms + wait)[doubles]])
    plans = np.concatenate([plan, up_plan[upgrades], np.full(doubles.sum(), 2)])
    order = np.argsort(moments, kind="stable")
    return Conversions(
        first_ms=first_ms,
        user=users[order],
        at_ms=moments[order],
        plan=plans[order],
        mrr_cents=_mrr_cents(plans, rng)[order],
        upgrades=int(upgrades.sum()),
        same_day_upgrades=int(doubles.sum()),
    )


def _first_conversions(people: Population, first_use: Ints, rng: np.random.Generator) -> Ints:
    """Moments of conversion under a rate that changes at first uses."""
    factor = np.array(SIZE_RATE_FACTORS)[people.company_size]
    factor *= np.array(ACTIVITY_RATE_FACTORS)[people.activity_class]
    # Days that pass at the base rate until the user converts.
    remaining = rng.exponential(1 / (BASE_DAILY_RATE * factor))
    effective = [i for i, feature in enumerate(FEATURES) if feature.hazard_ratio != 1]
    changes = np.where(first_use == NEVER, _FAR_DAYS, first_use / MS_PER_DAY)[:, effective]
    order = np.argsort(changes, axis=1, kind="stable")
    changes = np.take_along_axis(changes, order, axis=1)
    ratios = np.array([FEATURES[i].hazard_ratio for i in effective])[order]

    now = people.signup_ms / MS_PER_DAY
    speed = np.ones(len(people))
    converts = np.full(len(people), _FAR_DAYS)
    for step in range(len(effective) + 1):
        until = changes[:, step] if step < len(effective) else np.full(len(people), _FAR_DAYS)
        done = (converts == _FAR_DAYS) & (remaining < (until - now) * speed)
        converts[done] = (now + remaining / speed)[done]
        remaining = remaining - (until - now) * speed
        now = until
        if step < len(effective):
            speed = speed * ratios[:, step]
    days = people.calendar.days
    at_ms = (np.minimum(converts, days) * MS_PER_DAY).astype(np.int64)
    return np.where(converts < days, at_ms, NEVER)


def _mrr_cents(plan: Ints, rng: np.random.Generator) -> Ints:
    """Monthly price: seats within the plan's range times its price per seat."""
    low, high = (np.array(bound)[plan] for bound in zip(*SEATS, strict=True))
    seats = low + draw(rng, np.linspace(2, 1, 100), len(plan)) * (high - low) // 99
    cents: Ints = seats * np.array(PRICE_PER_SEAT)[plan] * 100
    return cents
