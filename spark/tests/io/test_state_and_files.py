"""Small files: atomic, and read back as they were written."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lakehouse.errors import StorageError
from lakehouse.io import files
from lakehouse.io.state import Account, State, StateStore, Version
from lakehouse.settings import load_settings

STATE = State(
    table="silver.x",
    version=3,
    head=5,
    run_id="r1",
    token=7,
    inputs={"bronze.x": Version("t1", 2)},
    newest={"day": "2026-01-01"},
    account=Account(rows_in=3, rows_loaded=2, rows_quarantined=1),
    changed={"insert": 2},
)


@pytest.fixture
def store(tmp_path):
    return StateStore(load_settings(root=str(tmp_path)))


def test_a_published_state_is_read_back_whole(store):
    published = store.publish(STATE)
    assert published.published_at is not None
    assert store.published("silver.x") == published
    assert store.published("silver.y") is None


def test_publishing_withdraws_the_candidate(store):
    store.propose(STATE)
    assert store.candidate("silver.x") == STATE
    store.publish(STATE)
    assert store.candidate("silver.x") is None


def test_accounts_balance_or_do_not():
    assert STATE.account.balanced
    assert not Account(rows_in=1).balanced
    assert Account(rows_in=4, rows_quarantined=1).rejected_rate == 0.25
    assert Account().rejected_rate == 0


def test_a_manifest_is_kept_under_its_hash(store):
    store.save_manifest("abc", {"a.jsonl": {"size": 1}})
    assert store.manifest("abc") == {"a.jsonl": {"size": 1}}
    assert store.manifest(None) == {}


def test_a_failed_write_leaves_the_old_content_and_no_rubbish(tmp_path, monkeypatch):
    target = tmp_path / "state.json"
    files.write_json(str(target), {"a": 1})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError) as raised:
        files.write_json(str(target), {"a": 2})
    assert raised.value.exit_code == 75
    assert files.read_json(str(target)) == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_listing_is_in_order_and_knows_missing_folders(tmp_path):
    for name in ("b", "a/c"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    assert [i.base_name for i in files.list_files(str(tmp_path))] == ["c", "b"]
    assert files.list_files(str(tmp_path / "nowhere")) == []
    assert files.exists(str(tmp_path / "b"))
    assert not files.exists(str(tmp_path / "z"))


def test_a_state_written_before_positions_were_called_so_is_read(tmp_path):
    states = StateStore(load_settings(root=str(tmp_path)))
    states.replace(State(table="bronze.x", version=2, head=2, run_id="r", token=1, position="p"))
    place = tmp_path / "ops" / "published" / "bronze.x.json"
    content = json.loads(place.read_text())
    content["files"] = content.pop("position")
    place.write_text(json.dumps(content))
    found = states.published("bronze.x")
    assert found is not None
    assert found.position == "p"


def test_a_state_written_before_versions_had_an_identity_is_read(tmp_path):
    states = StateStore(load_settings(root=str(tmp_path)))
    states.replace(STATE)
    place = tmp_path / "ops" / "published" / "silver.x.json"
    content = json.loads(place.read_text())
    del content["table_id"]
    content["inputs"] = {"bronze.x": 2}
    place.write_text(json.dumps(content))
    found = states.published("silver.x")
    assert found is not None
    assert (found.table_id, found.inputs) == (None, {"bronze.x": Version(None, 2)})


@pytest.mark.parametrize(
    ("consumed", "is_news"),
    {
        "never": (None, True),
        "this version": (Version("t1", 3), False),
        "one before it": (Version("t1", 2), True),
        "the same number of another table": (Version("t2", 3), True),
        "the same number, by a state without an identity": (Version(None, 3), True),
    }.values(),
)
def test_a_version_is_known_by_its_table_and_its_number(consumed, is_news):
    assert replace(STATE, table_id="t1").is_news_to(consumed) is is_news


def test_without_any_identity_numbers_are_all_there_is():
    assert not STATE.is_news_to(Version(None, 3))
    assert STATE.is_news_to(Version(None, 2))
