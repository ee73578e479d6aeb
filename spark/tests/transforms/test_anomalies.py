"""Unusual days against a model in plain Python, and against what a person would say."""

from __future__ import annotations

import math
import random
from datetime import date, timedelta
from statistics import median

import pytest

from lakehouse.transforms.anomalies import Baseline, against_days_before, severity

pytestmark = [pytest.mark.spark, pytest.mark.laws]
FIRST = date(2026, 1, 1)
BASELINE = Baseline(window_days=56, min_days=14, min_same_weekdays=3, min_spread=0.02)
NOISE = {"gaps": 0.5}  # a standard error larger than the spread of its days
SEVERITIES = (("critical", 4.0), ("high", 3.5), ("medium", 3.0))


def model(days: dict[date, float], day: date, noise: float) -> tuple[float, float] | None:
    """(expected, z-score) of a day, from the definition."""
    past = {
        each: math.log1p(value)
        for each, value in days.items()
        if timedelta(1) <= day - each <= timedelta(56)
    }
    if len(past) < 14 or sum(each.weekday() == day.weekday() for each in past) < 3:
        return None

    def effect(weekday: int) -> float:
        same = [y for each, y in past.items() if each.weekday() == weekday]
        return median(same) - median(past.values()) if len(same) >= 3 else 0.0

    adjusted = [y - effect(each.weekday()) for each, y in past.items()]
    level = median(adjusted)
    spread = max(1.4826 * median(abs(y - level) for y in adjusted), noise, 0.02)
    usual = level + effect(day.weekday())
    return math.expm1(usual), (math.log1p(days[day]) - usual) / spread


def judge(spark, series):
    rows = [
        (name, day, float(value), NOISE.get(name, 0.0))
        for name, days in series.items()
        for day, value in days.items()
    ]
    points = spark.createDataFrame(
        rows, "name string, metric_date date, value double, noise double"
    )
    judged = against_days_before(points, series=("name",), baseline=BASELINE)
    found = judged.withColumn("s", severity("z_score", SEVERITIES))
    return {(row["name"], row["metric_date"]): row for row in found.collect()}


def test_every_day_is_compared_with_the_days_before_it_and_its_weekday(spark):
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed={seed}")  # noqa: T201  # repeats a failure
    chance = random.Random(seed)
    series = {
        name: {
            FIRST + timedelta(n): 800
            * (1.5 if n % 7 in {2, 3} else 1)
            * chance.lognormvariate(0, 0.1)
            for n in range(75)
            if chance.random() < share
        }
        for name, share in (("dense", 1.0), ("gaps", 0.5), ("rare", 0.1))
    } | {None: {FIRST + timedelta(n): 5.0 for n in range(20)}}
    found = judge(spark, series)
    expected = {
        (name, day): known
        for name, days in series.items()
        for day in days
        if (known := model(days, day, NOISE.get(name, 0.0)))
    }
    assert found.keys() == expected.keys(), seed
    for key, (usual, z_score) in expected.items():
        assert found[key]["expected"] == pytest.approx(usual), (key, seed)
        assert found[key]["z_score"] == pytest.approx(z_score, abs=1e-9), (key, seed)


def test_a_slow_day_is_found_and_a_slow_weekday_is_not(spark):
    calm = {FIRST + timedelta(n): 1000 + n % 3 + 500 * (n % 7 == 4) for n in range(60)}
    spike = calm | {FIRST + timedelta(58): 1600.0}
    found = judge(spark, {"calm": calm, "spike": spike})
    unusual = {key: row["s"] for key, row in found.items() if row["s"]}
    assert unusual == {("spike", FIRST + timedelta(58)): "critical"}


@pytest.mark.parametrize(
    ("z_score", "named"),
    [(2.99, None), (3.0, "medium"), (-3.49, "medium"), (3.5, "high"), (-4.0, "critical")],
)
def test_severity_follows_the_thresholds(spark, z_score, named):
    row = spark.createDataFrame([(z_score,)], "z double").select(severity("z", SEVERITIES)).first()
    assert row[0] == named
