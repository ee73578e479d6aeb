"""Unusual days against a model in plain Python, and against what a person would say."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import date, timedelta
from statistics import median

import pytest
from pyspark.sql import functions as F

from lakehouse.transforms.anomalies import (
    COUNTS,
    Baseline,
    against_days_before,
    logarithm,
    severity,
)

pytestmark = [pytest.mark.spark, pytest.mark.spark_too]
FIRST = date(2026, 1, 1)
BASELINE = Baseline(window_days=56, min_days=14, min_same_weekdays=3, min_spread=0.02)
NOISE = {"gaps": 0.5}  # a standard error larger than the spread of its days
SEVERITIES = (("critical", 4.0), ("high", 3.5), ("medium", 3.0))


def model(
    days: dict[date, float], day: date, *, noise: float, is_count: bool = False
) -> tuple[float, float] | None:
    """(expected, z-score) of a day, from the definition. Counts have a trend."""

    def place(value: float) -> float:
        return 2 * math.sqrt(value + 0.375) if is_count else math.log1p(value)

    past = {
        each: place(value)
        for each, value in days.items()
        if timedelta(1) <= day - each <= timedelta(56)
    }
    same = sum(each.weekday() == day.weekday() for each in past)
    if len(past) < 14 or same < 3:
        return None
    effects = {}
    for weekday in {each.weekday() for each in past}:
        values = [y for each, y in past.items() if each.weekday() == weekday]
        if len(values) >= 3:
            effects[weekday] = median(values) - median(past.values())
    adjusted = {(day - e).days: y - effects.get(e.weekday(), 0.0) for e, y in past.items()}
    if is_count:
        middle = (min(adjusted) + max(adjusted)) / 2
        newer = median(y for age, y in adjusted.items() if age < middle)
        older = median(y for age, y in adjusted.items() if age >= middle)
        step = (newer - older) / ((max(adjusted) - min(adjusted) + 1) / 2)
        adjusted = {age: y + step * age for age, y in adjusted.items()}
    level = median(adjusted.values())
    usual = level + effects.get(day.weekday(), 0.0)
    free = len(past) - len(effects) - is_count
    of_days = 1.4826 * median(abs(y - level) for y in adjusted.values())
    of_days *= math.sqrt(len(past) / free) * (1 + 14 / free)
    least = usual * 0.01 if is_count else 0.02
    doubt = math.pi / 2 / same + (2 * math.pi / len(past) if is_count else 0)
    spread = max(of_days, 1.0 if is_count else noise, least) * math.sqrt(1 + doubt)
    expected = max(usual * usual / 4 - 0.375, 0) if is_count else math.expm1(usual)
    return expected, (place(days[day]) - usual) / spread


def judge(spark, series, *, is_count=False):
    rows = [
        (name, day, float(value), NOISE.get(name, 0.0))
        for name, days in series.items()
        for day, value in days.items()
    ]
    points = spark.createDataFrame(
        rows, "name string, metric_date date, value double, noise double"
    )
    judged = against_days_before(
        points,
        series=("name",),
        baseline=replace(BASELINE, has_trend=is_count),
        scale=COUNTS if is_count else logarithm(lambda place: F.col("noise") + place * 0),
    )
    found = judged.withColumn("s", severity("z_score", SEVERITIES))
    return {(row["name"], row["metric_date"]): row for row in found.collect()}


@pytest.mark.parametrize("is_count", [False, True], ids=["measures", "counts"])
def test_every_day_is_compared_with_the_days_before_it_and_its_weekday(spark, is_count):
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
    found = judge(spark, series, is_count=is_count)
    expected = {
        (name, day): known
        for name, days in series.items()
        for day in days
        if (known := model(days, day, noise=NOISE.get(name, 0.0), is_count=is_count))
    }
    assert found.keys() == expected.keys(), seed
    for key, (usual, z_score) in expected.items():
        assert found[key]["expected"] == pytest.approx(usual, abs=1e-3), (key, seed)
        assert found[key]["z_score"] == pytest.approx(z_score, abs=2e-9), (key, seed)


def test_a_slow_day_is_found_and_a_slow_weekday_is_not(spark):
    calm = {FIRST + timedelta(n): 1000 + n % 3 + 500 * (n % 7 == 4) for n in range(60)}
    spike = calm | {FIRST + timedelta(58): 1600.0}
    found = judge(spark, {"calm": calm, "spike": spike})
    unusual = {key: row["s"] for key, row in found.items() if row["s"]}
    assert unusual == {("spike", FIRST + timedelta(58)): "critical"}


@pytest.mark.parametrize(
    ("z_score", "worse", "named"),
    [
        (2.99, "either", None),
        (3.0, "either", "medium"),
        (-3.49, "either", "medium"),
        (3.5, "either", "high"),
        (-4.0, "either", "critical"),
        (4.0, "above", "critical"),
        (-4.0, "above", "medium"),
        (-9.0, "below", "critical"),
        (9.0, "below", "medium"),
        (2.0, "below", None),
    ],
)
def test_severity_follows_the_thresholds_and_is_mild_for_the_better(spark, z_score, worse, named):
    row = (
        spark.createDataFrame([(z_score,)], "z double")
        .select(severity("z", SEVERITIES, worse=worse))
        .first()
    )
    assert row[0] == named


def test_days_without_any_incident_are_seldom_unusual(spark):
    """At 3 of a normal distribution lie 0.27 %; spreads of few days must not invent more."""
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed={seed}")  # noqa: T201  # repeats a failure
    chance = random.Random(seed)
    series = {
        f"{n}": {FIRST + timedelta(k): 1000 * chance.lognormvariate(0, 0.1) for k in range(57)}
        for n in range(60)
    }
    found = judge(spark, series)
    assert len(found) == 60 * 36  # from the fourth week on
    # 0.8 % are expected, 17 of 2,160; without the widening 6 %.
    assert sum(row["s"] is not None for row in found.values()) < 2_160 * 0.025, seed
    assert sum(row["s"] == "critical" for row in found.values()) < 2_160 * 0.012, seed


def test_a_series_that_has_grown_for_weeks_is_usual_where_its_trend_leads(spark):
    grown = {FIRST + timedelta(n): (10 + n) ** 2 / 4 for n in range(50)}
    found = judge(spark, {"grown": grown}, is_count=True)
    assert {row["s"] for row in found.values()} == {None}
    last = found["grown", FIRST + timedelta(49)]
    assert last["expected"] == pytest.approx(grown[FIRST + timedelta(49)], rel=0.03)
