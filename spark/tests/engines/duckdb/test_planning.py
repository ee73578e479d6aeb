"""What makes SQLFrame's planning cheap changes nothing of what a query says."""

from __future__ import annotations

import pytest
from sqlframe.base import util
from sqlframe.duckdb import DuckDBSession
from sqlframe.duckdb import functions as F
from sqlglot import exp, parse_one

from lakehouse.engines.duckdb import patches

QUERY = """
WITH s AS (SELECT a, count(*) AS n FROM t GROUP BY ALL)
SELECT s.a, CASE WHEN n > 1 THEN 'x' END AS c, list_transform(l, x -> x + 1) FROM s
WHERE a IN (1, 2) ORDER BY n DESC NULLS LAST -- of the day
"""


@pytest.fixture(scope="module")
def session():
    patches.apply()
    return DuckDBSession()


def placed(node):
    return node.arg_key, node.index, type(node.parent)


@pytest.mark.usefixtures("session")
def test_a_copy_of_an_expression_says_the_same_and_is_another():
    query = parse_one(QUERY, read="duckdb")
    query.meta["known"] = exp.column("a")
    copied = query.copy()
    assert copied == query
    assert copied.sql("duckdb") == query.sql("duckdb")
    pairs = list(zip(query.walk(), copied.walk(), strict=True))
    assert all(one is not other for one, other in pairs)
    places = [
        [(n.arg_key, n.index, type(n.parent)) for n in each.walk()] for each in (query, copied)
    ]
    assert places[0] == places[1]
    assert all(n.parent is None or n in list(n.parent.iter_expressions()) for n in copied.walk())
    assert copied.meta["known"] == query.meta["known"]
    assert copied.meta["known"] is not query.meta["known"]


@pytest.mark.usefixtures("session")
def test_a_change_of_a_copy_is_none_of_the_original():
    query = parse_one(QUERY, read="duckdb")
    before = query.sql("duckdb")
    copied = query.copy()
    copied.find(exp.Where).set("this", exp.true())
    copied.ctes[0].this.limit(3, copy=False)
    assert query.sql("duckdb") == before != copied.sql("duckdb")
    assert copied != query  # a hash that was remembered would say they are equal


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize(
    ("column", "written"),
    [
        (exp.column("a", "t"), "a"),
        (exp.column("A b", quoted=True), "`A b`"),
        (exp.alias_(exp.column("a"), "of a", quoted=True), "`of a`"),
        (exp.alias_(exp.Literal.number(1), "one"), "one"),
        (exp.Null(), "NULL"),
    ],
)
def test_a_name_from_memory_is_written_as_it_was(column, written):
    assert [util.quote_preserving_alias_or_name(column) for _ in range(2)] == [written] * 2


def test_names_given_to_sides_of_a_join_mean_its_result(session):
    left = session.createDataFrame([(1, "x")], "k bigint, v string").alias("l")
    right = session.createDataFrame([(1, "y")], "k bigint, w string").alias("r")
    joined = left.join(right, F.col("l.k") == F.col("r.k"))
    made = joined.select(F.col("l.v"), F.col("r.w")).withColumn("n", F.lit(1))
    assert [tuple(row) for row in made.collect()] == [("x", "y", 1)]
