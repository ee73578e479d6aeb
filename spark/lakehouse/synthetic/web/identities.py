"""Who of the visitors is known, and from which visit on. One entry per visit.

Planted: people who come without a name first and sign up or log in at a later visit, people who are
known at once, some visits of known people who are logged out, and devices that two users have in
turn. No user is on devices of two parties, and nobody is known before having signed up.
"""

from dataclasses import dataclass

import numpy as np

from lakehouse.synthetic.chance import Bools, Ints, stream
from lakehouse.synthetic.population import Population
from lakehouse.synthetic.web.visitors import PAIR, PERSON, SHARED, Parties, Visiting

NOBODY = -1
_NEVER_SHARE, _SIGN_UP_SHARE = 0.5, 0.4
_AT_ONCE_SHARE = 0.3
_LOGGED_OUT_SHARE = 0.1
_MOST_OF_USERS = 0.7  # the others never come to the website
_TWO = 2


@dataclass(frozen=True, kw_only=True)
class Known:
    """The user of each visit, NOBODY where none is told, and how the visit tells it.

    A visit that signs up or logs in tells it from that moment on, others from their first event:
    who is known at the first visit was logged in before.
    """

    user: Ints
    signs_up: Bools
    logs_in: Bools


def identify(
    parties: Parties, visiting: Visiting, people: Population, seed: int, attempt: int
) -> Known:
    """Draw at which visit each party is known first, and as whom."""
    rng = stream(seed, "web identities", attempt)
    kind, ordinal = parties.kind[visiting.party], visiting.ordinal
    signs_up_at, logs_in_at = _first_known(parties, visiting, rng)
    first_at = np.maximum(signs_up_at, logs_in_at)[visiting.party]
    is_shared = kind == SHARED
    is_out = rng.random(len(ordinal)) < _LOGGED_OUT_SHARE
    seat = np.where(is_shared, ordinal % _TWO, 0)

    begins = (first_at >= 0) & (ordinal == first_at + seat) & (ordinal < first_at + _TWO)
    entries = np.flatnonzero(begins)
    users = _users(visiting.start_ms[entries], people, rng)
    user_of = np.full((len(parties), _TWO), NOBODY)
    user_of[visiting.party[entries], seat[entries]] = users

    user = user_of[visiting.party, seat]
    is_first = begins & (user != NOBODY)
    is_out &= ~begins
    user = np.where((first_at >= 0) & (ordinal >= first_at) & ~is_out, user, NOBODY)
    signs_up = is_first & (signs_up_at[visiting.party] >= 0)
    logs_in = is_first & ~signs_up & ~is_shared & (ordinal > 0)
    return Known(user=user, signs_up=signs_up, logs_in=logs_in)


def _first_known(
    parties: Parties, visiting: Visiting, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Ordinal of the visit at which a party signs up, and at which it logs in; -1 for never."""
    count = len(parties)
    visits = np.zeros(count, dtype=np.int64)
    visits[visiting.party] = visiting.of
    later = 1 + (rng.random(count) * np.maximum(visits - 1, 0)).astype(np.int64)
    fate = rng.random(count)
    is_person, is_pair = parties.kind == PERSON, parties.kind == PAIR
    comes_back = visits >= _TWO
    signs_up = is_person & comes_back & (fate >= _NEVER_SHARE)
    signs_up &= fate < _NEVER_SHARE + (1 - _NEVER_SHARE) * _SIGN_UP_SHARE
    logs_in = is_person & ~signs_up & (fate >= _NEVER_SHARE)
    at_once = logs_in & (rng.random(count) < _AT_ONCE_SHARE)
    logs_in &= at_once | comes_back
    login_at = np.where(at_once, 0, later)
    login_at = np.where(is_pair, np.minimum(1, visits - 1), login_at)
    login_at = np.where(parties.kind == SHARED, 0, login_at)
    knows = logs_in | is_pair | (parties.kind == SHARED)
    knows[0] = signs_up[0] = False  # the smallest party there is
    return np.where(signs_up, later, -1), np.where(knows, login_at, -1)


def _users(moments: Ints, people: Population, rng: np.random.Generator) -> Ints:
    """For each moment a user of its own who had signed up by then, as lately as possible."""
    most = int(len(people) * _MOST_OF_USERS)
    chosen = np.arange(len(moments))
    if len(moments) > most:
        chosen = rng.choice(len(moments), most, replace=False)
    order = chosen[np.argsort(moments[chosen], kind="stable")]
    place = np.arange(len(order))
    newest = np.searchsorted(people.signup_ms, moments[order], side="right") - 1 - place
    # Each is before the next one's: the later has the first choice.
    latest = np.minimum.accumulate(newest[::-1])[::-1] + place
    users = np.full(len(moments), NOBODY)
    users[order] = np.maximum(latest, NOBODY)
    return users
