"""A change feed is whole while every file it reads is there: literal logs, no engine."""

from __future__ import annotations

import json

import pytest

from lakehouse.io import feed

# Both halves as an engine wrote them: a name in a log, and the file on disk.
VECTOR = "XkXd(W2!5nKU@]Yc>h5<"
VECTOR_FILE = "deletion_vector_b854850e-b490-4ed8-9135-a3d1280d8a89.bin"


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
    3: [
        {"add": data("c.parquet", deletionVector={"storageType": "u", "pathOrInlineDv": VECTOR})},
        {"remove": data("c.parquet", deletionVector={"storageType": "i", "pathOrInlineDv": "x"})},
    ],
    4: [
        {"remove": {"path": "c.parquet", "dataChange": False}},
        {"add": {"path": "d.parquet", "dataChange": False}},
    ],
}


@pytest.fixture
def table(tmp_path):
    (tmp_path / "_delta_log").mkdir()
    for version, actions in LOG.items():
        text = "\n".join(json.dumps(action) for action in actions)
        (tmp_path / f"_delta_log/{version:020}.json").write_text(text)
    for path in ("a b.parquet", "c.parquet", "d.parquet", "_change_data/x.parquet", VECTOR_FILE):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize(
    ("lost", "broken"),
    [
        (None, set()),
        ("a b.parquet", {1}),
        ("_change_data/x.parquet", {2}),
        ("c.parquet", {3}),
        (VECTOR_FILE, {3}),
        ("d.parquet", set()),
        (f"_delta_log/{1:020}.json", {1}),
    ],
    ids=["nothing", "data", "changes", "data of a vector", "vector", "compacted", "commit"],
)
def test_a_feed_is_whole_while_what_it_reads_is_there(table, lost, broken):
    if lost:
        (table / lost).unlink()
    found = {v for v in range(1, 5) if not feed.is_whole(str(table), v - 1, v)}
    assert found == broken
    assert feed.is_whole(str(table), 0, 4) == (not broken)


def test_a_vector_may_lie_in_a_folder():
    assert feed.vector_path(VECTOR) == VECTOR_FILE
    assert feed.vector_path(f"ab{VECTOR}") == f"ab/{VECTOR_FILE}"
