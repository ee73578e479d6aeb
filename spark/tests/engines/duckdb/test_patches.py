"""SQLFrame on DuckDB says what PySpark says. Needs no activation: the functions are its own."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from sqlframe.duckdb import DuckDBSession, Window
from sqlframe.duckdb import functions as F
from sqlglot.errors import UnsupportedError

from lakehouse.engines.duckdb import patches
from lakehouse.engines.duckdb.frames import sql_of
from lakehouse.engines.duckdb.planning import MOST_STEPS


@pytest.fixture(scope="module")
def session():
    patches.apply()
    return DuckDBSession()


@pytest.fixture
def rows(session):
    return session.createDataFrame(
        [("a", 1, [7, 8]), ("a", None, []), ("b", 3, None)], "k string, n bigint, l array<bigint>"
    )


def types_of(frame):
    return {field.name: field.dataType.simpleString() for field in frame.schema.fields}


def test_a_float_is_a_double(session):
    made = session.createDataFrame([(3,)], "n bigint").select((F.col("n") * 0.1).alias("x"))
    assert types_of(made) == {"x": "double"}
    assert made.first()["x"] == 3 * 0.1 != 0.3


def test_nulls_come_first_in_a_window_and_names_do_no_harm(rows):
    in_order = Window.partitionBy(F.coalesce("k", "k")).orderBy("n")
    made = rows.select("k", "n", F.row_number().over(in_order).alias("place"))
    assert {(r["k"], r["n"]): r["place"] for r in made.collect()} == {
        ("a", None): 1,
        ("a", 1): 2,
        ("b", 3): 1,
    }


def test_orders_of_a_window_add_up(rows):
    descending = Window.partitionBy([]).orderBy("k").orderBy(F.col("n").desc_nulls_last())
    made = rows.select("n", F.row_number().over(descending).alias("place"))
    assert {r["n"]: r["place"] for r in made.collect()} == {1: 1, None: 2, 3: 3}


def test_a_key_of_a_left_join_is_the_left_one_at_each_mention(session):
    left = session.createDataFrame([("a",), ("b",)], "k string")
    right = session.createDataFrame([("a", 1)], "k string, n bigint")
    made = left.join(right, "k", how="left").select(
        F.col("k").alias("once"), F.col("k").alias("twice"), "n"
    )
    assert sorted(map(tuple, made.collect())) == [("a", "a", 1), ("b", "b", None)]


def test_a_cross_join_has_one_column_of_a_name(session):
    left = session.createDataFrame([("a",)], "k string")
    whole = left.select(F.count("k").alias("n"))
    made = left.crossJoin(whole).select("k", (F.col("n") + F.col("n")).alias("twice"))
    assert list(map(tuple, made.collect())) == [("a", 2)]


def test_the_row_of_an_extreme_may_hold_null(rows):
    made = rows.groupBy("k").agg(
        F.max_by("n", F.coalesce("n", F.lit(9))).alias("high"), F.min_by("n", "k").alias("low")
    )
    assert {r["k"]: r["high"] for r in made.collect()} == {"a": None, "b": 3}
    nothing = rows.filter(F.col("n").isNull()).agg(F.min_by("n", "k").alias("low"))
    assert nothing.first()["low"] is None


def test_places_of_an_array_count_from_zero(rows):
    grouped = rows.groupBy("k").agg(F.percentile("n", F.array(F.lit(0.0), F.lit(1.0))).alias("q"))
    made = grouped.select("k", F.col("q")[0].alias("low"), F.col("q")[1].alias("high"))
    assert {r["k"]: (r["low"], r["high"]) for r in made.collect()} == {"a": (1, 1), "b": (3, 3)}


def test_counts_are_bigint(rows):
    made = rows.agg(
        F.count_if(F.col("n") > 0).alias("n"), F.count_if(F.col("k") == "c").alias("none")
    )
    assert types_of(made) == {"n": "bigint", "none": "bigint"}
    assert tuple(made.first()) == (2, 0)


def test_an_aggregate_has_its_start_for_nothing_and_is_null_for_null(rows):
    summed = F.aggregate("l", F.lit(100).cast("bigint"), lambda so_far, each: so_far + each)
    made = rows.select("n", summed.alias("s"))
    assert {r["n"]: r["s"] for r in made.collect()} == {1: 115, None: 100, 3: None}
    halved = F.aggregate("l", F.lit(0).cast("bigint"), lambda a, b: a + b, lambda end: end / 2)
    assert {r["s"] for r in rows.select(halved.alias("s")).collect()} == {7.5, 0, None}


def test_json_keeps_nulls_or_is_refused(rows):
    kept = F.to_json(F.struct("k", "n"), {"ignoreNullFields": "false"})
    in_words = F.expr("to_json(struct(k, n), map('ignoreNullFields', 'false'))")
    made = rows.filter(F.col("n").isNull()).select(kept.alias("a"), in_words.alias("b"))
    assert tuple(made.first()) == ('{"k":"a","n":null}', '{"k":"a","n":null}')
    for options in (None, {"ignoreNullFields": "true"}, {"pretty": "true"}):
        with pytest.raises(UnsupportedError, match="ignoreNullFields"):
            rows.select(F.to_json(F.struct("k"), options).alias("a")).collect()


def test_hints_leave_the_frame_itself(rows):
    assert F.broadcast(rows) is rows
    assert rows.repartition("k") is rows


def test_frames_become_pandas_as_sparks_do(session):
    made = session.createDataFrame(
        [(date(2026, 1, 5), datetime(2026, 1, 5, 10, tzinfo=UTC), 1)],
        "d date, t timestamp, n bigint",
    ).toPandas()
    assert made["d"][0] == date(2026, 1, 5)
    assert made["t"][0] == datetime(2026, 1, 5, 10)  # noqa: DTZ001  # without a zone, as Spark's
    assert made["n"].dtype == "int64"


def test_rows_are_grouped_once_for_each_set(rows):
    made = rows.groupingSets([["k"], []], "k").agg(F.count(F.lit(1)).alias("n"))
    assert sorted(map(tuple, made.collect()), key=str) == [("a", 2), ("b", 1), (None, 3)]
    assert rows.filter("k = 'c'").groupingSets([["k"]], "k").agg(F.count("n")).collect() == []


def test_steps_have_names_of_their_own_and_become_texts(rows):
    made = rows
    for number in range(12):
        made = made.withColumn(f"m{number}", F.col("n") + number).filter(f"m{number} IS NOT NULL")
    names = [cte.alias for cte in made.expression.ctes]
    assert len(set(names)) == len(names) <= MOST_STEPS
    assert made.select("m11").schema.fields[0].dataType.simpleString() == "bigint"
    assert made.count() == rows.filter("n IS NOT NULL").count() > 0


def written(frame):
    """Rows of a frame by the query that runs write; `collect` writes another."""
    return sorted(frame.session._conn.sql(sql_of(frame)).fetchall(), key=str)


def test_a_frame_is_what_it_was_after_it_is_written(rows):
    made = rows.withColumn("m", F.transform("l", lambda n: n + 1)).filter("k = 'a'")
    before = made.expression.sql()
    for _ in range(2):
        assert written(made.select("n", "m")) == [(1, [8, 9]), (None, [])]
        assert len(written(made)) == 2
    assert made.expression.sql() == before


def test_what_frames_share_is_written_for_each_of_them(rows):
    shared = rows.select("k", (F.col("n") + 1).alias("n")).filter("n > 1")
    both = shared.alias("x").join(shared.alias("y"), "k").select("k", F.lit(" -> ").alias("arrow"))
    assert written(both.unionByName(both)) == [("a", " -> ")] * 2 + [("b", " -> ")] * 2


def test_elements_are_taken_by_place_by_key_and_by_field(rows):
    struct = F.struct(F.col("n"), F.col("l"))
    given = rows.filter("n = 1").select("*", F.create_map(F.lit(7), F.col("k")).alias("m"))
    made = given.select(
        F.transform(F.array(struct), lambda each: each["n"]).alias("field"),
        F.expr("m[7]").alias("key"),
        F.expr("l[1]").alias("place"),
    )
    assert written(made) == [([1], "a", 8)]


def test_types_are_written_as_spark_does(session):
    money = session.createDataFrame([(Decimal("1.50"), 1)], "m decimal(18,2), n bigint")
    assert types_of(money) == {"m": "decimal(18,2)", "n": "bigint"}
    assert types_of(money.agg(F.sum("n").alias("s"))) == {"s": "decimal(38,0)"}


def test_money_is_read_back_as_decimals(session):
    row = session.createDataFrame([(Decimal("89.70"),)], "m decimal(18,2)").collect()[0]
    assert repr(row.m) == "Decimal('89.70')"


def test_a_column_of_nothing_but_null_may_be_met_on_the_way(session):
    made = session.createDataFrame([("a",)], "k string").withColumn("x", F.lit(None))
    assert types_of(made) == {"k": "string", "x": "void"}
    for number in range(MOST_STEPS + 1):  # a text by then
        made = made.select("*", F.lit(number).alias(f"n{number}"))
    assert [tuple(row) for row in made.select(F.coalesce("x", "k")).collect()] == [("a",)]


def test_a_schema_in_words_may_hold_any_type(session):
    schema = "`m` decimal(18,2), s struct<a: bigint, b: date>"
    made = session.createDataFrame([], schema)
    assert types_of(made) == {"m": "decimal(18,2)", "s": "struct<a:bigint, b:date>"}


def test_a_day_stays_a_day(session):
    """Not patched: what the tables rely on."""
    made = session.createDataFrame([(date(2026, 1, 31),)], "d date").select(
        F.date_add("d", 1).alias("next"), F.datediff(F.lit(date(2026, 2, 2)), "d").alias("days")
    )
    assert tuple(made.first()) == (date(2026, 2, 1), 2)


def test_a_moment_is_made_of_microseconds(session):
    made = session.createDataFrame([(1_767_225_600_000_001,), (None,)], "n bigint").select(
        F.timestamp_micros("n").alias("at")
    )
    assert types_of(made) == {"at": "timestamp"}
    expected = datetime(2026, 1, 1, microsecond=1, tzinfo=UTC)
    assert [row["at"] and row["at"].replace(tzinfo=UTC) for row in made.collect()] == [
        expected,
        None,
    ]


def test_a_python_function_makes_a_column_of_texts(session):
    made = F.arrow_udf(
        lambda texts: pa.array(
            [
                {"n": text and len(text) * 1.0, "is_told": text is not None}
                for text in texts.to_pylist()
            ],
            pa.struct([("n", pa.float64()), ("is_told", pa.bool_())]),
        ),
        "struct<n: double, is_told: boolean>",
    )
    rows = session.createDataFrame([("ab",), (None,)], "t string").withColumn("s", made("t"))
    found = rows.select("t", F.col("s.n").alias("n"), F.col("s.is_told").alias("is_told")).collect()
    assert [tuple(row) for row in found] == [("ab", 2.0, True), (None, None, False)]
