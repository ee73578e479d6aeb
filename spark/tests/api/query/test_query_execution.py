"""Running a query: what it gives, what stops it, and what is left on the connection."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import closing

import psycopg
import pytest
from api.query.query_servers import opened, world  # noqa: F401  # fixtures
from api.query.query_world import RELATIONS

from lakehouse.api.query.execution import (
    Limits,
    QueryFailedError,
    QueryTimeoutError,
    run_on_lake,
    run_on_postgres,
)
from lakehouse.api.query.guard import guarded
from lakehouse.errors import ConfigError, PublishError
from lakehouse.serving.roles import READER, WRITER

pytestmark = pytest.mark.serving
SLOW = """
SELECT count(*) AS n FROM gold.web_kpis a, gold.web_kpis b, gold.web_kpis c, gold.web_kpis d
WHERE a.value + b.value + c.value + d.value = 0.123
"""
QUARTER = Limits(seconds=0.25)


def ask(sql, **more):
    return guarded(sql, RELATIONS, **more)


@pytest.fixture(params=["postgres", "lake"])
def run(request, opened, world):  # noqa: F811  # fixtures
    """Either way to run a query."""
    if request.param == "postgres":
        return lambda query, **more: run_on_postgres(opened, query, **more)
    return lambda query, **more: run_on_lake(world.marts, query, **more)


def test_a_slow_query_is_interrupted(run):
    began = time.monotonic()
    with pytest.raises(QueryTimeoutError):
        run(ask(SLOW), limits=QUARTER)
    assert 0.2 < time.monotonic() - began < 2
    assert run(ask("SELECT 1 AS one")).rows == [(1,)]  # what comes next is not


def test_the_clock_is_ours_not_a_setting_of_the_server(opened):  # noqa: F811  # fixture
    opened.execute("SET statement_timeout = 0")
    with pytest.raises(QueryTimeoutError) as told:
        run_on_postgres(opened, ask(SLOW), limits=QUARTER)
    assert isinstance(told.value.__cause__, psycopg.errors.QueryCanceled)
    assert "user request" in str(told.value.__cause__)  # not "statement timeout"


def test_a_server_that_says_nothing_is_left(world):  # noqa: F811  # fixture
    with _Proxy(world.server.port) as proxy:
        url = world.url(READER).replace(f":{world.server.port}/", f":{proxy.port}/")
        with psycopg.connect(url, autocommit=True) as opened:  # through the proxy
            assert run_on_postgres(opened, ask("SELECT 1 AS one")).rows == [(1,)]
            proxy.is_silent = True
            began = time.monotonic()
            with pytest.raises(QueryTimeoutError):
                run_on_postgres(opened, ask("SELECT 1 AS one"), limits=QUARTER)
            assert time.monotonic() - began < 5
            with pytest.raises(PublishError):
                run_on_postgres(opened, ask("SELECT 1 AS one"))


def test_rows_are_capped_in_the_order_asked_for(run):
    query = ask("SELECT order_id FROM gold.orders ORDER BY order_id DESC", max_rows=3)
    answer = run(query)
    assert (answer.rows, answer.truncated) == ([(59,), (58,), (57,)], "rows")


def test_exactly_as_many_rows_as_allowed_are_all(run):
    answer = run(ask("SELECT order_id FROM gold.orders", max_rows=60))
    assert (len(answer.rows), answer.truncated) == (60, None)


def test_a_limit_of_the_query_is_kept(run):
    answer = run(ask("SELECT order_id FROM gold.orders ORDER BY 1 LIMIT 2", max_rows=3))
    assert (answer.rows, answer.truncated) == ([(0,), (1,)], None)


def test_bytes_are_capped(run):
    query = ask("SELECT order_id, 'twenty letters, or so' AS t FROM gold.orders")
    answer = run(query, limits=Limits(answer_bytes=290))
    assert (len(answer.rows), answer.truncated) == (10, "bytes")


def test_no_rows_still_have_columns_and_types(run):
    answer = run(ask("SELECT order_id, note, amount FROM gold.orders WHERE order_id < 0"))
    assert (answer.columns, answer.rows) == (("order_id", "note", "amount"), [])
    assert answer.types == ("bigint", "string", "decimal")
    assert answer.table.num_rows == 0


def test_explain_gives_a_plan_and_runs_nothing(run):
    answer = run(ask(SLOW), explain=True, limits=Limits(seconds=5))
    assert (answer.columns, answer.types) == (("plan",), ("string",))
    assert "Aggregate" in repr(answer.rows)


def test_a_plan_of_filtered_rows_tells_no_numbers(run):
    sql, mine = "SELECT note FROM gold.orders", {"gold.orders": ("tenant_id", "acme")}
    assert "rows" in repr(run(ask(sql), explain=True).rows)
    plan = run(ask(sql, filters=mine), explain=True).rows
    assert "Scan" in repr(plan)
    assert "rows" not in repr(plan)


@pytest.mark.parametrize(
    "sql",
    ["SELECT CAST(note AS int) AS n FROM gold.orders", "SELECT CAST('x' AS date) AS d"],
)
def test_what_cannot_be_computed_is_said(run, sql):
    with pytest.raises(QueryFailedError):
        run(ask(sql))
    assert run(ask("SELECT 1 AS one")).rows == [(1,)]


def test_a_type_that_no_answer_has_is_said(run):
    with pytest.raises(QueryFailedError, match="cast it"):
        run(ask("SELECT INTERVAL 1 DAY AS d"))


def test_duckdb_gets_no_more_memory_than_it_may(world):  # noqa: F811  # fixture
    sql = "SELECT a.note, b.kpi, c.kpi AS k FROM gold.orders a, gold.web_kpis b, gold.web_kpis c"
    sql += " ORDER BY a.note || b.kpi || c.kpi, a.order_id LIMIT 9000"
    with pytest.raises(QueryFailedError, match="memory"):
        run_on_lake(world.marts, ask(sql), limits=Limits(memory="5MB"))


def test_a_transaction_that_is_open_is_used_and_left_as_it_was(opened):  # noqa: F811  # fixture
    with opened.transaction():
        opened.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        before = opened.execute("SELECT pg_current_snapshot()").fetchone()
        path = opened.execute("SHOW search_path").fetchone()
        assert run_on_postgres(opened, ask("SELECT 1 AS one")).rows == [(1,)]
        with pytest.raises(QueryFailedError):
            run_on_postgres(opened, ask("SELECT CAST('x' AS date) AS d"))
        assert opened.execute("SHOW search_path").fetchone() == path
        assert opened.execute("SELECT pg_current_snapshot()").fetchone() == before


@pytest.mark.parametrize("role", [WRITER, "postgres"])
def test_a_role_that_could_do_more_than_read_runs_nothing(world, role):  # noqa: F811  # fixture
    with (
        psycopg.connect(world.url(role), autocommit=True) as mighty,
        pytest.raises(ConfigError, match="LAKEHOUSE_POSTGRES_READER_URL"),
    ):
        run_on_postgres(mighty, ask("SELECT 1 AS one"))


def test_a_mighty_role_is_not_hidden_by_a_lesser_one(world):  # noqa: F811  # fixture
    with psycopg.connect(world.url("postgres"), autocommit=True) as mighty:
        mighty.execute(f"SET ROLE {READER}")
        with pytest.raises(ConfigError):
            run_on_postgres(mighty, ask("SELECT 1 AS one"))


class _Proxy:
    """Hands bytes on to a server, until it says nothing more."""

    def __init__(self, port):
        self.is_silent = False
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._sockets = [self._listening]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        for each in self._sockets:
            each.close()

    def _accept(self):
        while True:
            try:
                here, _ = self._listening.accept()
            except OSError:
                return
            there = socket.create_connection(("127.0.0.1", self._to))
            self._sockets += [here, there]
            for pair in ((here, there), (there, here)):
                threading.Thread(target=self._hand_on, args=pair, daemon=True).start()

    def _hand_on(self, source, target):
        with closing(target):
            while True:
                try:
                    data = source.recv(65_536)
                    if not data:
                        return
                    if not self.is_silent:
                        target.sendall(data)
                except OSError:
                    return
