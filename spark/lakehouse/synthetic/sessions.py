"""When people use the product within one calendar week. One entry per session; per action.

Each user's time is cut into slots of two hours with a phase of the user's own, a slot holds at
most one session and a session at most 5399 s. So the gap to the next session is always above
1800 s and gaps inside one never are: what is planned is what any correct sessioniser finds.
"""

from dataclasses import dataclass

import numpy as np

from lakehouse.synthetic.chance import Bools, Floats, Ints, draw, split
from lakehouse.synthetic.period import MS_PER_DAY, moments_of_day

SESSION_GAP_S = 1_800
BOUNCE_SHARE = 0.28

SLOT_MS = 7_200_000
LONGEST_MS = SLOT_MS - SESSION_GAP_S * 1000 - 1000
_SLOTS = 7 * MS_PER_DAY // SLOT_MS
_LONGEST_GAP_MS = 1_500_000
_MEDIAN_GAP_MS = 40_000
_GAP_SIGMA = 1.1
_DEPTH_SHAPE = 0.7  # below 1: most sessions are short, a few very deep
# A session ends this long before the week does, so that the next week's first is another one.
_REST_MS = LONGEST_MS + SESSION_GAP_S * 1000 + 1000


@dataclass(frozen=True, kw_only=True)
class Visitors:
    """Who is active in a week; moments count from the Monday of the week.

    ``joins_on`` is the day of the week (0 is Monday) on which a user joins, -1 for older ones.
    """

    user: Ints
    weight: Floats
    phase_ms: Ints
    joins_on: Ints


@dataclass(frozen=True, kw_only=True)
class Actions:
    """Actions of a week, session by session; ``at_ms`` counts from the Monday of the week."""

    user: Ints
    at_ms: Ints
    session: Ints
    actions_per_session: Ints


def plan_week(
    rng: np.random.Generator,
    visitors: Visitors,
    day_weights: Floats,
    *,
    rows: int,
    sessions: int,
) -> Actions:
    """Spread ``rows`` actions over about ``sessions`` sessions, at least one per visitor.

    ``day_weights`` has seven entries, 0 for days outside the period. There must be at least two
    rows per session, or exactly one visitor.
    """
    who, slot = _occupied_slots(rng, visitors, day_weights, sessions)
    size = _sizes(rng, len(who), rows)
    session = np.repeat(np.arange(len(who)), size)
    offset, span = _offsets(rng, session, size)
    room = LONGEST_MS - span
    start = visitors.phase_ms[who] + slot * SLOT_MS + (rng.random(len(who)) * room).astype(np.int64)
    return Actions(
        user=visitors.user[who][session],
        at_ms=start[session] + offset,
        session=session,
        actions_per_session=size,
    )


def _occupied_slots(
    rng: np.random.Generator, visitors: Visitors, day_weights: Floats, sessions: int
) -> tuple[Ints, Ints]:
    """Distinct (visitor, slot) pairs; a first visit lies on the day of joining."""
    visitor_count = len(visitors.user)
    extra = draw(rng, visitors.weight, max(0, sessions - visitor_count))
    who = np.concatenate([np.arange(visitor_count), extra])
    is_first = np.zeros(len(who), dtype=np.bool_)
    is_first[:visitor_count] = visitors.joins_on >= 0
    day = np.where(is_first, visitors.joins_on[who], draw(rng, day_weights, len(who)))
    wanted = day * MS_PER_DAY + moments_of_day(rng, len(who))

    open_days = np.flatnonzero(day_weights)
    phase = visitors.phase_ms[who]
    earliest = np.maximum(visitors.joins_on[who], open_days[0]) * MS_PER_DAY
    latest = np.where(is_first, day, open_days[-1]) * MS_PER_DAY + MS_PER_DAY - _REST_MS
    lowest = -((phase - earliest) // SLOT_MS)
    highest = (latest - phase) // SLOT_MS
    slot = np.clip((wanted - phase) // SLOT_MS, lowest, highest)
    taken = np.unique(who * _SLOTS + slot)
    return taken // _SLOTS, taken % _SLOTS


def _sizes(rng: np.random.Generator, sessions: int, rows: int) -> Ints:
    """Actions per session, adding up to ``rows``; bounces have exactly one."""
    if rows == sessions:
        return np.ones(sessions, dtype=np.int64)
    is_bounce: Bools = rng.random(sessions) < BOUNCE_SHARE
    if is_bounce.all():
        is_bounce[0] = False
    depth = np.where(is_bounce, 0.0, rng.gamma(_DEPTH_SHAPE, 1, sessions))
    if depth.sum() == 0:
        depth[~is_bounce] = 1.0
    spare = rows - sessions - int((~is_bounce).sum())
    return 1 + ~is_bounce + split(rng, spare, depth)


def _offsets(rng: np.random.Generator, session: Ints, size: Ints) -> tuple[Ints, Ints]:
    """Milliseconds since the session's first action, and each session's whole span."""
    gap = rng.lognormal(np.log(_MEDIAN_GAP_MS), _GAP_SIGMA, len(session))
    passed = np.cumsum(np.minimum(gap, _LONGEST_GAP_MS))
    last = np.cumsum(size) - 1
    first = last - size + 1
    offset = passed - passed[first][session]
    squeeze = np.minimum(1, LONGEST_MS / np.maximum(offset[last], 1))
    whole = (offset * squeeze[session]).astype(np.int64)
    return whole, whole[last]
