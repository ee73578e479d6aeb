"""Who comes to the website, with which devices, and when. One entry per party; per visit.

A party is what never visits twice at once: a person with a device or two, two people who share
one, somebody of our own, or a program. Each party's time is cut into slots of six hours with a
phase of its own, and a slot holds at most one visit of at most two hours that begins in the slot's
first two: between the end of a visit and the next lies at least an hour.

Planted: programs of four kinds, shared devices, people with two devices, our own people, and
devices whose clock is hours off.
"""

from dataclasses import dataclass

import numpy as np

from lakehouse.synthetic.chance import Ints, draw, stream
from lakehouse.synthetic.period import MS_PER_DAY, MS_PER_HOUR, Calendar, moments_of_day
from lakehouse.synthetic.web.devices import AGENTS, CONSENT_SHARES, CRAWLERS, PLACES

PERSON, PAIR, SHARED, STAFF, LISTED, HASTY, SILENT, HOSTED = range(8)
BOTS = {LISTED: "listed_agent", HASTY: "too_fast", SILENT: "no_signal", HOSTED: "data_centre"}
LIKE_PEOPLE = (PERSON, PAIR, SHARED, STAFF, HOSTED)
CLOCKS_OFF_MS = tuple(hours * MS_PER_HOUR for hours in (-9, -5, 2, 26))

SLOT_MS = 6 * MS_PER_HOUR
LONGEST_MS = 2 * MS_PER_HOUR
_ROOM_MS = 2 * MS_PER_HOUR
_SHARES = (0.86, 0.07, 0.03, 0.01, 0.01, 0.003, 0.008, 0.009)
_LEAST_VISITS = np.array([1, 3, 5, 4, 3, 1, 1, 2])
_FURTHER_VISITS = np.array([1.2, 1.5, 3.0, 4.0, 4.0, 0.7, 1.0, 2.0])
_OFF_SHARE = 0.03
_AT_MIDNIGHT_SHARE = 0.06
_BEFORE_MIDNIGHT_MS = (20_000, 240_000)


@dataclass(frozen=True, kw_only=True)
class Parties:
    """Parties and their devices; arrays of devices are aligned, as are those of parties.

    The devices of a party are `first_device` and, of a pair, the one after it. `place` is a number
    of PLACES; `address` decides what stands in its gaps.
    """

    kind: Ints
    first_device: Ints
    party: Ints
    agent: Ints
    place: Ints
    address: Ints
    consent: Ints
    clock_off_ms: Ints

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True, kw_only=True)
class Visiting:
    """Visits in order of (party, time); `ordinal` counts a party's from 0, `of` says how many."""

    party: Ints
    start_ms: Ints
    ordinal: Ints
    of: Ints


def gather(count: int, seed: int, attempt: int) -> Parties:
    """Draw parties; the first are one of each kind, so that a small sample has each, too."""
    rng = stream(seed, "web parties", attempt)
    kind = draw(rng, _SHARES, count)
    kind[: len(_SHARES) + 1] = [PERSON, *range(len(_SHARES))][:count]
    devices = np.where(kind == PAIR, 2, 1)
    first_device = np.cumsum(devices) - devices
    party = np.repeat(np.arange(count), devices)
    total = len(party)
    of_people = np.array([agent.weight for agent in AGENTS])
    agent = draw(rng, of_people, total)
    crawler = len(AGENTS) + draw(rng, [each.weight for each in CRAWLERS], total)
    agent = np.where(kind[party] == LISTED, crawler, agent)
    is_off = rng.random(total) < _OFF_SHARE
    is_off &= kind[party] == PERSON
    return Parties(
        kind=kind,
        first_device=first_device,
        party=party,
        agent=agent,
        place=draw(rng, [place.weight for place in PLACES], count)[party],
        address=rng.integers(0, 1 << 16, count)[party],
        consent=draw(rng, CONSENT_SHARES, total),
        clock_off_ms=np.where(is_off, np.array(CLOCKS_OFF_MS)[rng.integers(0, 4, total)], 0),
    )


def visits_of(parties: Parties, calendar: Calendar, seed: int, attempt: int) -> Visiting:
    """Draw when each party comes, by the rhythm of week and day; some come around midnight."""
    rng = stream(seed, "web visits", attempt)
    phase_ms = rng.integers(0, SLOT_MS, len(parties))
    slots = (calendar.end_ms - phase_ms) // SLOT_MS
    wanted = _LEAST_VISITS[parties.kind] + rng.poisson(
        _FURTHER_VISITS[parties.kind] * rng.exponential(1, len(parties))
    )
    wanted[0] = 1
    party = np.repeat(np.arange(len(parties)), np.minimum(wanted, slots))
    at_ms = draw(rng, calendar.weekday_weights, len(party)) * MS_PER_DAY
    is_late = rng.random(len(party)) < _AT_MIDNIGHT_SHARE
    before_midnight = MS_PER_DAY - rng.integers(*_BEFORE_MIDNIGHT_MS, len(party))
    at_ms += np.where(is_late, before_midnight, moments_of_day(rng, len(party)))

    most = int(slots.max())
    slot = np.clip((at_ms - phase_ms[party]) // SLOT_MS, 0, slots[party] - 1)
    taken, first = np.unique(party * most + slot, return_index=True)
    party, slot, at_ms = taken // most, taken % most, at_ms[first]
    slot_ms = phase_ms[party] + slot * SLOT_MS
    start_ms = slot_ms + np.clip(at_ms - slot_ms, 0, _ROOM_MS)
    start_ms = _within_a_day(start_ms, parties.kind[party])
    per_party = np.bincount(party, minlength=len(parties))
    begins = np.cumsum(per_party) - per_party
    return Visiting(
        party=party,
        start_ms=start_ms,
        ordinal=np.arange(len(party)) - begins[party],
        of=per_party[party],
    )


def free_later(visiting: Visiting, chosen: Ints, wait_slots: Ints, calendar: Calendar) -> Ints:
    """The moment so many slots after a visit; -1 where the party comes then, or the period is over.

    Of several visits of one party that lead to the same slot, the first gets it.
    """
    begins = visiting.start_ms[chosen] + wait_slots * SLOT_MS
    span = calendar.end_ms + 2 * SLOT_MS
    key = visiting.party[chosen] * span + begins
    known = np.sort(visiting.party * span + visiting.start_ms)
    after = np.searchsorted(known, key)
    near = np.full(len(key), False)
    for place in (after - 1, np.minimum(after, len(known) - 1)):
        near |= np.abs(known[np.maximum(place, 0)] - key) < SLOT_MS
    # Requests of one party among themselves: apart by a slot, or only the first.
    order = np.argsort(key, kind="stable")
    gap = np.diff(key[order], prepend=-span)
    crowded = np.zeros(len(key), dtype=np.bool_)
    crowded[order] = gap < SLOT_MS
    is_over = begins + LONGEST_MS >= calendar.end_ms
    return np.where(near | crowded | is_over, -1, begins)


def _within_a_day(start_ms: Ints, kind: Ints) -> Ints:
    """Programs end before midnight, as their days are judged; bursts fill a minute of the clock."""
    is_program = (kind == LISTED) | (kind == HASTY) | (kind == SILENT)
    is_near = start_ms % MS_PER_DAY >= MS_PER_DAY - MS_PER_HOUR
    moved = np.where(is_program & is_near, start_ms - MS_PER_HOUR, start_ms)
    return np.where(kind == HASTY, moved // 60_000 * 60_000 + 1_000, moved)
