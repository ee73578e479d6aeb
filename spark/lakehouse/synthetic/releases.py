"""The release history of the features. One entry per release; one per validity interval.

Planted: several versions, a rename, a feature switched off for a while, one deleted and added
again, two releases on one day, a release that repeats the one before, and one that is delivered
long after its date and belongs in the middle of history.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lakehouse.synthetic.chance import Bools
from lakehouse.synthetic.features import FEATURE_IDS, FEATURES

FAR_FUTURE = "9999-12-31"


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


@dataclass(frozen=True)
class _Planned:
    """A release of the story: ``ago`` days before the period or ``at`` a share of its length."""

    feature_id: str
    feature_name: str
    version: str
    ago: int = 0
    at: float = 0.0
    arrives: float | None = None
    enabled: bool | None = None
    deleted: bool | None = None

    def release(self, days: int) -> Release:
        day = -self.ago if self.ago else int(self.at * days)
        return Release(
            feature_id=self.feature_id,
            feature_name=self.feature_name,
            day=day,
            version=self.version,
            is_enabled=self.enabled,
            is_deleted=self.deleted,
            delivered_day=max(day, 0) if self.arrives is None else int(self.arrives * days),
        )


_STORY = (
    _Planned("dashboards", "Dashboards", "1.0.0", ago=240),
    _Planned("real_time_collab", "Real-time collaboration", "1.0.0", ago=60),
    _Planned("dark_mode", "Dark mode", "1.0.0", ago=90),
    _Planned("api_access", "API access", "1.0.0", ago=120, enabled=True),
    _Planned("export_to_pdf", "Export to PDF", "1.0.0", ago=150),
    _Planned("slack_integration", "Slack integration", "1.0.0", ago=100, deleted=False),
    _Planned("dashboards", "Dashboards", "1.10.0", at=0.15),
    _Planned("real_time_collab", "Real-time collaboration", "1.1.0", at=0.20, arrives=0.60),
    _Planned("dark_mode", "Dark mode", "1.0.0", at=0.25),
    _Planned("slack_integration", "Slack integration", "1.0.1", at=0.30, deleted=True),
    _Planned("ai_assistant", "AI assistant", "0.9.0", at=0.35),
    _Planned("ai_assistant", "AI assistant", "0.10.0", at=0.35),
    _Planned("export_to_pdf", "Export to PDF", "1.0.1", at=0.40, enabled=False),
    _Planned("real_time_collab", "Real-time collaboration", "2.0.0", at=0.45),
    _Planned("api_access", "Public API", "1.1.0", at=0.50),
    _Planned("export_to_pdf", "Export to PDF", "1.0.2", at=0.55),
    _Planned("slack_integration", "Slack integration", "1.1.0", at=0.60),
    _Planned("dashboards", "Dashboards", "2.0.0", at=0.70),
)


@dataclass(frozen=True, kw_only=True)
class Roadmap:
    """The releases in order of delivery, the intervals they amount to, and what is usable when.

    ``usable`` has one row per feature and one column per day of the period.
    """

    releases: list[Release]
    states: list[State]
    usable: Bools

    def first_release_day(self, feature_id: str) -> int:
        """The day a feature was first released."""
        return min(row.day for row in self.releases if row.feature_id == feature_id)

    def names_on(self, day: int) -> list[str]:
        """The name each feature bears on a day; its id where it does not exist."""
        names = {state.feature_id: state.feature_name for state in self.states if state.covers(day)}
        return [names.get(feature_id, feature_id) for feature_id in FEATURE_IDS]


def roadmap(days: int) -> Roadmap:
    """The story laid out over a period of so many days."""
    # In a period of a few days a repeated release may fall on the very day it repeats.
    rows = dict.fromkeys(planned.release(days) for planned in _STORY)
    history = sorted(rows, key=lambda row: row.delivered_day)
    intervals = states(history)
    return Roadmap(releases=history, states=intervals, usable=_usable(intervals, days))


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


def _usable(intervals: Iterable[State], days: int) -> Bools:
    """Whether a feature exists and is enabled: one row per feature, one column per day."""
    table = np.zeros((len(FEATURES), days), dtype=np.bool_)
    for state in intervals:
        if state.is_enabled:
            row = table[FEATURE_IDS.index(state.feature_id)]
            row[max(state.from_day, 0) : state.to_day] = True
    return table
