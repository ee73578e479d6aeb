"""Deliveries of W8 hold what they say, and a history that does not is noticed."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import astuple

import duckdb
import pytest

from benchmarks.data import PEERS
from benchmarks.merges import Merge, WrongHistoryError, checked
from benchmarks.ours.merges import merges
from benchmarks.profiles import Profiles
from lakehouse.engines.spark.jars import jar_paths
from lakehouse.engines.spark.java import java_environment

# By hand, of 20,000 keys: a delivery has 200 rows, of which 1 % are 2. Current and closed rows.
PLANTED = {
    "first": (20_000, 0),
    "warm-up": (20_000, 2),
    "0": (20_000, 2),
    "1": (20_000, 4),
    "100": (20_000, 204),
}


@pytest.fixture(scope="module")
def profiles(tmp_path_factory):
    return Profiles.make(20_000, tmp_path_factory.mktemp("profiles"))


def test_deliveries_change_what_they_say(profiles):
    assert (profiles.keys, profiles.rows) == (20_000, 200)
    names = [file.name for file in profiles.files]
    assert names == ["first.csv", "warm-up.csv", "0.csv", "1.csv", "100.csv"]
    db = duckdb.connect()
    db.execute(f"CREATE TEMP TABLE first AS FROM '{profiles.first}'")
    found = []
    for each in profiles.deliveries:
        [counted] = db.sql(f"""
            SELECT count(*), count(DISTINCT user_id), count_if(n.updated_at > f.updated_at),
                   count_if((n.join_date, n.country, n.device_type, n.subscription_type)
                            IS DISTINCT FROM
                            (f.join_date, f.country, f.device_type, f.subscription_type))
            FROM '{each.file}' AS n JOIN first AS f USING (user_id)""").fetchall()
        found.append((*counted, each.changed))
    assert found == [
        (200, 200, 200, 2, 2),
        (200, 200, 200, 0, 0),
        (200, 200, 200, 2, 2),
        (200, 200, 200, 200, 200),
    ]
    whole = ", ".join(f"'{file}'" for file in profiles.files[1:])
    users = db.sql(f"SELECT count(DISTINCT user_id) FROM read_csv([{whole}])").fetchall()
    assert users == [(800,)]  # nobody is in two deliveries


def histories(changed=()):
    rows = PLANTED | dict(changed)
    return {name: Merge(1.0, current, closed) for name, (current, closed) in rows.items()}


def test_the_history_that_was_planted_is_right(profiles):
    assert checked("ours-spark", histories(), profiles) == histories()
    again = histories({"unchanged": (20_000, 204)})
    assert checked("ours-spark", again, profiles) == again


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"1": (20_000, 3)}, id="a-change-is-missing"),
        pytest.param({"0": (20_000, 3)}, id="a-change-too-many"),
        pytest.param({"first": (19_999, 0)}, id="a-user-is-missing"),
        pytest.param({"unchanged": (20_000, 205)}, id="nothing-came-and-changed"),
    ],
)
def test_another_history_is_wrong(profiles, changed):
    with pytest.raises(WrongHistoryError, match="ours-spark"):
        checked("ours-spark", histories(changed), profiles)


def test_a_delivery_that_was_not_merged_is_missed(profiles):
    found = histories()
    del found["100"]
    with pytest.raises(WrongHistoryError, match="ours-spark"):
        checked("ours-spark", found, profiles)


def told_by(script, home, profiles, *more):
    command = [sys.executable, str(PEERS / script), *map(str, profiles.files), *more]
    done = subprocess.run(
        [*command, "--home", str(home)],
        check=True,
        capture_output=True,
        env=java_environment(),
    )
    told = json.loads(done.stdout.splitlines()[-1])
    return {name: (each["current"], each["closed"]) for name, each in told.items()}


def test_duckdb_has_the_history_that_was_planted(profiles, tmp_path):
    assert told_by("duckdb_scd2.py", tmp_path, profiles) == PLANTED


@pytest.mark.slow
def test_the_textbook_has_the_history_that_was_planted(profiles, tmp_path):
    jars = ",".join(str(path) for path in jar_paths())
    assert told_by("textbook_scd2.py", tmp_path, profiles, "--jars", jars) == PLANTED


@pytest.mark.spark
def test_ours_has_the_history_that_was_planted_in_one_commit_a_change(lake, tmp_path):
    # By hand, of 10,000 keys: a delivery has 100 rows, of which 1 % is 1.
    small = Profiles.make(10_000, tmp_path / "profiles")
    told = merges(lake.open(), lake.raw, small.files)
    merged = checked("ours-spark", {name: Merge(**each) for name, each in told.items()}, small)
    counted = {name: astuple(each)[1:3] + astuple(each)[4:] for name, each in merged.items()}
    # Current and closed rows; commits to the history, and with those to its source.
    assert counted == {
        "first": (10_000, 0, 2, 4),
        "warm-up": (10_000, 1, 1, 2),
        "0": (10_000, 1, 0, 1),
        "1": (10_000, 2, 1, 2),
        "100": (10_000, 102, 1, 2),
        "unchanged": (10_000, 102, 0, 0),
    }
