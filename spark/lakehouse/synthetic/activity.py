"""Who uses the product in which week, and how much. One entry per user and week.

Planted: a weekly retention curve, and one user who owns 5 % of all rows.
"""

from dataclasses import dataclass, field

import numpy as np

from lakehouse.synthetic.chance import Bools, Floats, Ints, split, stream
from lakehouse.synthetic.period import DAYS_PER_WEEK, MS_PER_DAY, WEEKDAY_WEIGHTS, Calendar
from lakehouse.synthetic.population import Population
from lakehouse.synthetic.profiles import Profiles
from lakehouse.synthetic.sessions import Actions, Visitors, plan_week

HOT_SHARE = 0.05

_ROWS_PER_SESSION = 6
_ROWS_PER_ACTIVE_WEEK = 4
_HOT_SESSIONS, _HOT_ROWS_PER_SESSION = 40, 20


def retention(weeks: int) -> Floats:
    """The planted chance to be active in week 0, 1, … after the week of joining, if it is whole."""
    curve: Floats = 0.18 + 0.42 * np.exp(-np.arange(weeks) / 3)
    curve[0] = 1.0
    return curve


@dataclass(kw_only=True)
class Tally:
    """What actually came out, counted while it is rendered."""

    hot_rows: int = 0
    incident_rows: int = 0
    outliers: int = 0
    rows_without_metadata: int = 0
    sessions: int = 0
    bounces: int = 0
    sessions_across_midnight: int = 0
    daily_users: list[int] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Activity:
    """Who is active in which week, and with how many rows.

    ``active`` has one row per user and one column per week, as ``hot_rows`` and ``other_rows``
    have one entry; ``has_incident`` plants that of ``user_interactions``.
    """

    people: Population
    profiles: Profiles
    seed: int
    active: Bools
    hot_user: int
    hot_rows: Ints
    other_rows: Ints
    has_incident: bool
    tally: Tally

    @property
    def calendar(self) -> Calendar:
        """The period."""
        return self.people.calendar

    @property
    def rows(self) -> int:
        """Rows of all weeks."""
        return int(self.hot_rows.sum() + self.other_rows.sum())


def hot_user_of(people: Population) -> int:
    """The user who owns 5 % of the rows: an early one."""
    return len(people) // 200


def plan(
    people: Population, profiles: Profiles, *, rows: int, seed: int, incident: bool = True
) -> Activity:
    """Draw who is active in which week and how many rows each week has."""
    calendar = people.calendar
    rng = stream(seed, "activity")
    hot_user = hot_user_of(people)
    joined = calendar.week_of(people.signup_day)
    age = np.arange(calendar.weeks) - joined[:, None]
    whole_week = np.where(age >= 0, retention(calendar.weeks)[np.maximum(age, 0)], 0)
    # Whoever would come back within a week comes back within two days of it less often.
    open_share = _open_share(calendar)
    chance = np.where(age > 0, 1 - (1 - whole_week) ** open_share, whole_week)
    active = rng.random(chance.shape) < chance
    active[hot_user] = False
    # Few rows cannot carry many users: then only some of the users turn up at all.
    some = rng.permutation(len(people))
    needed = np.cumsum(active[some].sum(axis=1)) * _ROWS_PER_ACTIVE_WEEK
    hot_total = round(rows * HOT_SHARE)
    active[some[needed > rows - hot_total]] = False
    if not active.any():
        hot_total = rows

    turns_up = active.any(axis=1)
    demand = np.where(age > 0, whole_week * open_share, whole_week)[turns_up]
    weights = np.where(active.any(axis=0), people.activity[turns_up] @ demand, 0)
    others = 2 * active.sum(axis=0)
    others = others + split(rng, rows - hot_total - int(others.sum()), weights)
    hot_weeks = np.where(np.arange(calendar.weeks) >= joined[hot_user], open_share, 0)
    hot_edges = np.round(hot_total * np.cumsum(hot_weeks) / hot_weeks.sum()).astype(np.int64)
    hot_rows = np.diff(hot_edges, prepend=0)
    active[hot_user] = hot_rows > 0
    return Activity(
        people=people,
        profiles=profiles,
        seed=seed,
        active=active,
        hot_user=hot_user,
        hot_rows=hot_rows,
        other_rows=others,
        has_incident=incident,
        tally=Tally(),
    )


def _open_share(calendar: Calendar) -> Floats:
    """The share of each calendar week, by the rhythm of the week, that lies in the period."""
    week = calendar.week_of(np.arange(calendar.days))
    inside = np.bincount(week, calendar.weekday_weights, minlength=calendar.weeks)
    return inside / sum(WEEKDAY_WEIGHTS)


def moments(
    activity: Activity, week: int, phase_ms: Ints, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Users and moments of all actions of a week, in order of time."""
    calendar = activity.calendar
    monday = calendar.monday_of(week)
    days = np.arange(DAYS_PER_WEEK) + monday
    day_weights = np.where((days >= 0) & (days < calendar.days), WEEKDAY_WEIGHTS, 0.0)
    hot = np.array([activity.hot_user])
    others = np.setdiff1d(np.flatnonzero(activity.active[:, week]), hot)
    hot_rows, other_rows = int(activity.hot_rows[week]), int(activity.other_rows[week])
    hot_sessions = min(_HOT_SESSIONS, hot_rows // _HOT_ROWS_PER_SESSION)
    user: list[Ints] = []
    at_ms: list[Ints] = []
    for users, rows, sessions in (
        (others, other_rows, other_rows // _ROWS_PER_SESSION),
        (hot, hot_rows, hot_sessions),
    ):
        if rows == 0:
            continue
        visitors = Visitors(
            user=users,
            weight=activity.people.activity[users],
            phase_ms=phase_ms[users],
            joins_on=np.maximum(activity.people.signup_day[users] - monday, -1),
        )
        actions = plan_week(rng, visitors, day_weights, rows=rows, sessions=sessions)
        _count_sessions(activity.tally, actions)
        user.append(actions.user)
        at_ms.append(actions.at_ms + monday * MS_PER_DAY)
    if not user:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    unordered = np.concatenate(at_ms)
    order = np.argsort(unordered, kind="stable")
    return np.concatenate(user)[order], unordered[order]


def _count_sessions(tally: Tally, actions: Actions) -> None:
    last = np.cumsum(actions.actions_per_session) - 1
    first = last - actions.actions_per_session + 1
    day = actions.at_ms // MS_PER_DAY
    tally.sessions += len(last)
    tally.bounces += int((actions.actions_per_session == 1).sum())
    tally.sessions_across_midnight += int((day[first] != day[last]).sum())
