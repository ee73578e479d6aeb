"""`scripts/generate_synthetic_data.py`: options, messages and exit codes."""

from __future__ import annotations

from datetime import date

import pytest
from typer.testing import CliRunner

from lakehouse.synthetic import arguments

TINY = ("--users", "20", "--events", "50", "--days", "5")


@pytest.fixture
def run(script, tmp_path):
    def invoke(*options):
        return CliRunner().invoke(script.app, ["--out", str(tmp_path / "raw"), *options])

    return invoke


@pytest.mark.parametrize(
    "options",
    [
        ("--users", "0"),
        ("--events", "-1"),
        ("--interactions", "-1"),
        ("--web-events", "-1"),
        ("--days", "0"),
        ("--days", "99999"),
        ("--seed", "-1"),
        ("--dirty", "1.5"),
        ("--dirty", "-0.1"),
        ("--dirty", "nan"),
        ("--start", "2026-02-30"),
        ("--start", "yesterday"),
        ("--start", "1066-10-14"),
        ("--end", "tomorrow"),
        ("--end", "0001-01-02"),
        ("--end", "2026-03-31", "--start", "2026-01-01"),
        ("--domains", "growth,shop"),
        ("--domains", ""),
    ],
    ids=" ".join,
)
def test_a_bad_argument_gives_one_line_that_names_it(run, tmp_path, options):
    result = run(*options)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert options[0] in result.stderr
    assert not (tmp_path / "raw").exists()


def test_a_word_for_a_number_is_a_bad_argument(run):
    assert run("--users", "many").exit_code == 2


def test_it_says_what_was_written_where(run, tmp_path):
    result = run(*TINY)
    assert result.exit_code == 0
    for name in ("user_signups.jsonl", "user_interactions.csv", "truth.json"):
        assert str(tmp_path / "raw" / name) in result.stdout
    assert result.stderr == ""


def test_quiet_says_nothing(run):
    result = run(*TINY, "--quiet")
    assert (result.exit_code, result.output) == (0, "")


def test_a_file_of_somebody_else_stops_it_with_73(run, tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "user_signups.jsonl").write_text("mine")
    result = run(*TINY)
    assert result.exit_code == 73
    assert "user_signups.jsonl" in result.stderr
    assert "--force" in result.stderr
    assert run(*TINY, "--force").exit_code == 0


def test_files_of_others_beside_ours_give_a_warning(run, tmp_path):
    (tmp_path / "raw" / "conversions").mkdir(parents=True)
    (tmp_path / "raw" / "conversions" / "real.jsonl").write_text("mine")
    result = run(*TINY)
    assert result.exit_code == 0
    assert "conversions/real.jsonl" in result.stderr


def test_a_layout_that_replaces_another_says_so(run):
    run(*TINY)
    assert "Removed 8 files" in run(*TINY, "--daily", "--gzip").stdout


def test_a_place_that_cannot_be_written_stops_it_with_74(run, tmp_path):
    (tmp_path / "raw").write_text("a file, not a folder")
    result = run(*TINY)
    assert result.exit_code == 74
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("end", "first"),
    [("2026-03-31", "2026-01-01"), ("yesterday", "2027-10-03"), ("", "2020-02-02")],
)
def test_a_last_day_makes_the_first_one(monkeypatch, end, first):
    monkeypatch.setattr(arguments, "_yesterday", lambda: date(2027, 12, 31))
    found = arguments.first_day("", end, 90, default=date(2020, 2, 2))
    assert found == date.fromisoformat(first)
