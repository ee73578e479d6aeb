"""What analysts ask is accepted, and both servers give the same rows."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from api.query.query_corpus import legitimate
from api.query.query_servers import opened, world  # noqa: F401  # fixtures
from api.query.query_world import RELATIONS

from lakehouse.api.query.execution import run_on_lake, run_on_postgres
from lakehouse.api.query.guard import guarded

pytestmark = pytest.mark.serving
QUERIES = legitimate()
VALUES = {"since": "2026-02-01", "amount": Decimal("12.5"), "more": 1.5}


def ask(name):
    used = {key: value for key, value in VALUES.items() if f"${key}" in QUERIES[name]}
    return guarded(QUERIES[name], RELATIONS, parameters=used)


def comparable(rows):
    """Doubles to twelve digits: sums depend on the order of the rows."""
    return [
        tuple(f"{value:.12g}" if isinstance(value, float) else value for value in row)
        for row in rows
    ]


@pytest.mark.parametrize("name", QUERIES)
def test_both_servers_give_the_same_rows(name, opened, world):  # noqa: F811  # fixtures
    query = ask(name)
    there, here = run_on_postgres(opened, query), run_on_lake(world.marts, query)
    assert there.columns == here.columns == query.columns
    assert [t.replace("bigint", "int") for t in there.types] == [
        t.replace("bigint", "int") for t in here.types
    ]
    assert (there.truncated, here.truncated) == (None, None)
    given, also = comparable(there.rows), comparable(here.rows)
    if "ORDER BY" not in QUERIES[name].rpartition(")")[2]:
        given, also = sorted(given, key=repr), sorted(also, key=repr)
    assert given == also
    assert there.table.num_rows == len(here.rows)


def test_the_marts_have_what_the_queries_are_about(world):  # noqa: F811  # fixture
    empty = [name for name in QUERIES if not run_on_lake(world.marts, ask(name)).rows]
    assert empty == []


def test_rows_are_those_that_a_person_would_count(opened, world):  # noqa: F811  # fixtures
    orders = world.marts["gold.orders"].to_pylist()
    expected = sorted(row["order_id"] for row in orders if row["ordered_on"] == date(2026, 2, 1))
    query = guarded(
        "SELECT order_id FROM gold.orders WHERE ordered_on = '2026-02-01' ORDER BY order_id",
        RELATIONS,
    )
    for answer in (run_on_postgres(opened, query), run_on_lake(world.marts, query)):
        assert [order_id for (order_id,) in answer.rows] == expected
