"""What the guard refuses, why, and what it makes of what it accepts."""

from __future__ import annotations

import time
from datetime import date

import pytest
from api.query.query_corpus import hostile
from sqlglot import exp

from lakehouse.api.query import words
from lakehouse.api.query.guard import MOST_CHARACTERS, RefusedError, guarded, published
from lakehouse.catalog.registry import registry
from lakehouse.errors import EXIT_CONFIG

TOYS = {
    "gold.toys": {"day": "date", "kind": "string", "n": "bigint", "share": "double"},
    "gold.prices": {"kind": "string", "price": "decimal(18,2)"},
}


def refused(sql, **more):
    with pytest.raises(RefusedError) as told:
        guarded(sql, TOYS, **more)
    return told.value


@pytest.mark.parametrize(
    ("sql", "reason", "line", "column"),
    [
        ("SELECT n FROM gold.toys WHERE", "syntax", None, None),
        ("SELECT 'x", "syntax", None, None),
        ("DELETE FROM gold.toys", "statement", 1, 13),
        ("VACUUM gold.toys", "statement", 1, 6),
        ("SELECT 1 AS a; SELECT 2 AS b", "statement", None, None),
        ("", "statement", None, None),
        ("SELECT n\nFROM pg_class", "relation", 2, 6),
        ("SELECT n FROM toys", "relation", 1, 15),
        ("SELECT n FROM gold.toy", "relation", 1, 15),
        ("SELECT m FROM gold.toys", "column", 1, 8),
        ("SELECT ctid FROM gold.toys", "column", 1, 8),
        ("SELECT t.m FROM gold.toys AS t", "column", None, None),
        ("SELECT kind FROM gold.toys, gold.prices", "column", None, None),
        ("SELECT n, n FROM gold.toys", "column", 1, 8),
        ("SELECT pg_sleep(1) AS x", "function", 1, 8),
        ("SELECT n\n, random() AS r FROM gold.toys", "function", None, None),
        ("SELECT * FROM read_csv('x')", "function", 1, 15),
        ("SELECT kind::regclass AS x FROM gold.toys", "type", None, None),
        ("SELECT n FROM gold.toys FOR UPDATE", "construct", 1, 8),
        ("SELECT n FROM gold.toys LIMIT n", "construct", 1, 31),
        ("SELECT toys.*::text AS x FROM gold.toys", "construct", 1, 13),
        ("SELECT $x AS x", "parameter", None, None),
        (f"SELECT '{'x' * MOST_CHARACTERS}' AS x", "size", None, None),
    ],
)
def test_a_refusal_says_why_and_where(sql, reason, line, column):
    error = refused(sql)
    assert error.reason == reason
    assert error.exit_code == EXIT_CONFIG
    if line:
        assert (error.line, error.column) == (line, column)


@pytest.mark.parametrize(
    ("sql", "hint"),
    [
        ("SELECT n FROM toys", "gold.toys"),
        ("SELECT n FROM gold.toyz", "gold.toys"),
        ("SELECT kinds FROM gold.toys", "kind"),
        ("SELECT coalesc(n, 1) AS x FROM gold.toys", "coalesce"),
    ],
)
def test_a_refusal_offers_what_may_be_meant(sql, hint):
    assert hint in str(refused(sql)).partition("Did you mean")[2]


def test_what_runs_is_made_anew():
    query = guarded(
        "select /* a comment */ KIND, sum(n) n -- another\nfrom GOLD.toys group by kind;", TOYS
    )
    assert query.postgres == (
        'SELECT "toys"."kind" AS "kind", CAST(SUM("toys"."n") AS BIGINT) AS "n" '
        'FROM "gold"."toys" AS "toys" GROUP BY "toys"."kind" LIMIT 10001'
    )
    assert query.duckdb == query.postgres
    assert (query.columns, query.relations) == (("kind", "n"), {"gold.toys"})


def test_own_tables_cannot_be_taken_for_those_of_a_catalog():
    query = guarded("WITH pg_class AS (SELECT 1 AS x) SELECT x FROM pg_class", TOYS)
    assert 'FROM "own_pg_class"' in query.postgres
    assert query.relations == frozenset()


def test_values_are_bound_and_never_written():
    evil = "'; DROP TABLE gold.toys; --"
    sql = (
        "SELECT n + $more AS n FROM gold.toys WHERE kind = $kind AND day > $day GROUP BY n + $more"
    )
    given = {"kind": evil, "more": 2, "day": date(2026, 1, 1)}
    query = guarded(sql, TOYS, parameters=given)
    assert "DROP" not in query.postgres + query.duckdb
    assert sorted(query.values, key=str) == sorted(given.values(), key=str)
    assert query.postgres.count("$") == 4  # $more twice, with one number


@pytest.mark.parametrize("place", ["$1", "$2", "@1", "?", "?1", ":1", "{{1}}"])
def test_the_place_of_a_filter_cannot_be_named(place):
    mine = {"gold.toys": ("kind", "mine")}
    try:
        query = guarded(f"SELECT {place} AS x, n FROM gold.toys", TOYS, filters=mine)
    except RefusedError:
        return
    assert query.postgres.count("$") == 1  # the filter's own


@pytest.mark.parametrize(
    "parameters", [{"y": 1}, {"x": 1, "y": 2}, {"x": [1]}, {"x": {"a": 1}}, {"x": "a\0b"}, {}]
)
def test_parameters_that_do_not_fit_are_refused(parameters):
    assert refused("SELECT $x AS x", parameters=parameters).reason == "parameter"


def test_nothing_is_bound_for_null():
    query = guarded("SELECT $x AS x", TOYS, parameters={"x": None})
    assert (query.values, query.postgres) == ((), 'SELECT NULL AS "x" LIMIT 10001')


@pytest.mark.parametrize(
    ("sql", "limit"),
    [
        ("SELECT n FROM gold.toys", "LIMIT 6"),
        ("SELECT n FROM gold.toys LIMIT 3", "LIMIT 3"),
        ("SELECT n FROM gold.toys LIMIT 100", "LIMIT 6"),
        ("SELECT n FROM gold.toys LIMIT $n", "LIMIT 4"),
        ("SELECT n FROM gold.toys UNION ALL SELECT n FROM gold.toys", "LIMIT 6"),
    ],
)
def test_rows_are_capped(sql, limit):
    given = {"n": 4} if "$n" in sql else {}
    assert guarded(sql, TOYS, parameters=given, max_rows=5).postgres.endswith(limit)


def test_a_filter_stands_around_every_mention_of_its_relation():
    sql = (
        "WITH a AS (SELECT n FROM gold.toys) "
        "SELECT x.n FROM a AS x JOIN gold.toys AS y ON y.n = x.n "
        "WHERE EXISTS (SELECT 1 AS one FROM gold.toys z) UNION SELECT n FROM gold.toys"
    )
    query = guarded(sql, TOYS, filters={"gold.toys": ("kind", "mine")})
    assert query.is_filtered
    assert query.values == ("mine",) * 4
    assert query.postgres.count('"gold"."toys" WHERE "kind" = $') == 4
    assert query.postgres.count('"gold"."toys"') == 4
    assert query.postgres.count("OFFSET 0)") == 4


def test_a_filter_of_another_relation_changes_nothing():
    query = guarded("SELECT n FROM gold.toys", TOYS, filters={"gold.prices": ("kind", "mine")})
    assert (query.values, query.is_filtered) == ((), False)


def test_a_filter_by_a_column_that_is_not_there_is_a_mistake_of_ours():
    with pytest.raises(ValueError, match="no column tenant_id"):
        guarded("SELECT n FROM gold.toys", TOYS, filters={"gold.toys": ("tenant_id", "x")})


def test_the_guard_cannot_be_kept_busy():
    for each in hostile():
        if each.family == "bombs_of_text":
            began = time.monotonic()
            refused(each.text)
            assert time.monotonic() - began < 2, each.text[:60]


def test_what_the_guard_refuses_is_not_logged(caplog):
    for sql in ("ALTER SYSTEM SET a = 'secret'", "CALL f('secret')", "VACUUM", "SHOW secret"):
        refused(sql)
    assert caplog.text == ""


def test_published_are_the_served_tables_and_their_own_columns():
    relations = published(registry())
    assert sorted(relations) == sorted(registry().served)
    assert relations["gold.web_kpis"]["metric_date"] == "date"


def test_no_construct_is_listed_that_reads_or_writes_anything_else():
    forbidden = (exp.DML, exp.DDL, exp.Command, exp.Into, exp.Lock, exp.UDTF, exp.Anonymous)
    listed = {*words.STRUCTURE, *words.FUNCTIONS}
    assert not [each for each in listed if issubclass(each, forbidden) and each is not exp.Subquery]
