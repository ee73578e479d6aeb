"""Maintenance changes files, never content; downstream does not even notice."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from chosen_engine import ON_DUCKDB
from deltalake import DeltaTable

from conftest import engine_of, release, signup
from lakehouse.catalog import views
from lakehouse.catalog.freshness import freshness
from lakehouse.engine.job import new_request
from lakehouse.engine.maintenance import COMPACTED, SKIPPED, UNCHANGED, maintain
from lakehouse.engines.spark import delta
from lakehouse.io import delta_log, ops
from lakehouse.io.locks import table_lock

pytestmark = [pytest.mark.spark, pytest.mark.e2e]

SIGNUPS, RELEASES, STATES = (
    "bronze.user_signups",
    "bronze.feature_releases",
    "silver.feature_states",
)


def upkeep(lake, *names, with_ops=False):
    with lake.open() as opened:
        done = maintain(opened, names, with_ops=with_ops)
    for each in done:
        assert each.error is None, each.trace
    return {each.table: each for each in done}


def state(lake, table):
    return lake.open().states.published(table)


@pytest.fixture
def releases(lake):
    """Three deliveries, so three small files; one reject each. Silver is up to date."""
    for n in range(1, 4):
        rows = [release("collab", f"2026-01-0{n}", f"{n}.0"), release("late", None)]
        lake.land(f"feature_releases/{n}.jsonl", rows)
        lake.run(RELEASES)
    lake.run(STATES)
    return lake


@pytest.fixture
def nothing_is_kept(monkeypatch):
    """What Delta refuses, and rightly: delete every file that the newest version does not need."""
    store = store_class()
    careful = store.vacuum

    def careless(self, uri, _retention):
        if ON_DUCKDB:
            careful(self, uri, timedelta(0))
            return
        check = "spark.databricks.delta.retentionDurationCheck.enabled"
        with delta.configured(self._spark, {check: "false"}):
            careful(self, uri, timedelta(0))

    monkeypatch.setattr(store, "vacuum", careless)


def store_class():
    from lakehouse.engines.duckdb.store import DuckdbStore  # noqa: PLC0415  # one of the two
    from lakehouse.engines.spark.store import SparkStore  # noqa: PLC0415  # same

    return DuckdbStore if ON_DUCKDB else SparkStore


def test_a_table_and_its_quarantine_are_compacted_and_nobody_downstream_works(releases):
    lake = releases
    rows, before = lake.rows(RELEASES, technical=True), state(lake, RELEASES)
    rejects = views.rejected(lake.registry[RELEASES].table, lake.settings, None)
    done = upkeep(lake, RELEASES)
    table, rejected = done[RELEASES], done["quarantine.feature_releases"]
    assert (table.outcome, table.before.files, table.after.files) == (COMPACTED, 3, 1)
    assert (rejected.outcome, rejected.before.files, rejected.after.files) == (COMPACTED, 3, 1)
    assert (table.removed, rejected.removed) == (0, 0), "30 days are not over"

    after = state(lake, RELEASES)
    assert after.version == after.head == before.version + 1
    assert after.same_since == before.version
    assert after.published_at == before.published_at
    assert delta_log.latest_version(lake.settings.table_uri(RELEASES)) == after.version
    assert lake.rows(RELEASES, technical=True) == rows
    assert views.rejected(lake.registry[RELEASES].table, lake.settings, None) == rejects

    commits, silver = lake.commits(STATES), lake.rows(STATES)
    assert freshness(lake.registry, lake.settings, [STATES])[0].checked == "checked"
    outcomes = lake.run(RELEASES, STATES)
    assert {outcome.outcome for outcome in outcomes.values()} == {"unchanged"}
    assert lake.commits(STATES) == commits
    assert lake.rows(STATES) == silver
    assert lake.commits(RELEASES) == after.version + 1

    again = upkeep(lake, RELEASES)
    assert {each.outcome for each in again.values()} == {UNCHANGED}
    assert state(lake, RELEASES) == after


def test_the_next_delivery_is_read_from_where_downstream_was(releases):
    lake = releases
    upkeep(lake, RELEASES, STATES)
    consumed, new = state(lake, STATES).inputs[RELEASES].number, state(lake, RELEASES).version
    assert consumed == new - 1
    lake.land("feature_releases/4.jsonl", [release("search", "2026-01-04")])
    reason = lake.run(RELEASES, STATES)[STATES].reason
    assert reason.startswith(f"{RELEASES} {consumed}→{new + 1}, rows up to 2026-01-04 count")
    names = [(row["feature_id"], str(row["effective_from"])) for row in lake.rows(STATES)]
    assert names == [
        ("collab", "2026-01-01"),
        ("collab", "2026-01-02"),
        ("collab", "2026-01-03"),
        ("search", "2026-01-04"),
    ]


def test_who_consumed_a_version_that_is_gone_recomputes_and_is_right(releases, nothing_is_kept):
    lake = releases
    consumed = state(lake, STATES).inputs[RELEASES].number
    lake.land("feature_releases/4.jsonl", [release("search", "2026-01-04")])
    lake.run(RELEASES)
    done = upkeep(lake, RELEASES)[RELEASES]
    assert (done.before.files, done.after.files) == (4, 1)
    assert done.removed >= 4, "the four, and what tasks wrote that were not committed"
    assert done.removed_bytes >= done.before.bytes
    published = state(lake, RELEASES).version
    uri = lake.settings.table_uri(RELEASES)
    assert engine_of(RELEASES, lake.spark).store.changes(uri, consumed, published) is None
    reason = lake.run(STATES)[STATES].reason
    assert "change history of bronze.feature_releases is gone" in reason
    assert [row["feature_id"] for row in lake.rows(STATES)] == ["collab"] * 3 + ["search"]
    with lake.open() as opened:
        from lakehouse.engine.verify import verify  # noqa: PLC0415  # only here

        assert verify(opened.job(STATES, new_request())).is_equal


def test_what_a_killed_writer_left_goes_when_it_is_old_enough(releases):
    lake = releases
    folder = Path(lake.settings.table_uri(RELEASES))
    data = [path for path in folder.rglob("*.parquet") if "_delta_log" not in path.parts]
    long_ago = time.time() - timedelta(days=400).total_seconds()
    old, young = folder / "old.parquet", folder / "young.parquet"
    changes = folder / "_change_data" / "cdc-old.parquet"
    changes.parent.mkdir(exist_ok=True)
    for path in (old, young, changes):
        path.write_bytes(data[0].read_bytes())
    for path in (old, changes, *data):
        os.utime(path, (long_ago, long_ago))
    rows = lake.rows(RELEASES)
    done = upkeep(lake, RELEASES)[RELEASES]
    assert not old.exists()
    assert not changes.exists()
    assert young.exists(), "its writer may be about to commit it"
    assert done.outcome == COMPACTED
    assert all(path.exists() for path in data), "versions of today need them, old as they are"
    assert done.removed == 2
    assert lake.rows(RELEASES) == rows


def test_a_locked_an_unaudited_a_dead_and_an_absent_table_are_left_alone(lake, monkeypatch):
    lake.land("user_signups/1.jsonl", [signup("a")])
    lake.run(SIGNUPS)
    uri = lake.settings.table_uri(SIGNUPS)
    with table_lock(lake.settings, SIGNUPS):
        assert upkeep(lake, SIGNUPS)[SIGNUPS].outcome == SKIPPED
    assert upkeep(lake, RELEASES)[RELEASES].note == "never published"

    lake.land("user_signups/2.jsonl", [signup("b")])
    with lake.open() as opened:
        assert opened.run_stage(SIGNUPS, "process", new_request()).error is None
    version, published = delta_log.latest_version(uri), state(lake, SIGNUPS)
    assert version == published.version + 1
    for note in ("waits for its output gate", "died before publishing"):
        done = upkeep(lake, SIGNUPS)[SIGNUPS]
        assert (done.outcome, done.removed) == (SKIPPED, 0)
        assert note in done.note
        lake.open().states.withdraw(SIGNUPS)
    assert (delta_log.latest_version(uri), state(lake, SIGNUPS)) == (version, published)

    # The next run rolls it back and loads the file: then the restored version is no obstacle.
    lake.run(SIGNUPS)
    assert sorted(row["user_id"] for row in lake.rows(SIGNUPS)) == ["a", "b"]
    assert upkeep(lake, SIGNUPS)[SIGNUPS].outcome == COMPACTED


def test_an_error_of_one_table_does_not_stop_the_others(lake, monkeypatch):
    for number in range(2):
        lake.land(f"user_signups/{number}.jsonl", [signup(f"u{number}")])
        lake.run(SIGNUPS)

    def broken(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_class(), "optimize", broken)
    with lake.open() as opened:
        done = maintain(opened, [SIGNUPS, RELEASES], with_ops=False)
    assert [(each.table, each.outcome, each.exit_code) for each in done] == [
        (SIGNUPS, "failed", 75),
        (RELEASES, SKIPPED, 0),
    ]
    assert done[0].row["note"]


def test_ops_tables_are_compacted_and_unnamed_old_manifests_deleted(lake):
    for n in range(2):
        lake.land(f"user_signups/{n}.jsonl", [signup(f"u{n}")])
        lake.run(SIGNUPS)
    folder = Path(lake.settings.root_uri) / "ops" / "manifests"
    named = state(lake, SIGNUPS).position
    assert len(list(folder.iterdir())) == 2
    fortnight_ago = time.time() - 14 * 86_400
    for path in folder.iterdir():
        os.utime(path, (fortnight_ago, fortnight_ago))
    (folder / "young.json").write_text("{}")
    runs = ops.read(lake.settings, "runs", "SELECT * FROM t ORDER BY ended_at")
    done = upkeep(lake, with_ops=True)
    assert (done["ops.runs"].before.files, done["ops.runs"].after.files) == (2, 1)
    assert done["ops.quality_results"].after.files == 1
    assert done["ops.manifests"].removed == 1
    assert {path.stem for path in folder.iterdir()} == {named, "young"}
    assert ops.read(lake.settings, "runs", "SELECT * FROM t ORDER BY ended_at") == runs
    log = Path(lake.settings.table_uri("ops.runs")) / "_delta_log"
    assert list(log.glob("*.checkpoint.parquet"))


@pytest.mark.jvm  # a setting that delta-rs does not obey
def test_old_versions_are_read_and_restored_whatever_delta_thinks_of_their_age(lake, tmp_path):
    uri = str(tmp_path / "old")
    spark = lake.spark
    spark.sql(
        f"CREATE TABLE {delta.quoted(uri)} (n INT) USING delta TBLPROPERTIES "
        "('delta.deletedFileRetentionDuration' = 'interval 1 second', "
        "'delta.enableChangeDataFeed' = 'true')"
    )
    for n in range(3):
        spark.sql(f"INSERT INTO {delta.quoted(uri)} VALUES ({n})")
    time.sleep(1.5)
    assert delta.read(spark, uri, 2).count() == 2
    feed = delta.changes(spark, uri, 1, 3)
    assert feed is not None
    assert feed.count() == 2
    delta.restore(spark, uri, 1)
    assert delta.read(spark, uri).count() == 1


def test_a_longer_retention_keeps_the_log_as_long(lake):
    table = replace(lake.registry[SIGNUPS].table, retention=timedelta(days=90))
    uri = lake.settings.table_uri("bronze.kept")
    engine_of(table.name, lake.spark).store.create(uri, table)
    kept = DeltaTable(uri).metadata().configuration["delta.logRetentionDuration"]
    assert kept == "interval 90 days"
