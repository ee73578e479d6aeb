"""`lakehouse map` as its user sees it."""

from __future__ import annotations

import json

import pytest

from conftest import call_main
from lakehouse.errors import ConfigError, InputQualityError
from lakehouse.settings import current_settings

RECORD = {"messageId": "m", "userId": "u", "timestamp": "2026-01-05T10:00:00Z", "event": "e"}


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """`lakehouse map …` on a landing folder with one export: exit code, output, messages."""
    monkeypatch.setenv("LAKEHOUSE_ROOT", str(tmp_path))
    current_settings.cache_clear()
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/export.jsonl").write_text(f"{json.dumps(RECORD)}\n{{}}\n")

    def call(*arguments):
        code = call_main(monkeypatch, "map", *arguments)
        return code, *capsys.readouterr()

    yield call
    current_settings.cache_clear()


def test_a_guess_becomes_a_mapping_that_a_preview_follows(command, tmp_path):
    code, proposal, _ = command("guess", "export.jsonl")
    assert code == 0
    (tmp_path / "sources.toml").write_text(proposal)
    code, out, _ = command("preview", "export.jsonl", "--json")
    found = json.loads(out)
    assert (code, found["source"], found["records"], found["rejected"]) == (
        *(0, "user_interactions", 2, 1),
    )
    assert [row["user_id"] for row in found["rows"]] == ["u"]
    code, out, _ = command("preview", "export.jsonl")
    assert "2 records = 1 would land + 1 rejected + 0 left out" in out


def test_a_preset_may_be_tried_without_a_file_of_mappings(command):
    code, out, _ = command("preview", "export.jsonl", "--preset", "segment", "--json")
    assert (code, json.loads(out)["rejected"]) == (0, 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ("preview", "nowhere.jsonl"),
        ("preview", "export.jsonl"),
        ("preview", "export.jsonl", "--preset", "segmnt"),
        ("preview", "export.jsonl", "--source", "nothing"),
        ("guess", "export.jsonl", "--source", "nothing"),
        ("preview", "export.jsonl", "--source", "nothing", "--preset", "segment"),
    ],
)
def test_what_cannot_be_done_is_told(command, arguments):
    code, _, told = command(*arguments)
    assert code == ConfigError.exit_code
    assert "Error: " in told
    assert "Traceback" not in told


def test_a_mistake_in_the_mappings_is_told_with_its_line(command, tmp_path):
    (tmp_path / "sources.toml").write_text(
        '[[mapping]]\nfiles = "*"\nsource = "user_interaction"\n'
    )
    code, _, told = command("preview", "export.jsonl")
    assert code == ConfigError.exit_code
    assert f"{tmp_path}/sources.toml:3: unknown source" in told


def test_an_empty_file_gives_no_guess(command, tmp_path):
    (tmp_path / "raw/empty.csv").write_text("")
    assert command("guess", "empty.csv")[0] == InputQualityError.exit_code
