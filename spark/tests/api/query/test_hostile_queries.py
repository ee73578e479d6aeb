"""No hostile statement writes, or reads a catalog, a file or another tenant's rows.

Each is judged twice: by the guard, which accepts none that is not harmless; and by what happens
where it runs, guard or no guard. The control shows that a canary is found where nothing is guarded.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import defaultdict
from contextlib import ExitStack, suppress
from pathlib import Path

import duckdb
import psycopg
import pytest
from api.query.query_corpus import hostile, legitimate, mutations
from api.query.query_servers import alone, world  # noqa: F401  # fixtures
from api.query.query_world import CANARY, RELATIONS, World, shows_canary
from turns import depth, today

from lakehouse.api.query.execution import Limits, run_on_lake, run_on_postgres
from lakehouse.api.query.guard import Guarded, RefusedError, guarded
from lakehouse.errors import LakehouseError
from lakehouse.serving.roles import READER

pytestmark = pytest.mark.serving
HOSTILE = hostile()
FAMILIES = sorted({each.family for each in HOSTILE})
SHORT, PATIENT = Limits(seconds=0.5), Limits(seconds=20)
"""One that is over on a busy machine may only be slow: it is asked again."""
OWN_ROWS = {"gold.orders": ("tenant_id", "acme")}
TOO_LARGE_TO_TRY = {"time_bombs", "bombs_of_text", "bombs_of_rows"}
SEED = int(os.environ.get("QUERY_SEED") or depth(today(), 21))
N_MUTATIONS = depth(1_000, 10_000)


def accepted(text):
    """The query that a statement becomes, if it becomes one."""
    with suppress(RefusedError):
        return guarded(text, RELATIONS, filters=OWN_ROWS)
    return None


def unguarded(text):
    """A statement as if the guard had let it through as it is."""
    return Guarded(text, text, (), frozenset({"gold.orders"}), (), 1_000, is_filtered=False)


def outcome(run, *given, limits=SHORT):
    """Rows in no order, or the kind of error."""
    try:
        answer = run(*given, limits=limits)
    except LakehouseError as error:
        return type(error).__name__
    if answer.truncated:
        return answer.truncated
    return sorted(map(repr, answer.rows))


def differ(run, one, other, query):
    """Whether a query has another outcome in one place than in the other, however long it takes."""
    return all(
        outcome(run, one, query, limits=limits) != outcome(run, other, query, limits=limits)
        for limits in (SHORT, PATIENT)
    )


def relations_of_plan(opened, query):
    """Relations that PostgreSQL itself says a query would read."""
    sql = f"EXPLAIN (VERBOSE, FORMAT JSON) {query.postgres}"
    try:
        [(plan,)] = psycopg.RawCursor(opened).execute(sql, query.values, binary=False).fetchall()
    except psycopg.Error:
        return set()
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return set(_relations(plan))


def _relations(node):
    if isinstance(node, list):
        for each in node:
            yield from _relations(each)
    elif isinstance(node, dict):
        if "Relation Name" in node:
            yield f"{node['Schema']}.{node['Relation Name']}"
        elif "Function Name" in node:
            yield node["Function Name"]
        for each in node.values():
            yield from _relations(each)


class Judge:
    """Runs accepted queries with other tenants' rows beside the own ones, and without."""

    def __init__(self, world, alone):  # noqa: F811  # fixtures
        self.world, self.alone = world, alone
        self.harm, self.answered = defaultdict(list), 0

    def __enter__(self):
        self._connections = ExitStack()
        self._there, self._there_alone = (
            self._connections.enter_context(psycopg.connect(each.url(READER), autocommit=True))
            for each in (self.world, self.alone)
        )
        return self

    def __exit__(self, *_):
        self._connections.close()

    def judge(self, query, text):
        """Keep what a query does that it must not."""
        self.answered += 1
        for found in self._harm_of(query):
            self.harm[found].append(text)

    def _harm_of(self, query):
        there = outcome(run_on_postgres, self._there, query)
        here = outcome(run_on_lake, self.world.marts, query)
        if shows_canary(there) or shows_canary(here):
            yield "shows a canary"
        if beyond := relations_of_plan(self._there, query) - set(RELATIONS):
            yield f"reads {beyond}"
        # Answers, errors and times over are the same whether there are rows of others or not.
        if differ(run_on_postgres, self._there, self._there_alone, query):
            yield "tells of another tenant on PostgreSQL"
        if differ(run_on_lake, self.world.marts, self.alone.marts, query):
            yield "tells of another tenant on DuckDB"


def test_the_corpus_is_as_large_as_it_should_be():
    assert len({each.text for each in HOSTILE}) > 1_000
    assert len(FAMILIES) > 30


@pytest.mark.parametrize("family", FAMILIES)
def test_the_guard_refuses(family, world):  # noqa: F811  # fixture
    let_through = [
        each.text
        for each in HOSTILE
        if each.family == family and not each.is_harmless and accepted(world.placed(each.text))
    ]
    assert let_through == []


def test_what_may_be_answered_does_no_harm(world, alone):  # noqa: F811  # fixtures
    before = world.fingerprint()
    with Judge(world, alone) as judge:
        for each in HOSTILE:
            if each.is_harmless and (query := accepted(each.text)):
                judge.judge(query, each.text)
    assert judge.harm == {}
    assert judge.answered > 40
    assert world.fingerprint() == before


def test_control_an_unfiltered_query_tells_of_another_tenant(world, alone):  # noqa: F811  # same
    with Judge(world, alone) as judge:
        judge.judge(guarded("SELECT count(*) AS n FROM gold.orders", RELATIONS), "")
    assert len(judge.harm) == 2


@pytest.mark.slow
def test_mutations_do_no_harm(world, alone):  # noqa: F811  # fixtures
    print(f"QUERY_SEED={SEED}")  # noqa: T201  # repeats a failure
    before = world.fingerprint()
    refused = 0
    with Judge(world, alone) as judge:
        for text in mutations(SEED, N_MUTATIONS):
            if query := accepted(world.placed(text)):
                judge.judge(query, text)
            else:
                refused += 1
    print(f"{refused} refused, {judge.answered} answered")  # noqa: T201  # same
    assert judge.harm == {}
    assert refused > 0.8 * N_MUTATIONS
    assert judge.answered > 0.005 * N_MUTATIONS  # or mutating would try nothing
    assert world.fingerprint() == before


@pytest.mark.slow
def test_without_the_guard_the_role_and_the_transaction_still_keep_from_writing(world):  # noqa: F811  # fixture
    before = world.fingerprint()
    catalogs_read = 0
    for each in HOSTILE[:: depth(10, 1)]:
        if each.family in TOO_LARGE_TO_TRY:
            continue
        query = unguarded(world.placed(each.text).replace("\0", ""))
        with (
            suppress(LakehouseError, psycopg.Error),  # of the connection, too: a COPY keeps it busy
            psycopg.connect(world.url(READER), autocommit=True) as opened,
        ):
            answer = run_on_postgres(opened, query, limits=SHORT)
            assert "files" not in each.family or not shows_canary(answer.rows)
            catalogs_read += shows_canary(answer.rows)
    assert catalogs_read > depth(0, 10)  # which only the guard prevents: see above
    assert world.fingerprint() == before


@pytest.mark.slow
def test_without_the_guard_duckdb_still_opens_no_file(world):  # noqa: F811  # fixture
    before = world.fingerprint()
    python_variable = world.marts["gold.orders"].append_column("found", [[CANARY] * 60])
    for each in HOSTILE[:: depth(10, 1)]:
        if each.family in TOO_LARGE_TO_TRY:
            continue
        text = world.placed(each.text)
        with suppress(LakehouseError, AttributeError):  # what gives no rows has no reader of them
            rows = run_on_lake(world.marts, unguarded(text), limits=SHORT).rows
            assert not shows_canary(rows) or CANARY in text, text
    assert shows_canary(python_variable)
    assert world.fingerprint() == before


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM pg_class",
        "SELECT * FROM ops.records",
        "SELECT found FROM peek",
        "SHOW canary.setting",
        "SELECT current_setting('canary.setting')",
        "SELECT pg_read_file('@FILES/secret.txt')",
        "SELECT convert_from(lo_get(4242), 'UTF8')",
        "SELECT shout()",
        "SELECT * FROM pg_description",
        "SELECT table_to_xml('ops.records', true, true, '')",
    ],
)
def test_control_canaries_are_found_on_an_open_postgres(statement, world):  # noqa: F811  # fixture
    with psycopg.connect(world.url("postgres"), autocommit=True) as opened:
        rows = opened.execute(world.placed(statement)).fetchall()
    assert shows_canary(rows)


@pytest.mark.parametrize(
    "source",
    ["read_csv('@FILES/secret.csv')", "'@FILES/secret.parquet'", "read_text('@FILES/secret.txt')"],
)
def test_control_canaries_are_found_in_an_open_duckdb(source, world):  # noqa: F811  # fixture
    assert shows_canary(duckdb.sql(world.placed(f"FROM {source}")).fetchall())


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO gold.orders (order_id) VALUES (1)",
        "WITH x AS (DELETE FROM gold.orders RETURNING *) SELECT * FROM x",
        "CREATE TABLE x AS SELECT * FROM gold.orders",
        "COPY (SELECT * FROM gold.orders) TO '@FILES/taken.csv'",
        "SELECT lo_put(4242, 0, 'x')",
        "SELECT nextval('public.counter')",
        "COMMENT ON TABLE gold.orders IS 'x'; CREATE SCHEMA s",
        "ALTER DATABASE @DATABASE SET work_mem = '5MB'",
    ],
)
def test_control_writes_are_seen_on_an_open_postgres(statement, server, tmp_path_factory):
    spoiled = _spoiled(server, tmp_path_factory)
    before = spoiled.fingerprint()
    with psycopg.connect(spoiled.url("postgres"), autocommit=True) as opened:
        opened.execute(spoiled.placed(statement))
    assert spoiled.fingerprint() != before


def _spoiled(server, tmp_path_factory, made=[]):  # noqa: B006  # one for all of them
    if not made:
        folder = tmp_path_factory.mktemp("spoiled")
        for parent in (folder, *folder.parents):  # PostgreSQL runs as another user than root
            if parent == Path(tempfile.gettempdir()):
                break
            parent.chmod(0o755)
        made.append(World.made(server, "spoiled", folder / "canaries"))
    return made[0]


def test_what_analysts_ask_is_not_taken_for_hostile():
    values = {"since": "2026-02-01", "amount": 1, "more": 1}
    for text in legitimate().values():
        used = {key: value for key, value in values.items() if f"${key}" in text}
        assert guarded(text, RELATIONS, parameters=used, filters=OWN_ROWS).postgres
