"""`lakehouse contracts`: what it writes, what it finds, and how it exits."""

from __future__ import annotations

import json
import shutil

import pytest

from conftest import call_main
from lakehouse.landing.contracts import FOLDER


@pytest.fixture
def contracts(monkeypatch, tmp_path, capsys):
    """The command on a copy of the committed files: its exit code and what it printed."""
    shutil.copytree(FOLDER, tmp_path / "contracts")

    def call(*words):
        code = call_main(monkeypatch, "contracts", *words, "--folder", str(tmp_path / "contracts"))
        return code, capsys.readouterr()

    call.folder = tmp_path / "contracts" / "web_events"
    return call


def test_the_committed_files_pass_the_check(contracts):
    code, said = contracts("check")
    assert code == 0
    assert "as declared" in said.out


def test_writing_again_changes_nothing(contracts):
    code, said = contracts("write")
    assert code == 0
    assert "up to date" in said.out


def test_a_file_that_was_changed_by_hand_is_found(contracts):
    path = contracts.folder / "scroll.v1.json"
    schema = json.loads(path.read_text("utf-8"))
    schema["properties"]["properties"]["properties"]["depth_pct"]["maximum"] = 50
    path.write_text(json.dumps(schema), "utf-8")
    code, said = contracts("check", "--json")
    assert code == 78
    (only,) = json.loads(said.out)
    assert (only["file"], only["field"]) == ("web_events/scroll.v1.json", "properties.depth_pct")
    assert "raise the version" in only["what"]


def test_a_version_that_is_written_is_not_written_over(contracts):
    path = contracts.folder / "click.v1.json"
    path.unlink()
    code, said = contracts("write")
    assert code == 78
    assert "raise its version" in said.err
    assert not path.exists()


def test_all_files_can_be_made_anew(contracts):
    before = {path.name: path.read_bytes() for path in contracts.folder.glob("*.json")}
    shutil.rmtree(contracts.folder)
    assert contracts("check")[0] == 78
    code, said = contracts("write")
    assert code == 0
    assert said.out.count("wrote") == len(before)
    assert {path.name: path.read_bytes() for path in contracts.folder.glob("*.json")} == before
