"""Publishing to a real PostgreSQL: what readers get, what moves, and what a failure leaves."""

from __future__ import annotations

import os
import random
import shutil
import signal
import string
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from serving.toys import TOYS, ToyLake, toy

from conftest import depth
from lakehouse.catalog.registry import Registry, registry
from lakehouse.errors import ConfigError, PublishError, PublishRefusedError
from lakehouse.io.fault_points import SERVING_POINTS
from lakehouse.io.state import StateStore
from lakehouse.serving import publish as publishing
from lakehouse.serving.roles import READER, WRITER
from lakehouse.spec import STRING, Column

pytestmark = pytest.mark.serving
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
FULL = {
    "price": Decimal("12.30"),
    "share_rate": 0.1,
    "is_complete": True,
    "seen_at": MOMENT,
}
TEXTS = ["", "a,b", 'say "so"', "two\nlines", "\\N", "NULL", "é✓", "  "]


def held(reader, columns="kind, n"):
    return reader.execute(
        f"SELECT {columns} FROM gold.toys ORDER BY day, kind NULLS FIRST"
    ).fetchall()


def test_values_arrive_as_they_are(toys, writer, reader):
    toys.audit([toy("2026-01-01", None, 1, **FULL), toy("2026-01-01", "x", 2)])
    assert toys.publish(writer).outcome == "rebuilt"
    assert held(reader, "*") == [
        (date(2026, 1, 1), None, 1, Decimal("12.30"), 0.1, True, MOMENT),
        (date(2026, 1, 1), "x", 2, None, None, None, None),
    ]


def test_texts_that_a_csv_could_confuse_arrive_as_they_are(toys, writer, reader):
    toys.audit([toy("2026-01-01", text, 1) for text in [*TEXTS, None]])
    toys.publish(writer)
    found = reader.execute("SELECT kind FROM gold.toys").fetchall()
    assert {kind for (kind,) in found} == {*TEXTS, None}


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), 1e-308, 1.1 + 2.2, -0.0])
def test_doubles_arrive_to_the_last_bit(toys, writer, reader, number):
    toys.audit([toy("2026-01-01", "x", 1, share_rate=number)])
    toys.publish(writer)
    [(found,)] = held(reader, "share_rate")
    assert str(found) == str(number)


def test_types_keys_indexes_and_comments_come_from_the_spec(toys, writer, reader):
    toys.audit([toy("2026-01-01", "x", 1)])
    toys.publish(writer)
    columns = reader.execute(
        "SELECT attname, format_type(atttypid, atttypmod), attnotnull, "
        "col_description(attrelid, attnum) FROM pg_attribute "
        "WHERE attrelid = 'gold.toys'::regclass AND attnum > 0 ORDER BY attnum"
    ).fetchall()
    assert columns == [
        ("day", "date", True, "The toy's day."),
        ("kind", "text", False, "What it is; null = all."),
        ("n", "bigint", True, "How many."),
        ("price", "numeric(10,2)", False, "In euros."),
        ("share_rate", "double precision", False, "Share."),
        ("is_complete", "boolean", False, "Whether the day is over."),
        ("seen_at", "timestamp with time zone", False, "When."),
    ]
    [(comment,)] = reader.execute("SELECT obj_description('gold.toys'::regclass)").fetchall()
    assert comment == "Toys, by day and kind."
    indexes = reader.execute(
        "SELECT pg_get_indexdef(indexrelid) FROM pg_index "
        "WHERE indrelid = 'gold.toys'::regclass ORDER BY indexrelid"
    ).fetchall()
    key, other = (text.split(" USING btree ")[1] for (text,) in indexes)
    assert (key, other) == ("(day, kind) NULLS NOT DISTINCT", "(kind, day)")


def test_a_version_that_is_there_already_moves_nothing(toys, writer):
    toys.audit([toy("2026-01-01", "x", 1)])
    toys.publish(writer)
    again = toys.publish(writer)
    assert (again.outcome, again.moved) == ("unchanged", 0)


def test_the_same_version_number_of_a_table_made_anew_is_published(toys, writer, reader):
    toys.audit([toy("2026-01-01", "x", 1)])
    toys.publish(writer)
    shutil.rmtree(toys.settings.table_uri("gold.toys"))
    StateStore(toys.settings).forget("gold.toys")
    toys.audit([toy("2026-01-01", "x", 1), toy("2026-01-02", "y", 2)])
    done = toys.publish(writer)
    assert (done.outcome, done.version) == ("rebuilt", 0)
    assert held(reader) == [("x", 1), ("y", 2)]
    assert toys.publish(writer).outcome == "unchanged"


def test_only_rows_that_changed_move(toys, writer, reader):
    toys.audit([toy("2026-01-01", None, 1), toy("2026-01-01", "a", 1), toy("2026-01-02", "b", 1)])
    toys.publish(writer)
    stayed = held(reader, "xmin")[1]
    # One changed, one gone, one of a year that had no part yet.
    toys.audit([toy("2026-01-01", None, 9), toy("2026-01-01", "a", 1), toy("2027-05-05", "c", 2)])
    done = toys.publish(writer)
    assert (done.outcome, done.version, done.rows, done.moved) == ("changed", 1, 3, 4)
    assert held(reader) == [(None, 9), ("a", 1), ("c", 2)]
    assert held(reader, "xmin")[1] == stayed
    assert reader.execute("SELECT table_name, version, rows FROM ops.publications").fetchall() == [
        ("gold.toys", 1, 3)
    ]


def test_years_are_parts_of_their_own(toys, writer, reader):
    toys.audit([toy("2025-12-31", "a", 1), toy("2026-01-01", "b", 1)])
    toys.publish(writer)
    toys.audit([toy("2025-12-31", "a", 1), toy("2027-01-01", "c", 1)])
    toys.publish(writer)
    plan = reader.execute("EXPLAIN SELECT * FROM gold.toys WHERE day >= '2027-01-01'").fetchall()
    text = "\n".join(line for (line,) in plan)
    assert "gold_toys_2027" in text
    assert "gold_toys_2025" not in text


def test_another_declaration_rebuilds(toys, writer, reader):
    toys.audit([toy("2026-01-01", "x", 1)])
    toys.publish(writer)
    wider = replace(TOYS, columns=(*TOYS.columns[:2], replace(TOYS.columns[2], doc="More.")))
    assert ToyLake(toys.settings, wider).publish(writer).outcome == "rebuilt"
    assert held(reader, "*") == [(date(2026, 1, 1), "x", 1)]


def test_a_copy_of_a_table_that_waits_to_be_migrated_stays(toys, writer, reader):
    toys.audit([toy("2026-01-01", "x", 1)])
    toys.publish(writer)
    more = replace(TOYS, columns=(*TOYS.columns, Column("colour", STRING, "Its colour.")))
    assert ToyLake(toys.settings, more).publish(writer).outcome == publishing.WAITS
    assert held(reader) == [("x", 1)]


def test_a_version_that_the_lake_no_longer_keeps_rebuilds(toys, writer, reader):
    toys.audit([toy("2026-01-01", "x", 1)])
    toys.publish(writer)
    for path in Path(toys.settings.table_uri("gold.toys")).glob("*.parquet"):
        path.unlink()
    toys.audit([toy("2026-01-01", "x", 2)])
    assert toys.publish(writer).outcome == "rebuilt"
    assert held(reader) == [("x", 2)]


@pytest.mark.parametrize(
    "meddling",
    ["DELETE FROM gold.toys", "INSERT INTO gold.toys (day, kind, n) VALUES ('2026-03-03', 'z', 1)"],
)
def test_a_copy_somebody_else_changed_is_built_anew(toys, writer, reader, meddling):
    toys.audit([toy("2026-01-01", "x", 1), toy("2026-01-02", "y", 1)])
    toys.publish(writer)
    with psycopg.connect(writer, autocommit=True) as opened:
        opened.execute(meddling)
    toys.audit([toy("2026-01-01", "x", 1), toy("2026-03-03", "z", 2)])
    assert toys.publish(writer).outcome == "rebuilt"
    assert held(reader) == [("x", 1), ("z", 2)]


def test_the_reader_reads_and_no_more(toys, writer, reader):
    toys.audit([toy("2026-01-01", "x", 1)])
    toys.publish(writer)
    reader.execute("SET default_transaction_read_only = off")
    for statement in (
        "DELETE FROM gold.toys",
        "DROP TABLE gold.toys",
        "CREATE TABLE gold.mine (n int)",
        "CREATE TABLE public.mine (n int)",
        "UPDATE ops.publications SET version = 9",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(statement)


def test_readers_see_one_version_or_the_other_through_many_publications(toys, writer, reader):
    _publish_version(toys, writer, 0)
    torn, polls = watch(
        reader,
        lambda: [
            _publish_version(toys, writer, n, rebuild=n % 3 == 0) for n in range(1, depth(31, 101))
        ],
    )
    assert polls > 100
    assert not torn


def test_control_the_same_reader_notices_a_copy_that_is_emptied_first(toys, writer, reader):
    _publish_version(toys, writer, 0)

    def careless():
        with psycopg.connect(writer, autocommit=True) as opened:
            for n in range(1, 30):
                opened.execute("TRUNCATE gold.toys")
                for kind in "abcde":
                    opened.execute(
                        "INSERT INTO gold.toys (day, kind, n) VALUES ('2026-01-01', %s, %s)",
                        (kind, n),
                    )

    torn, _polls = watch(reader, careless)
    assert torn


def watch(reader, work):
    """What a reader who never stops asking saw that is no version, while work is done."""
    torn, polls, failures, done = [], 0, [], threading.Event()

    def busy():
        try:
            work()
        except Exception as error:  # noqa: BLE001  # a thread's error is told by nobody else
            failures.append(error)
        finally:
            done.set()

    worker = threading.Thread(target=busy)
    worker.start()
    while not done.is_set():
        try:
            [seen] = reader.execute("SELECT min(n), max(n), count(*) FROM gold.toys").fetchall()
        except psycopg.Error as error:
            seen = (error, None, None)
        polls += 1
        if seen[0] != seen[1] or seen[2] != 5:
            torn.append(seen)
    worker.join()
    assert not failures
    return torn, polls


def _publish_version(toys, writer, n, *, rebuild=False):
    toys.audit([toy("2026-01-01", kind, n) for kind in "abcde"])
    toys.publish(writer, rebuild=rebuild)


@pytest.mark.parametrize("rebuild", [False, True], ids=["changes", "rebuild"])
@pytest.mark.parametrize("point", SERVING_POINTS)
def test_a_publication_killed_anywhere_leaves_a_whole_version_and_the_next_one_ends_it(
    toys, writer, reader, point, rebuild
):
    toys.audit([toy("2026-01-01", "old", 1)])
    if not rebuild:
        toys.publish(writer)
    toys.audit([toy("2026-01-01", "new", 2), toy("2027-01-01", "new", 3)])
    killed = subprocess.run(
        [sys.executable, "-m", "serving.toys", toys.settings.root, writer],
        env=os.environ | {"LAKEHOUSE_FAULT": point, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    is_reached = rebuild or point != "publish_staged"
    assert killed.returncode == (-signal.SIGKILL if is_reached else 0)
    if point != "publish_committed" and is_reached:
        exists = reader.execute("SELECT to_regclass('gold.toys') IS NOT NULL").fetchone()
        assert exists == (not rebuild,)
        assert rebuild or held(reader) == [("old", 1)]
    toys.publish(writer)
    assert held(reader) == [("new", 2), ("new", 3)]


def test_a_database_that_goes_away_in_the_middle_asks_for_a_retry(toys, own_server, monkeypatch):
    url = own_server.url(WRITER)
    toys.audit([toy("2026-01-01", "old", 1)])
    toys.publish(url)
    toys.audit([toy("2026-01-01", "new", 2)])

    def cut(point, _table):
        if point == "publish_applied":
            own_server.down()
            own_server.up()

    monkeypatch.setattr(publishing, "fault_point", cut)
    with pytest.raises(PublishError) as caught:
        toys.publish(url)
    assert caught.value.exit_code == 75
    monkeypatch.undo()
    with psycopg.connect(own_server.url(READER)) as opened:
        assert held(opened) == [("old", 1)]
    assert toys.publish(own_server.url(WRITER)).outcome == "changed"
    with psycopg.connect(own_server.url(READER)) as opened:
        assert held(opened) == [("new", 2)]


def test_a_database_that_is_away_asks_for_a_retry(toys):
    toys.audit([toy("2026-01-01", "x", 1)])
    with pytest.raises(PublishError) as caught:
        toys.publish("postgresql://someone:secret@127.0.0.1:9/lakehouse")
    assert caught.value.exit_code == 75
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [("lakehouse_writer", "nobody_knows"), ("/lakehouse", "/nowhere"), ("postgresql", "mysql")],
    ids=["role", "database", "scheme"],
)
def test_a_wrong_url_is_a_wrong_setting(toys, writer, old, new):
    toys.audit([toy("2026-01-01", "x", 1)])
    with pytest.raises(ConfigError, match="LAKEHOUSE_POSTGRES_URL"):
        toys.publish(writer.replace(old, new, 1))


def test_two_publishers_at_once_leave_the_newest_version(toys, writer, reader):
    toys.audit([toy("2026-01-01", "x", 0)])
    failures: list[BaseException] = []

    def work():
        try:
            for n in range(10):
                toys.publish(writer, rebuild=n % 2 == 0)
        except Exception as error:  # noqa: BLE001  # a thread's error is told by nobody else
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for n in range(1, 10):
        toys.audit([toy("2026-01-01", "x", n)])
    for thread in threads:
        thread.join()
    assert not failures
    toys.publish(writer)
    assert held(reader) == [("x", 9)]


def test_every_table_of_the_lake_has_a_line_of_status(toys, writer, reader):
    toys.audit([toy("2026-01-01", "x", 1)])
    toys.publish(writer)
    rows = reader.execute(
        "SELECT table_name, layer, owner, rows, n_checks, rows_in FROM ops.table_status"
    ).fetchall()
    assert rows == [("gold.toys", "gold", "tests", 1, 0, 0)]


def test_every_gold_table_is_served_and_served_tables_have_forty_indexes():
    served = registry().served
    assert {e.table.name for e in registry() if e.table.layer == "gold"} <= set(served)
    indexes = [1 + len(registry()[name].table.serve.indexes) for name in served]
    assert sum(indexes) >= 40


def test_records_of_an_older_layout_are_made_again(toys, writer, reader):
    toys.audit([toy("2026-01-01", "x", 1)])
    toys.publish(writer)
    with psycopg.connect(writer, autocommit=True) as opened:
        opened.execute("ALTER TABLE ops.publications DROP COLUMN definition")
        opened.execute("ALTER TABLE ops.table_status ADD COLUMN mood text")
    assert toys.publish(writer).outcome == "rebuilt"
    assert held(reader) == [("x", 1)]
    assert reader.execute("SELECT count(*) FROM ops.table_status").fetchall() == [(1,)]


def test_a_table_the_lake_never_published_is_there_and_empty(toys, writer, reader):
    assert toys.publish(writer).outcome == "absent"
    assert held(reader) == []
    assert reader.execute("SELECT * FROM ops.publications").fetchall() == []
    toys.audit([toy("2026-01-01", "x", 1)])
    assert toys.publish(writer).outcome == "rebuilt"
    assert held(reader) == [("x", 1)]


def test_a_reader_who_does_not_end_keeps_a_rebuild_out_and_asks_for_a_retry(
    toys, writer, reader, monkeypatch
):
    monkeypatch.setattr(publishing, "LOCK_SECONDS", 1)
    toys.audit([toy("2026-01-01", "a", 1)])
    toys.publish(writer)
    toys.audit([toy("2026-01-01", "a", 2)])
    with reader.transaction():
        assert held(reader) == [("a", 1)]
        with pytest.raises(PublishError, match="canceling statement due to lock timeout") as raised:
            toys.publish(writer, rebuild=True)
        assert raised.value.exit_code == 75
        assert held(reader) == [("a", 1)]
    assert toys.publish(writer).version == 1
    assert held(reader) == [("a", 2)]


def test_a_copy_that_is_not_whole_never_takes_the_place_of_the_served_one(toys, writer, reader):
    toys.audit([toy("2026-01-01", "a", 1)])
    toys.publish(writer)
    toys.audit([toy("2026-01-01", "a", 2)], counted=2)
    with pytest.raises(PublishError, match="would hold 1 rows, version 1 has 2"):
        toys.publish(writer, rebuild=True)
    assert held(reader) == [("a", 1)]


def test_a_staging_table_left_behind_is_no_obstacle(toys, writer, reader):
    toys.audit([toy("2026-01-01", "x", 1)])
    toys.publish(writer)
    with psycopg.connect(writer, autocommit=True) as opened:
        opened.execute("CREATE TABLE staging.toys (n int)")
    shutil.rmtree(Path(toys.settings.table_uri("gold.toys")))
    (Path(toys.settings.root_uri) / "ops/published/gold.toys.json").unlink()
    toys.audit([toy("2026-01-02", "y", 1)])
    assert toys.publish(writer, rebuild=True).outcome == "rebuilt"
    assert held(reader) == [("y", 1)]


OTHERS = replace(TOYS, name="gold.others")


def long_text(chance: random.Random, n: int) -> str:
    """What nothing can compress."""
    return "".join(chance.choices(string.ascii_letters + string.digits, k=n))


def test_a_value_that_the_database_cannot_hold_keeps_no_other_row_out(toys, writer, reader):
    long = long_text(random.Random(7), 20_000)
    toys.audit(
        [
            toy("2026-01-01", "a", 1),
            toy("2026-01-02", "n\0l", 2),
            toy("2026-01-03", long, 3),
            toy("2026-01-04", "x" * 20_000, 4),
        ]
    )
    for _ in range(2):  # it is told again as long as it is so
        with pytest.raises(PublishRefusedError) as raised:
            toys.publish(writer)
        assert raised.value.exit_code == 65
        text = str(raised.value)
        assert "gold.toys" in text
        assert "day 2026-01-02, kind n\\x00l (kind holds the character U+0000)" in text
        assert f"day 2026-01-03, kind {long[:40]}… (20,000 bytes)" in text
        assert [n for _, n in held(reader)][:1] == [1]
        assert {n for _, n in held(reader)}.isdisjoint({2, 3})
    toys.audit([toy("2026-01-01", "a", 1), toy("2026-01-04", "b", 4)])
    assert toys.publish(writer).left_out == ()
    assert held(reader) == [("a", 1), ("b", 4)]


def test_a_value_that_cannot_be_held_comes_later_and_goes(toys, writer, reader):
    toys.audit([toy("2026-01-01", "a", 1)])
    toys.publish(writer)
    toys.audit([toy("2026-01-01", "a", 9), toy("2026-01-02", "n\0l", 2)])
    with pytest.raises(PublishRefusedError):
        toys.publish(writer)
    assert held(reader) == [("a", 9)]
    toys.audit([toy("2026-01-01", "a", 9), toy("2026-01-02", "nl", 2)])
    toys.publish(writer)
    assert held(reader) == [("a", 9), ("nl", 2)]


def test_a_table_that_is_refused_keeps_no_other_out(toys, writer, reader):
    others = ToyLake(toys.settings, OTHERS)
    toys.audit([toy("2026-01-01", "a", 1), toy("2026-01-01", "a", 2)])
    others.audit([toy("2026-01-01", "a", 1)])
    both = Registry({**toys.registry.entries, **others.registry.entries})
    with pytest.raises(PublishRefusedError, match=r"gold\.toys: could not create unique index"):
        publishing.publish(toys.settings, both, ["gold.toys", "gold.others"], writer)
    assert reader.execute("SELECT kind, n FROM gold.others").fetchall() == [("a", 1)]
