"""Unusual days against a model in plain Python, and against what a person would say."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta

import pytest
from pyspark.sql import functions as F
from unusual_days import COUNT, MEASURE, judge

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


def noise_of(name, kind):
    noise = 1.0 if kind is COUNT else NOISE.get(name, 0.0)
    return lambda _: noise


def scored(spark, series, *, is_count=False):
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
    kind = COUNT if is_count else MEASURE
    found = scored(spark, series, is_count=is_count)
    expected = {
        (name, day): known
        for name, days in series.items()
        for day in days
        if (known := judge(days, day, kind, noise_of(name, kind)))
    }
    assert found.keys() == expected.keys(), seed
    for key, (usual, z_score) in expected.items():
        assert found[key]["expected"] == pytest.approx(usual, abs=1e-3), (key, seed)
        assert found[key]["z_score"] == pytest.approx(z_score, abs=2e-9), (key, seed)


def test_a_slow_day_is_found_and_a_slow_weekday_is_not(spark):
    calm = {FIRST + timedelta(n): 1000 + n % 3 + 500 * (n % 7 == 4) for n in range(60)}
    spike = calm | {FIRST + timedelta(58): 1600.0}
    found = scored(spark, {"calm": calm, "spike": spike})
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
    found = scored(spark, series)
    assert len(found) == 60 * 36  # from the fourth week on
    # 0.8 % are expected, 17 of 2,160; without the widening 6 %.
    assert sum(row["s"] is not None for row in found.values()) < 2_160 * 0.025, seed
    assert sum(row["s"] == "critical" for row in found.values()) < 2_160 * 0.012, seed


def test_a_series_that_has_grown_for_weeks_is_usual_where_its_trend_leads(spark):
    grown = {FIRST + timedelta(n): (10 + n) ** 2 / 4 for n in range(50)}
    found = scored(spark, {"grown": grown}, is_count=True)
    assert {row["s"] for row in found.values()} == {None}
    last = found["grown", FIRST + timedelta(49)]
    assert last["expected"] == pytest.approx(grown[FIRST + timedelta(49)], rel=0.03)
