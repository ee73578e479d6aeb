"""The landing source `user_interactions`. One row per action of a user.

Planted: an incident (one page of one version is slow for some days), versions that roll out
gradually, slower devices, and a few durations above 8 hours.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lakehouse.synthetic import text
from lakehouse.synthetic.activity import Activity, moments
from lakehouse.synthetic.chance import Ints, draw, stream
from lakehouse.synthetic.period import MS_PER_DAY, MS_PER_HOUR, Calendar
from lakehouse.synthetic.sessions import SLOT_MS
from lakehouse.synthetic.source import Chunk, Source, slices

ACTIONS = ("page_view", "VIEW", "EDIT", "COMMENT", "SHARE", "SEARCH", "EXPORT")
PAGES = (
    *("home", "dashboard", "reports", "editor", "projects", "search", "inbox", "settings"),
    *("billing", "team", "integrations", "templates", "calendar", "help", "profile", "admin"),
)
VERSIONS = ("4.0.0", "4.1.0", "4.2.0", "4.3.0", "4.4.0")
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


def incident_days(calendar: Calendar) -> tuple[int, int]:
    """First and last day of the incident."""
    first, end = (int(share * calendar.days) for share in _INCIDENT)
    return first, max(first, end - 1)


def source(activity: Activity) -> Source:
    """The landing source with its clean rows."""
    return Source(
        name="user_interactions",
        extension="csv",
        rows=activity.rows,
        chunks=_chunks(activity),
        key="interaction_id",
        date_field="timestamp",
        number_field="duration_ms",
        columns=(
            *("interaction_id", "user_id", "timestamp", "action_type", "page_id"),
            *("duration_ms", "app_version"),
        ),
    )


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """Actions of a week in order of time; columns are aligned."""

    user: Ints
    at_ms: Ints
    action: Ints
    page: Ints
    version: Ints

    @property
    def day(self) -> Ints:
        """The day of each action."""
        return self.at_ms // MS_PER_DAY


def _chunks(activity: Activity) -> Iterator[Chunk]:
    people, calendar, tally = activity.people, activity.calendar, activity.tally
    actions, pages, versions = (text.pool(names) for names in (ACTIONS, PAGES, VERSIONS))
    rng = stream(activity.seed, "interaction users")
    phase_ms = rng.integers(0, SLOT_MS, len(people))
    lag_ms = rng.exponential(_ROLLOUT_LAG_DAYS * MS_PER_DAY, len(people)).astype(np.int64)
    outliers = np.sort(
        rng.choice(activity.rows, -(-activity.rows // _ROWS_PER_OUTLIER), replace=False)
    )
    before = 0
    for week in range(calendar.weeks):
        rng = stream(activity.seed, "interactions", week)
        user, at_ms = moments(activity, week, phase_ms, rng)
        rows = _Rows(
            user=user,
            at_ms=at_ms,
            action=draw(rng, _ACTION_WEIGHTS, len(user)),
            page=draw(rng, _PAGE_WEIGHTS, len(user)),
            version=_version_at(at_ms - lag_ms[user], calendar),
        )
        low, high = np.searchsorted(outliers, [before, before + len(user)])
        duration_ms = _durations(activity, rows, outliers[low:high] - before, rng)
        _count_rows(activity, week, rows)
        for day, part in slices(rows.day, calendar.days):
            number = np.arange(before + part.start + 1, before + part.stop + 1)
            lines = text.join(
                *("i_", text.numbers(number, 9)),
                *(",", text.pick(people.ids, user[part])),
                *(",", text.timestamps(calendar, at_ms[part])),
                *(",", text.pick(actions, rows.action[part])),
                *(",", text.pick(pages, rows.page[part])),
                *(",", text.numbers(duration_ms[part])),
                *(",", text.pick(versions, rows.version[part])),
                "\n",
            )
            yield Chunk(day, lines)
        before += len(user)
    tally.outliers = len(outliers)


def _version_at(felt_ms: Ints, calendar: Calendar) -> Ints:
    """The version in use at a moment that is shifted back by the user's own lag."""
    released = [int(share * calendar.days) * MS_PER_DAY for share in _ROLLOUTS]
    return np.searchsorted(released, felt_ms, side="right").astype(np.int64)


def _count_rows(activity: Activity, week: int, rows: _Rows) -> None:
    calendar, tally = activity.calendar, activity.tally
    tally.hot_rows += int((rows.user == activity.hot_user).sum())
    tally.rows_without_metadata += int(activity.profiles.missing[rows.user].sum())
    first = max(calendar.monday_of(week), 0)
    end = min(calendar.monday_of(week + 1), calendar.days)
    edges = np.searchsorted(rows.day, np.arange(first, end + 1))
    tally.daily_users += [len(np.unique(rows.user[a:b])) for a, b in pairwise(edges)]


def _durations(activity: Activity, rows: _Rows, outliers: Ints, rng: np.random.Generator) -> Ints:
    """Log-normal durations with the effects of action, device and incident, and the outliers."""
    device = activity.profiles.device_of(rows.user, rows.at_ms)
    factor = np.array(DEVICE_FACTORS)[device] * _ACTION_MEDIANS_MS[rows.action]
    first, last = incident_days(activity.calendar)
    is_slow = activity.has_incident & (rows.day >= first) & (rows.day <= last)
    is_slow &= rows.page == PAGES.index(INCIDENT_PAGE)
    is_slow &= rows.version == VERSIONS.index(INCIDENT_VERSION)
    activity.tally.incident_rows += int(is_slow.sum())
    factor[is_slow] *= INCIDENT_FACTOR
    duration = factor * rng.lognormal(0, _DURATION_SIGMA, len(factor))
    whole: Ints = np.clip(duration, 1, _LONGEST_MS).astype(np.int64)
    whole[outliers] = OUTLIER_MS + rng.integers(1, 4 * MS_PER_HOUR, len(outliers))
    return whole
