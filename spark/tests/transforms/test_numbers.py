"""Verbs that must say the same in every engine, against plain Python."""

from __future__ import annotations

import hashlib
import json
import math
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F

from lakehouse.transforms.numbers import (
    as_json,
    nearest_double,
    steady,
    total,
    two_to_the,
    wide,
    with_sign,
    with_thousands,
)
from lakehouse.transforms.periods import weekday
from lakehouse.transforms.sessions import milliseconds_between

pytestmark = [pytest.mark.spark, pytest.mark.spark_too]
seeded = settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
texts = st.lists(
    st.one_of(
        st.none(),
        st.text(
            st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=["Cs"]),
            max_size=8,
        ),
        st.text("\x01\x08\x0b\x0c\x1b\x1f\x7f\x80\u2028\n\r\t\"\\/'<&", max_size=8),
    ),
    min_size=40,
    max_size=80,
)


def column(spark, values, kind, made):
    """What a verb makes of values, in their order."""
    frame = spark.createDataFrame(list(enumerate(values)), f"i int, x {kind}")
    found = {row["i"]: row["made"] for row in frame.select("i", made.alias("made")).collect()}
    return [found[i] for i in range(len(values))]


def written(text):
    """A JSON text as both engines write it: short escapes, else \\u00XX in capitals."""
    short = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r"}
    short["\t"] = "\\t"
    escaped = (short.get(c) or (f"\\u{ord(c):04X}" if c < " " else c) for c in text)
    return f'"{"".join(escaped)}"'


@seeded
@given(texts)
def test_text_is_one_json_byte_for_byte(spark, given_texts):
    expected = [f'{{"x":{"null" if t is None else written(t)}}}' for t in given_texts]
    assert [json.loads(each)["x"] for each in expected] == given_texts
    assert column(spark, given_texts, "string", as_json("x")) == expected
    hashes = [hashlib.md5(each.encode()).hexdigest() for each in expected]  # noqa: S324  # identity
    assert column(spark, given_texts, "string", F.md5(as_json("x"))) == hashes


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("boolean", False, "false"),
        ("bigint", -(2**63), str(-(2**63))),
        ("date", date(2026, 1, 5), '"2026-01-05"'),
        ("date", date(9999, 12, 31), '"9999-12-31"'),
        ("date", None, "null"),
    ],
)
def test_other_types_have_one_json(spark, kind, value, expected):
    assert column(spark, [value], kind, as_json("x")) == [f'{{"x":{expected}}}']


def test_powers_of_two_are_exact(spark):
    numbers = list(range(63))
    assert column(spark, numbers, "int", two_to_the(F.col("x"))) == [2**n for n in numbers]


@seeded
@given(st.lists(st.floats(-1e9, 1e9), min_size=40, max_size=80))
def test_numbers_are_told_rounded_half_up(spark, values):
    values = [*values, 0.5, -0.5, 1.5, 2.5, -2.5, 999.5, 0.0]
    whole = [int(math.copysign(math.floor(abs(Fraction(v)) + Fraction(1, 2)), v)) for v in values]
    assert column(spark, values, "double", with_thousands(F.col("x"))) == [f"{n:,}" for n in whole]
    assert column(spark, values, "double", with_sign(F.col("x"))) == [f"{n:+}" for n in whole]


def test_steady_numbers_are_rounded_half_up(spark):
    values = [2852.0999999999995, 0.0005, -0.0015, 2.5, None]
    found = column(spark, values, "double", steady(F.col("x"), 3))
    assert found == [2852.1, 0.001, -0.002, 2.5, None]


@seeded
@given(st.lists(st.integers(0, 10**38 - 1), min_size=20, max_size=40))
def test_the_nearest_double_of_a_wide_number(spark, values):
    values = [*values, 2**53 + 1, 2**64 + 2**11 + 1, 3 * 2**63 + 513]
    found = column(
        spark,
        [Decimal(n) for n in values],
        "decimal(38,0)",
        nearest_double(wide(F.col("x"))),
    )
    assert found == [float(n) for n in values]


def test_wide_products_and_sums_are_exact(spark):
    frame = spark.createDataFrame([(2 * 10**9, 10**9), (1, 1)], "rank bigint, times bigint")
    rank = wide(F.col("rank"))
    summed = F.sum(wide(F.col("times") * wide(rank * rank)))
    assert int(frame.agg(summed.alias("s")).first()["s"]) == 4 * 10**27 + 1


def test_a_total_is_a_bigint_and_null_of_nothing(spark):
    frame = spark.createDataFrame([("a", 2**40), ("a", None), ("b", None)], "k string, n bigint")
    made = frame.groupBy("k").agg(total("n").alias("s"))
    assert {f.name: f.dataType.simpleString() for f in made.schema.fields}["s"] == "bigint"
    assert {row["k"]: row["s"] for row in made.collect()} == {"a": 2**40, "b": None}


def test_weekdays_count_from_monday(spark):
    days = [date(2026, 1, 1) + timedelta(n) for n in range(9)]
    assert column(spark, days, "date", weekday("x")) == [day.weekday() for day in days]
    late = [datetime.combine(day, datetime.max.time()) for day in days]
    assert column(spark, late, "timestamp", weekday("x")) == [day.weekday() for day in days]


def test_milliseconds_are_whole_ones_not_ticks(spark):
    first = datetime(2026, 1, 1, 23, 59, 59, 999_999)  # noqa: DTZ001  # the session's are naive
    later = [first + timedelta(microseconds=n) for n in (0, 1, 999, 1000, 1999, 10**13 + 1)]
    frame = spark.createDataFrame([(first, end) for end in later], "a timestamp, b timestamp")
    found = sorted(row[0] for row in frame.select(milliseconds_between("a", "b")).collect())
    assert found == [0, 0, 0, 1, 1, 10**10]
