"""The landing source `user_interactions`. One row per action of a user.

Planted: a weekly retention curve, one user who owns 5 % of all rows, an incident (one page of one
version is slow for some days), versions that roll out gradually, slower devices, and a few
durations above 8 hours.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from lakehouse.synthetic import text
from lakehouse.synthetic.chance import Bools, Floats, Ints, draw, split, stream
from lakehouse.synthetic.period import (
    DAYS_PER_WEEK,
    MS_PER_DAY,
    MS_PER_HOUR,
    WEEKDAY_WEIGHTS,
    Calendar,
)
from lakehouse.synthetic.population import Population
from lakehouse.synthetic.profiles import Profiles
from lakehouse.synthetic.sessions import SLOT_MS, Actions, Visitors, plan_week
from lakehouse.synthetic.source import Chunk, Source, slices

ACTIONS = ("page_view", "VIEW", "EDIT", "COMMENT", "SHARE", "SEARCH", "EXPORT")
PAGES = (
    *("home", "dashboard", "reports", "editor", "projects", "search", "inbox", "settings"),
    *("billing", "team", "integrations", "templates", "calendar", "help", "profile", "admin"),
)
VERSIONS = ("4.0.0", "4.1.0", "4.2.0", "4.3.0", "4.4.0")
HOT_SHARE = 0.05
DEVICE_FACTORS = (1.0, 1.35, 1.15)
INCIDENT_PAGE, INCIDENT_VERSION, INCIDENT_FACTOR = "reports", "4.3.0", 6.0
OUTLIER_MS = 8 * MS_PER_HOUR

_ACTION_WEIGHTS = (0.34, 0.26, 0.16, 0.08, 0.06, 0.06, 0.04)
_ACTION_MEDIANS_MS = np.array([900, 1_100, 1_600, 1_300, 700, 1_000, 3_200])
_PAGE_WEIGHTS = 1 / np.arange(1, len(PAGES) + 1) ** 0.8
_DURATION_SIGMA = 0.75
_LONGEST_MS = 2 * MS_PER_HOUR  # of everything that is not a planted outlier
_ROLLOUTS = (0.15, 0.35, 0.55, 0.80)
_ROLLOUT_LAG_DAYS = 3
_INCIDENT = (0.64, 0.70)
_ROWS_PER_OUTLIER = 20_000
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


@dataclass(kw_only=True)
class Activity:
    """Who is active in which week, and everything that shapes the rows.

    ``active`` has one row per user and one column per week; ``hot_rows`` and ``other_rows`` are per week.
    """

    people: Population
    profiles: Profiles
    calendar: Calendar
    seed: int
    active: Bools
    hot_user: int
    hot_rows: Ints
    other_rows: Ints
    tally: Tally

    @property
    def incident_days(self) -> tuple[int, int]:
        """First and last day of the incident."""
        first, last = (int(share * self.calendar.days) for share in _INCIDENT)
        return first, max(first, last - 1)


def hot_user_of(people: Population) -> int:
    """The user who owns 5 % of the rows: an early one."""
    return len(people) // 200


def plan(
    people: Population, profiles: Profiles, calendar: Calendar, *, rows: int, seed: int
) -> Activity:
    """Draw who is active in which week and how many rows each week has."""
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
        calendar=calendar,
        seed=seed,
        active=active,
        hot_user=hot_user,
        hot_rows=hot_rows,
        other_rows=others,
        tally=Tally(),
    )


def _open_share(calendar: Calendar) -> Floats:
    """The share of each calendar week, by the rhythm of the week, that lies in the period."""
    week = calendar.week_of(np.arange(calendar.days))
    inside = np.bincount(week, calendar.weekday_weights, minlength=calendar.weeks)
    return inside / sum(WEEKDAY_WEIGHTS)


def source(activity: Activity) -> Source:
    """The landing source with its clean rows."""
    return Source(
        name="user_interactions",
        extension="csv",
        rows=int(activity.hot_rows.sum() + activity.other_rows.sum()),
        chunks=_chunks(activity),
        key="interaction_id",
        date_field="timestamp",
        number_field="duration_ms",
        columns=(
            *("interaction_id", "user_id", "timestamp", "action_type", "page_id"),
            *("duration_ms", "app_version"),
        ),
    )


def _chunks(activity: Activity) -> Iterator[Chunk]:
    calendar, tally = activity.calendar, activity.tally
    rows = int(activity.hot_rows.sum() + activity.other_rows.sum())
    rng = stream(activity.seed, "interaction users")
    users = len(activity.people)
    phase_ms = rng.integers(0, SLOT_MS, users)
    lag_ms = rng.exponential(_ROLLOUT_LAG_DAYS * MS_PER_DAY, users).astype(np.int64)
    outliers = np.sort(rng.choice(rows, -(-rows // _ROWS_PER_OUTLIER), replace=False))
    tally.outliers = len(outliers)
    before = 0
    for week in range(calendar.weeks):
        rng = stream(activity.seed, "interactions", week)
        user, at_ms = _week(activity, week, phase_ms, rng)
        low, high = np.searchsorted(outliers, [before, before + len(user)])
        version = _version_at(at_ms - lag_ms[user], calendar)
        page = draw(rng, _PAGE_WEIGHTS, len(user))
        action = draw(rng, _ACTION_WEIGHTS, len(user))
        duration_ms = _durations(activity, rng, user, at_ms, action, page, version)
        late_hours = rng.integers(0, 4 * MS_PER_HOUR, high - low)
        duration_ms[outliers[low:high] - before] = OUTLIER_MS + 1 + late_hours
        tally.hot_rows += int((user == activity.hot_user).sum())
        tally.rows_without_metadata += int(activity.profiles.missing[user].sum())
        day = at_ms // MS_PER_DAY
        edges = np.searchsorted(day, np.arange(_first(calendar, week), _end(calendar, week) + 1))
        for begin, end in zip(edges[:-1], edges[1:], strict=True):
            tally.daily_users.append(len(np.unique(user[begin:end])))
        for today, part in slices(day, calendar.days):
            number = np.arange(before + part.start + 1, before + part.stop + 1)
            lines = text.join(
                *("i_", text.numbers(number, 9)),
                *(",", text.pick(activity.people.ids, user[part])),
                *(",", text.timestamps(calendar, at_ms[part])),
                *(",", text.pick(text.pool(ACTIONS), action[part])),
                *(",", text.pick(text.pool(PAGES), page[part])),
                *(",", text.numbers(duration_ms[part])),
                *(",", text.pick(text.pool(VERSIONS), version[part])),
                "\n",
            )
            yield Chunk(today, lines)
        before += len(user)


def _first(calendar: Calendar, week: int) -> int:
    return max(calendar.monday_of(week), 0)


def _end(calendar: Calendar, week: int) -> int:
    return min(calendar.monday_of(week + 1), calendar.days)


def _week(
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
    moments = np.concatenate(at_ms)
    order = np.argsort(moments, kind="stable")
    return np.concatenate(user)[order], moments[order]


def _count_sessions(tally: Tally, actions: Actions) -> None:
    last = np.cumsum(actions.actions_per_session) - 1
    first = last - actions.actions_per_session + 1
    day = actions.at_ms // MS_PER_DAY
    tally.sessions += len(last)
    tally.bounces += int((actions.actions_per_session == 1).sum())
    tally.sessions_across_midnight += int((day[first] != day[last]).sum())


def _version_at(felt_ms: Ints, calendar: Calendar) -> Ints:
    """The version in use at a moment that is shifted back by the user's own lag."""
    released = [int(share * calendar.days) * MS_PER_DAY for share in _ROLLOUTS]
    return np.searchsorted(released, felt_ms, side="right").astype(np.int64)


def _durations(
    activity: Activity,
    rng: np.random.Generator,
    user: Ints,
    at_ms: Ints,
    action: Ints,
    page: Ints,
    version: Ints,
) -> Ints:
    """Log-normal durations with the effects of action, device and incident."""
    device = activity.profiles.device_of(user, at_ms)
    factor = np.array(DEVICE_FACTORS)[device] * _ACTION_MEDIANS_MS[action]
    first, last = activity.incident_days
    day = at_ms // MS_PER_DAY
    is_slow = (day >= first) & (day <= last) & (page == PAGES.index(INCIDENT_PAGE))
    is_slow &= version == VERSIONS.index(INCIDENT_VERSION)
    activity.tally.incident_rows += int(is_slow.sum())
    factor[is_slow] *= INCIDENT_FACTOR
    duration = factor * rng.lognormal(0, _DURATION_SIGMA, len(user))
    return np.clip(duration, 1, _LONGEST_MS).astype(np.int64)
