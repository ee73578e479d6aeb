"""What the definition of an unusual day says, in plain Python.

Written from the docstrings of `transforms.anomalies` and of the marts, not from their code; it
shares nothing with the package.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from typing import Any

Row = dict[str, Any]
Days = Mapping[date, float]
Judged = tuple[float, float]
"""What was expected of a day, and its z-score."""

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Kind:
    """Counts follow a trend and vary by their root; measures have neither, and are relative."""

    is_count: bool

    def place(self, value: float) -> float:
        return 2 * math.sqrt(value + 0.375) if self.is_count else math.log1p(value)

    def value_at(self, place: float) -> float:
        return max(place * place / 4 - 0.375, 0.0) if self.is_count else math.expm1(place)

    def least_spread(self, place: float) -> float:
        """Two in a hundred of what is expected."""
        return place * 0.01 if self.is_count else 0.02


COUNT, MEASURE = Kind(is_count=True), Kind(is_count=False)


def judge(
    days: Days,
    day: date,
    kind: Kind,
    noise: Callable[[float], float],
    *,
    past: Days | None = None,
) -> Judged | None:
    """What a day is against the 56 days before it; None where they do not tell.

    Args:
        days: Values of the series.
        day: The day to judge.
        kind: What its values are.
        noise: Place expected → standard error that a usual day has of itself.
        past: Days to compare with; by default the series' own.
    """
    before = {
        each: kind.place(value)
        for each, value in (days if past is None else past).items()
        if DAY <= day - each <= 56 * DAY
    }
    same = sum(each.weekday() == day.weekday() for each in before)
    if len(before) < 14 or same < 3:
        return None
    effects = {}
    for weekday in {each.weekday() for each in before}:
        values = [y for each, y in before.items() if each.weekday() == weekday]
        if len(values) >= 3:
            effects[weekday] = median(values) - median(before.values())
    adjusted = {(day - e).days: y - effects.get(e.weekday(), 0.0) for e, y in before.items()}
    if kind.is_count:
        adjusted = carried_on(adjusted)
    level = median(adjusted.values())
    usual = level + effects.get(day.weekday(), 0.0)
    free = len(before) - len(effects) - kind.is_count
    of_days = 1.4826 * median(abs(y - level) for y in adjusted.values())
    of_days *= math.sqrt(len(before) / free) * (1 + 14 / free)
    doubt = math.pi / 2 / same + (2 * math.pi / len(before) if kind.is_count else 0)
    spread = max(of_days, noise(usual), kind.least_spread(usual)) * math.sqrt(1 + doubt)
    return kind.value_at(usual), (kind.place(days[day]) - usual) / spread


def carried_on(by_age: Mapping[int, float]) -> dict[int, float]:
    """Every day moved to where the step from the older half to the newer one leads."""
    middle = (min(by_age) + max(by_age)) / 2
    newer = median(y for age, y in by_age.items() if age < middle)
    older = median(y for age, y in by_age.items() if age >= middle)
    step = (newer - older) / ((max(by_age) - min(by_age) + 1) / 2)
    return {age: y + step * age for age, y in by_age.items()}


def severity(z_score: float, worse: str) -> str | None:
    """How bad it is; a day that is unusual for the better is medium."""
    bad = {"above": z_score, "below": -z_score, "either": abs(z_score)}[worse]
    for name, least in (("critical", 4.0), ("high", 3.5)):
        if bad >= least:
            return name
    return "medium" if abs(z_score) >= 3 else None


def finding(row: Row, judged: Judged | None, worse: str) -> list[Row]:
    """The row with what is said of it, if anything is."""
    if judged is None:
        return []
    expected, z_score = round(judged[0], 3), round(judged[1], 9)
    if (named := severity(z_score, worse)) is None:
        return []
    return [{**row, "baseline": expected, "z_score": z_score, "severity": named}]


def unusual_counts(
    counts: Iterable[tuple[date, tuple[Any, ...], int]],
    *,
    until: date,
    least: Callable[[tuple[Any, ...]], int],
    worse: str,
) -> list[Row]:
    """Findings of counts: from its first day on a series counts 0 on days without a row.

    Args:
        counts: Day; metric name, dimension name and value; count.
        until: First day that is not over.
        least: Series → expected count from which on anything is said.
        worse: Whether above, below or either is worse.
    """
    series: dict[tuple[Any, ...], dict[date, int]] = defaultdict(dict)
    for day, name, value in counts:
        if day < until:
            series[name][day] = value
    found = []
    for (metric, dimension, group), told in series.items():
        first = min(told)
        every = [first + n * DAY for n in range((until - first).days)]
        days = {day: float(told.get(day, 0)) for day in every}
        for day in every:
            judged = judge(days, day, COUNT, lambda _: 1.0)
            if judged and round(judged[0], 3) >= least((metric, dimension, group)):
                row = {
                    "metric_date": day,
                    "metric_name": metric,
                    "dimension_name": dimension,
                    "dimension_value": group,
                    "value": days[day],
                }
                found += finding(row, judged, worse)
    return found


def unusual_bounces(rows: Iterable[Row], *, until: date) -> list[Row]:
    """Findings of the bounce rate, from rows of `gold.bounce_rates`: days of 30 sessions count."""
    series: dict[tuple[Any, ...], dict[date, Row]] = defaultdict(dict)
    for row in rows:
        if row["metric_date"] < until and row["total_sessions"] >= 30:
            series[row["dimension_name"], row["dimension_value"]][row["metric_date"]] = row
    found = []
    for (dimension, group), told in series.items():
        days = {day: row["bounce_rate"] for day, row in told.items()}
        for day, row in told.items():

            def noise(place: float, n: int = row["total_sessions"]) -> float:
                share = (math.expm1(place) * n + 1) / (n + 2)
                return math.sqrt(share * (1 - share) / n) / (share + 1)

            said = {
                "metric_date": day,
                "metric_name": "bounce_rate",
                "dimension_name": dimension,
                "dimension_value": group,
                "value": days[day],
            }
            found += finding(said, judge(days, day, MEASURE, noise), "above")
    return found


def unusual_speeds(rows: Iterable[Row]) -> list[Row]:
    """Findings of load times, from rows of `gold.performance_metrics`.

    Of everything and of one part each; days of 30 actions count. A version whose own days do not
    tell is compared with those of everything.
    """
    parts = ("page_id", "app_version", "device_type")
    series: dict[tuple[Any, ...], dict[date, Row]] = defaultdict(dict)
    for row in rows:
        named = [part for part in parts if row[part] is not None]
        if len(named) <= 1 and row["n"] >= 30:
            key = (named[0], row[named[0]]) if named else (None, None)
            series[key][row["metric_date"]] = row
    of_all = {day: row["p95_ms"] for day, row in series[None, None].items()}
    found = []
    for (name, value), told in series.items():
        days = {day: row["p95_ms"] for day, row in told.items()}
        for day, row in told.items():
            spread = math.log1p(row["p95_ms"]) - math.log1p(row["p50_ms"])
            noise = 1.2847 * spread / math.sqrt(row["n"])
            judged = judge(days, day, MEASURE, lambda _, noise=noise: noise)
            if judged is None and name == "app_version":
                judged = judge(days, day, MEASURE, lambda _, noise=noise: noise, past=of_all)
            said = {
                "metric_date": day,
                "series_name": name,
                "series_value": value,
                "n": row["n"],
                "value": days[day],
            }
            found += finding(said, judged, "above")
    return found
