"""Quantiles of groups: by hand, and against numpy's."""

from __future__ import annotations

import random

import numpy as np
import pytest

from lakehouse.transforms.quantiles import quantiles, quantiles_of_mixes

pytestmark = [pytest.mark.spark, pytest.mark.spark_too]
SHARES = (0, 0.25, 0.5, 0.95, 1)
WHOLE = (*range(9), 10**8 + 1)


def found(spark, rows, shares=SHARES):
    """Group → (n, quantiles) of rows of group, value and times."""
    counted = spark.createDataFrame(rows, "kind STRING, value BIGINT, times BIGINT")
    made = quantiles(counted, ["kind"], "value", shares).collect()
    assert len({row["kind"] for row in made}) == len(made)
    return {row["kind"]: (row["n"], row["quantiles"]) for row in made}


def test_values_between_two_neighbours_are_interpolated(spark):
    rows = [
        ("alone", 7, 1),
        ("pair", 10, 1),
        ("pair", 20, 1),
        ("often", 1, 3),
        ("often", 5, 1),
        ("in pieces", 4, 1),
        ("in pieces", 8, 1),
        ("in pieces", 4, 2),
        (None, -3, 1),
        (None, 0, 2),
    ]
    assert found(spark, rows, (0.5, 0.75, 1)) == {
        "alone": (1, [7, 7, 7]),
        "pair": (2, [15, 17.5, 20]),
        "often": (4, [1, 2, 5]),
        "in pieces": (4, [4, 5, 8]),
        None: (3, [0, 0, 0]),
    }


def test_no_rows_are_no_groups(spark):
    assert found(spark, []) == {}


def test_equal_neighbours_are_not_rounded(spark):
    odd = 28_800_001
    assert odd * 0.9 + odd * 0.1 != odd
    assert found(spark, [("a", odd, 2)], (0.1, 0.5)) == {"a": (2, [odd, odd])}


def test_numpy_finds_the_same(spark):
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")  # noqa: T201  # repeats a failure
    chance = random.Random(seed)
    rows = [
        (
            f"g{chance.randrange(6)}",
            chance.choice([chance.randrange(9), 10**8]),
            chance.randrange(1, 4),
        )
        for _ in range(200)
    ]
    wanted = {}
    for kind in {row[0] for row in rows}:
        values = [value for k, value, times in rows if k == kind for _ in range(times)]
        wanted[kind] = (len(values), pytest.approx(np.quantile(values, SHARES).tolist()))
    assert found(spark, rows) == wanted


def test_numpy_finds_the_same_for_every_mix(spark):
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")  # noqa: T201  # repeats a failure
    chance = random.Random(seed)
    rows = [
        (
            f"day{chance.randrange(3)}",
            chance.choice("ab"),
            chance.choice("xyz"),
            chance.choice(WHOLE),
        )
        for _ in range(300)
    ]
    given = spark.createDataFrame(rows, "day STRING, one STRING, two STRING, value BIGINT")
    made = quantiles_of_mixes(given, ("day",), ("one", "two"), "value", SHARES).collect()
    wanted: dict[tuple[str | None, ...], list[int]] = {}
    for day, one, two, value in rows:
        for mix in [(one, two), (one, None), (None, two), (None, None)]:
            wanted.setdefault((day, *mix), []).append(value)
    assert len(made) == len(wanted)
    assert {(r["day"], r["one"], r["two"]): (r["n"], r["quantiles"]) for r in made} == {
        key: (len(values), np.quantile(values, SHARES).round(6).tolist())
        for key, values in wanted.items()
    }


def test_no_rows_are_no_mixes(spark):
    given = spark.createDataFrame([], "day STRING, one STRING, value BIGINT")
    assert quantiles_of_mixes(given, ("day",), ("one",), "value", SHARES).collect() == []
