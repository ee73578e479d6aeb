"""Repeats among the rows of a delivery."""

from __future__ import annotations

import pytest

from conftest import engine_of
from lakehouse.engine.identities import Identities, first_of_each

pytestmark = pytest.mark.spark


def found(spark, good, n_bad=0):
    rows = spark.createDataFrame(good, "_row_id string, _place bigint, _short_id bigint")
    bad = spark.createDataFrame([[i] for i in range(n_bad)], "_place bigint")
    identities = Identities.of(engine_of("bronze.x", spark), rows, bad=bad)
    kept = first_of_each(rows, identities.repeated).select("_row_id", "_place").collect()
    return identities, sorted(tuple(row) for row in kept)


def test_rows_without_repeats_stay_and_are_counted(spark):
    identities, kept = found(spark, [("a", 0, 1), ("b", 1, 2)], n_bad=3)
    assert (identities.rows, identities.bad, identities.distinct) == (5, 3, 2)
    assert identities.repeated is None
    assert kept == [("a", 0), ("b", 1)]


def test_of_repeats_the_first_by_place_stays(spark):
    identities, kept = found(spark, [("a", 5, 1), ("a", 3, 1), ("b", 4, 2), ("a", 9, 1)])
    assert (identities.rows, identities.distinct) == (4, 2)
    assert kept == [("a", 3), ("b", 4)]


def test_rows_that_share_the_first_bits_of_their_identity_are_told_apart(spark):
    rows = [("a", 0, 7), ("b", 1, 7), ("b", 2, 7), ("c", 3, 7), ("c", 4, 7), ("c", 5, 7)]
    identities, kept = found(spark, rows, n_bad=1)
    assert (identities.rows, identities.bad, identities.distinct) == (7, 1, 3)
    assert kept == [("a", 0), ("b", 1), ("c", 3)]


def test_nothing_is_nothing(spark):
    identities, kept = found(spark, [])
    assert (identities.rows, identities.bad, identities.distinct, kept) == (0, 0, 0, [])
