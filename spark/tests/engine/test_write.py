"""Rows become one commit that says what it is, or none: in real tables, whose log is read."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from engine.toy_jobs import INPUT_VERSION, toy, toy_job
from pyspark.sql import functions as F

from conftest import engine_of
from lakehouse.engine.write import written_differences, written_rows
from lakehouse.io import delta_log
from lakehouse.spec import DATE, LONG, STRING, Upsert

pytestmark = pytest.mark.spark


def visits_table(**more):
    columns = (("user_id", STRING), ("day", DATE), ("n", LONG))
    return toy("silver.visits", *columns, write=Upsert(keys=("user_id", "day")), **more)


def unused(*_):
    raise AssertionError("what is written is given")


@pytest.fixture
def make_job(spark, tmp_path):
    """A job in a folder of its own, with one published input."""

    def make(run_id, base=None, table=None):
        spec = table or visits_table()
        engine, root = engine_of(spec.name, spark), str(tmp_path)
        return toy_job(spec, unused, engine, base=base, root=root, run_id=run_id, token=3)

    return make


@pytest.fixture
def visits(spark):
    def made(*rows):
        told = [(user, date(2026, 1, day), n) for user, day, n in rows]
        return spark.createDataFrame(told, "user_id string, day date, n bigint")

    return made


def stored(job, version):
    found = job.engine.store.read(job.uri, version).collect()
    return sorted((row["user_id"] or "", row["day"].day, row["n"]) for row in found)


def note(job, version):
    [said] = delta_log.notes(job.uri, version - 1, version)
    return said


def actions_of(job, version, kind):
    return [each[kind] for each in delta_log.actions(job.uri, version) if kind in each]


@pytest.fixture
def filled(make_job, visits):
    """A job that finds rows of three days; their version is 1."""
    written_rows(make_job("first"), visits(("a", 1, 1), ("b", 2, 2), ("c", 3, 3)))
    return make_job("second", base=1)


def test_first_rows_create_the_table_and_are_one_commit_that_says_whence_they_come(
    make_job, visits
):
    job = make_job("first")
    written = written_rows(job, visits(("a", 1, 1), ("b", 2, 2)), position="up to here")
    assert (written.version, written.base, written.changed) == (1, None, {"insert": 2})
    assert actions_of(job, 0, "add") == [], "the table is created empty"
    assert stored(job, 1) == [("a", 1, 1), ("b", 2, 2)]
    assert note(job, 1) == {
        "run_id": "first",
        "token": 3,
        "table": "silver.visits",
        "as_of": None,
        "position": "up to here",
        "inputs": {"bronze.user_signups": INPUT_VERSION},
        "code": "code",
    }


def test_more_rows_leave_the_files_of_those_before_alone(filled, visits):
    written = written_rows(filled, visits(("d", 4, 4)))
    assert (written.version, written.base, written.changed) == (2, 1, {"insert": 1})
    assert actions_of(filled, 2, "remove") == []
    assert stored(filled, 2) == [("a", 1, 1), ("b", 2, 2), ("c", 3, 3), ("d", 4, 4)]


def test_what_is_equal_is_no_commit(filled, visits):
    same = visits(("a", 1, 1), ("b", 2, 2), ("c", 3, 3))
    written = written_differences(filled, same, same)
    assert (written.version, written.base, written.changed) == (1, 1, {})
    assert delta_log.latest_version(filled.uri) == 1


def test_new_rows_alone_are_appended_and_rewrite_no_file(filled, visits):
    current = filled.engine.store.read(filled.uri, 1)
    desired = visits(("a", 1, 1), ("b", 2, 2), ("c", 3, 3), ("a", 4, 9))
    written = written_differences(filled, current, desired)
    assert (written.version, written.changed) == (2, {"insert": 1})
    assert (actions_of(filled, 2, "remove"), actions_of(filled, 2, "cdc")) == ([], [])
    assert stored(filled, 2) == [("a", 1, 1), ("a", 4, 9), ("b", 2, 2), ("c", 3, 3)]
    said = note(filled, 2)
    assert (said["run_id"], said["changed"], said["days"]) == ("second", {"insert": 1}, None)


def test_new_changed_and_gone_rows_are_one_commit_with_a_change_feed(filled, visits):
    current = filled.engine.store.read(filled.uri, 1)
    desired = visits(("a", 1, 1), ("b", 2, 8), ("d", 4, 4))
    written = written_differences(filled, current, desired, position="there")
    assert (written.version, written.base) == (2, 1)
    assert written.changed == {"insert": 1, "update": 1, "delete": 1}
    assert delta_log.latest_version(filled.uri) == 2
    assert stored(filled, 2) == [("a", 1, 1), ("b", 2, 8), ("d", 4, 4)]
    assert (note(filled, 2)["changed"], note(filled, 2)["position"]) == (written.changed, "there")
    feed = filled.engine.store.changes(filled.uri, 1, 2)
    told = sorted((r["_change_type"], r["user_id"], r["n"]) for r in feed.collect())
    assert told == [
        ("delete", "c", 3),
        ("insert", "d", 4),
        ("update_postimage", "b", 8),
        ("update_preimage", "b", 2),
    ]


def test_a_commit_tells_the_days_it_is_about_and_leaves_files_of_others_alone(make_job, visits):
    ordered = visits_table(day="day")
    for number in (1, 2, 3):  # one file a day
        job = make_job(f"day {number}", base=number - 1 or None, table=ordered)
        written_rows(job, visits(("a", number, 1)))
    paths = {each["path"] for version in (1, 3) for each in actions_of(job, version, "add")}
    job = make_job("changed", base=3, table=ordered)
    current = job.engine.store.read(job.uri, 3)
    desired = visits(("a", 1, 1), ("a", 2, 5), ("b", 2, 1), ("a", 3, 1))
    written = written_differences(job, current, desired)
    assert written.changed == {"insert": 1, "update": 1}
    assert note(job, 4)["days"] == ["2026-01-02", "2026-01-02"]
    assert paths.isdisjoint(each["path"] for each in actions_of(job, 4, "remove"))
    assert stored(job, 4) == [("a", 1, 1), ("a", 2, 5), ("a", 3, 1), ("b", 2, 1)]


def test_a_first_load_that_ends_half_way_leaves_no_row(make_job, visits):
    job = make_job("ends")
    told = visits(("1", 1, 1), ("half way", 2, 1))
    broken = told.withColumn("n", F.col("user_id").cast("bigint"))
    with pytest.raises(Exception, match="half way"):
        written_rows(job, broken)
    logs = Path(job.uri, "_delta_log").glob("*.json")
    kept = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    assert [each for each in kept if "add" in each] == []
