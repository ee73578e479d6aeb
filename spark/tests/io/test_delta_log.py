"""What the log says without an engine: literal logs, and tables that delta-rs wrote."""

from __future__ import annotations

import json
from urllib.parse import unquote

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from lakehouse.io import delta_log
from lakehouse.io.delta_log import Feed


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
    for path in (*FEED.told, *FEED.added, *FEED.removed, "d.parquet"):
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
