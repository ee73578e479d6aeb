"""What the log says without an engine: literal logs, and tables that delta-rs wrote."""

from __future__ import annotations

import json
from datetime import date, timedelta
from urllib.parse import unquote

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from pyarrow import parquet

from lakehouse.io import delta_log
from lakehouse.io.delta_log import Feed, Span


def data(path, **more):
    return {"path": path, "dataChange": True, **more}


LOG = {
    0: [{"protocol": {}}, {"metaData": {}}],
    1: [{"add": data("a%20b.parquet")}, {"commitInfo": {}}],
    2: [
        {"remove": data("a%20b.parquet")},
        {"add": data("c.parquet")},
        {"cdc": {"path": "_change_data/x.parquet", "dataChange": False}},
    ],
    3: [{"add": data("e.parquet")}, {"remove": data("c.parquet")}],
    4: [
        {"remove": {"path": "e.parquet", "dataChange": False}},
        {"add": {"path": "d.parquet", "dataChange": False}},
    ],
}
FEED = Feed(["_change_data/x.parquet"], ["a b.parquet", "e.parquet"], ["c.parquet"])


def write_commit(table, version, actions):
    text = "\n".join(json.dumps(action) for action in actions)
    (table / f"_delta_log/{version:020}.json").write_text(text)


@pytest.fixture
def table(tmp_path):
    (tmp_path / "_delta_log").mkdir()
    for version, actions in LOG.items():
        write_commit(tmp_path, version, actions)
    for path in (*FEED.described, *FEED.added, *FEED.removed, "d.parquet"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(b"")
    return tmp_path


def test_a_feed_is_what_commits_tell_else_what_they_added_and_removed(table):
    assert delta_log.feed(str(table), 0, 4) == FEED.at(str(table))
    assert delta_log.feed(str(table), 2, 2) == Feed()


@pytest.mark.parametrize(
    ("lost", "broken"),
    [
        (None, set()),
        ("a b.parquet", {1}),
        ("_change_data/x.parquet", {2}),
        ("c.parquet", {3}),
        ("d.parquet", set()),
        (f"_delta_log/{1:020}.json", {1}),
    ],
    ids=["nothing", "data", "changes", "removed", "compacted", "commit"],
)
def test_a_feed_cannot_be_told_when_a_file_of_it_is_gone(table, lost, broken):
    if lost:
        (table / lost).unlink()
    found = {v for v in range(1, 5) if delta_log.feed(str(table), v - 1, v) is None}
    assert found == broken
    assert (delta_log.feed(str(table), 0, 4) is None) == bool(broken)


def test_a_feed_of_deletion_vectors_cannot_be_told_from_whole_files(table):
    write_commit(table, 5, [{"add": data("d.parquet", deletionVector={"storageType": "i"})}])
    assert delta_log.feed(str(table), 4, 5) is None


def test_a_snapshot_names_the_files_and_the_columns_of_its_version(tmp_path):
    uri = str(tmp_path / "odd name?")
    for n in range(2):
        write_deltalake(uri, pa.table({"n": pa.array([n], pa.int64())}), mode="append")
    for version, n_files in ((0, 1), (1, 2), (None, 2)):
        found = delta_log.snapshot(uri, version)
        assert sorted(found.paths) == sorted(
            map(unquote, DeltaTable(uri, version=version).file_uris())
        )
        assert len(found.paths) == n_files
        assert [(f["name"], f["type"]) for f in found.schema["fields"]] == [("n", "long")]


def test_a_snapshot_of_a_span_leaves_out_files_of_other_days(tmp_path):
    uri = str(tmp_path / "t")
    monday = date(2026, 1, 5)

    def day(number):
        return None if number is None else monday + timedelta(days=number)

    for numbers in ((0, 2), (2, 5), (7, 9), (None, None)):
        days = pa.array([*map(day, numbers)], pa.date32())
        write_deltalake(uri, pa.table({"day": days, "n": [1, 2]}), mode="append")

    def firsts(first, last, column="day"):
        paths = delta_log.snapshot(uri, None, Span(column, day(first), day(last))).paths
        return {parquet.read_table(path)["day"][0].as_py() for path in paths}

    unknown = day(None)
    assert firsts(0, 0) == {day(0), unknown}
    assert firsts(2, 2) == {day(0), day(2), unknown}, "both ends are included"
    assert firsts(6, 6) == {unknown}, "without statistics a file may hold anything"
    assert firsts(5, 9) == {day(2), day(7), unknown}
    assert firsts(0, 0, column="other") == {day(0), day(2), day(7), unknown}
    DeltaTable(uri).delete("day IS NULL")
    assert len(firsts(6, 6)) == 1, "there is something to read, always"


def test_totals_come_from_statistics_or_not_at_all(tmp_path):
    uri = str(tmp_path / "t")
    monday, before, nothing = date(2026, 1, 5), date(2025, 12, 31), None
    for days in ([before], [monday, nothing], [nothing], [before] * 2):
        write_deltalake(uri, pa.table({"day": pa.array(days, pa.date32())}), mode="append")
    assert delta_log.totals(uri, 3, ["day"]) == (6, {"day": monday})
    assert delta_log.totals(uri, 3, []) == (6, {})
    assert delta_log.totals(uri, 7, ["day"]) is None, "no such version"
    assert delta_log.totals(uri, 3, ["other"]) is None
    DeltaTable(uri).delete()
    assert delta_log.totals(uri, 4, ["day"]) == (0, {})


def test_what_files_alone_do_not_tell_is_left_to_the_engine(tmp_path, monkeypatch):
    uri = str(tmp_path / "t")
    assert delta_log.snapshot(uri, None) is None, "nothing there"
    one = pa.table({"n": [1], "day": ["x"]})
    write_deltalake(uri, one, partition_by=["day"])
    assert delta_log.snapshot(uri, None) is None, "values in the names of folders"
    write_deltalake(f"{uri}2", one)
    assert delta_log.snapshot(f"{uri}2", 7) is None, "no such version"
    assert delta_log.snapshot(f"{uri}2", 0) is not None
    monkeypatch.setattr(delta_log, "MOST_FILES", 0)
    assert delta_log.snapshot(f"{uri}2", 0) is None, "very many files"
    DeltaTable(f"{uri}2").delete()
    monkeypatch.undo()
    assert delta_log.snapshot(f"{uri}2", None) is None, "no file has no columns"
