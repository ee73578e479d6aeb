"""The features of the product and their release history. One entry per feature; per release.

Planted: several versions, a rename, a feature switched off for a while, one deleted and added
again, two releases on one day, a release that repeats the one before, and one that is delivered
long after its date and belongs in the middle of history.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lakehouse.synthetic.chance import Bools
from lakehouse.synthetic.period import Calendar

FAR_FUTURE = "9999-12-31"


@dataclass(frozen=True, kw_only=True)
class Feature:
    """A feature and what is true about it.

    ``hazard_ratio`` multiplies a user's daily rate of converting from the first use on.
    ``adoption`` is the chance to ever adopt, by activity class; ``delay_days`` the mean wait.
    """

    id: str
    hazard_ratio: float
    adoption: tuple[float, float, float]
    delay_days: float
    popularity: float
    planted: str


FEATURES = (
    Feature(
        id="dashboards",
        hazard_ratio=1.0,
        adoption=(1.0, 1.0, 1.0),
        delay_days=0,
        popularity=2.0,
        planted="everyone uses it from sign-up on: there is nobody to compare with",
    ),
    Feature(
        id="real_time_collab",
        hazard_ratio=2.5,
        adoption=(0.4, 0.4, 0.4),
        delay_days=2,  # soon or never, so that being an old user hardly means using it
        popularity=1.5,
        planted="true effect: using it raises the rate of converting after first use",
    ),
    Feature(
        id="dark_mode",
        hazard_ratio=1.0,
        adoption=(0.8, 0.8, 0.8),
        delay_days=25,
        popularity=0.7,
        planted="no effect; adoption grows with time, so early converters look like non-users "
        "and the cohort lift is biased against it",
    ),
    Feature(
        id="api_access",
        hazard_ratio=1.0,
        adoption=(0.08, 0.3, 0.75),
        delay_days=8,
        popularity=0.8,
        planted="no effect; active users adopt it and convert more anyway (confounding)",
    ),
    Feature(
        id="export_to_pdf",
        hazard_ratio=1.0,
        adoption=(0.3, 0.3, 0.3),
        delay_days=12,
        popularity=0.6,
        planted="no effect; switched off for a while",
    ),
    Feature(
        id="ai_assistant",
        hazard_ratio=1.2,
        adoption=(0.25, 0.25, 0.25),
        delay_days=7,
        popularity=1.0,
        planted="mild effect; released in the middle of the period, so early converters never "
        "had it",
    ),
    Feature(
        id="slack_integration",
        hazard_ratio=1.0,
        adoption=(0.2, 0.2, 0.2),
        delay_days=10,
        popularity=0.5,
        planted="no effect; deleted and added again",
    ),
)
FEATURE_IDS = tuple(feature.id for feature in FEATURES)


@dataclass(frozen=True, kw_only=True)
class Release:
    """One row of ``feature_releases``; None means the optional field is absent."""

    feature_id: str
    feature_name: str
    day: int
    version: str
    is_enabled: bool | None = None
    is_deleted: bool | None = None
    delivered_day: int


@dataclass(frozen=True, kw_only=True)
class State:
    """One validity interval of a feature, [from_day, to_day); to_day None is the current one."""

    feature_id: str
    feature_name: str
    version: str
    is_enabled: bool
    from_day: int
    to_day: int | None

    def covers(self, day: int) -> bool:
        """Whether the interval holds this day."""
        return self.from_day <= day and (self.to_day is None or day < self.to_day)


def releases(calendar: Calendar) -> list[Release]:
    """The release history in order of delivery; days scale with the length of the period."""
    rows: dict[Release, None] = {}

    def release(
        feature: str,
        name: str,
        version: str,
        *,
        ago: int = 0,
        at: float = 0.0,
        arrives: float | None = None,
        enabled: bool | None = None,
        deleted: bool | None = None,
    ) -> None:
        day = -ago if ago else int(at * calendar.days)
        rows[
            Release(
                feature_id=feature,
                feature_name=name,
                day=day,
                version=version,
                is_enabled=enabled,
                is_deleted=deleted,
                delivered_day=max(day, 0) if arrives is None else int(arrives * calendar.days),
            )
        ] = None  # In a period of a few days a repeated release may fall on the day it repeats.

    release("dashboards", "Dashboards", "1.0.0", ago=240)
    release("real_time_collab", "Real-time collaboration", "1.0.0", ago=60)
    release("dark_mode", "Dark mode", "1.0.0", ago=90)
    release("api_access", "API access", "1.0.0", ago=120, enabled=True)
    release("export_to_pdf", "Export to PDF", "1.0.0", ago=150)
    release("slack_integration", "Slack integration", "1.0.0", ago=100, deleted=False)
    release("dashboards", "Dashboards", "1.10.0", at=0.15)
    release("real_time_collab", "Real-time collaboration", "1.1.0", at=0.20, arrives=0.60)
    release("dark_mode", "Dark mode", "1.0.0", at=0.25)
    release("slack_integration", "Slack integration", "1.0.1", at=0.30, deleted=True)
    release("ai_assistant", "AI assistant", "0.9.0", at=0.35)
    release("ai_assistant", "AI assistant", "0.10.0", at=0.35)
    release("export_to_pdf", "Export to PDF", "1.0.1", at=0.40, enabled=False)
    release("real_time_collab", "Real-time collaboration", "2.0.0", at=0.45)
    release("api_access", "Public API", "1.1.0", at=0.50)
    release("export_to_pdf", "Export to PDF", "1.0.2", at=0.55)
    release("slack_integration", "Slack integration", "1.1.0", at=0.60)
    release("dashboards", "Dashboards", "2.0.0", at=0.70)
    return sorted(rows, key=lambda row: row.delivered_day)


def states(rows: Iterable[Release]) -> list[State]:
    """The intervals that the history amounts to, by the rules of ``silver.feature_states``."""
    winners: dict[tuple[str, int], Release] = {}
    for row in sorted(rows, key=lambda row: (row.feature_id, row.day, _version(row.version))):
        winners[row.feature_id, row.day] = row
    intervals: list[State] = []
    for feature in sorted({row.feature_id for row in winners.values()}):
        history = [row for (name, _), row in winners.items() if name == feature]
        intervals += _intervals(history)
    return intervals


def _intervals(history: Sequence[Release]) -> list[State]:
    """Intervals of one feature from its winning releases in order of their days."""
    kept: list[Release] = []
    for row in history:
        if row.is_deleted and (not kept or kept[-1].is_deleted):
            continue
        if not kept or _content(row) != _content(kept[-1]):
            kept.append(row)
    ends = [row.day for row in kept[1:]] + [None]
    return [
        State(
            feature_id=row.feature_id,
            feature_name=row.feature_name,
            version=row.version,
            is_enabled=row.is_enabled is not False,
            from_day=row.day,
            to_day=end,
        )
        for row, end in zip(kept, ends, strict=True)
        if not row.is_deleted
    ]


def _content(row: Release) -> tuple[str, str, bool, bool]:
    return row.feature_name, row.version, row.is_enabled is not False, row.is_deleted is True


def _version(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def first_release_day(feature_id: str, rows: Iterable[Release]) -> int:
    """The day a feature was first released."""
    return min(row.day for row in rows if row.feature_id == feature_id)


def usable(intervals: Sequence[State], days: int) -> Bools:
    """Whether a feature exists and is enabled: one row per feature, one column per day."""
    table = np.zeros((len(FEATURES), days), dtype=np.bool_)
    for state in intervals:
        if state.is_enabled:
            row = table[FEATURE_IDS.index(state.feature_id)]
            row[max(state.from_day, 0) : state.to_day] = True
    return table


def names_on(intervals: Sequence[State], day: int) -> list[str]:
    """The name each feature bears on a day; its id where it does not exist."""
    names = {state.feature_id: state.feature_name for state in intervals if state.covers(day)}
    return [names.get(feature_id, feature_id) for feature_id in FEATURE_IDS]
