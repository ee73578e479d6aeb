"""The landing folder: files of others are safe, our own are replaced as a whole."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lakehouse.synthetic import MARKER, TRUTH, Arguments, LandingConflictError, generate

TINY = Arguments(users=20, events=50, days=5)
SINGLE_FILES = {
    "feature_releases.json",
    "user_signups.jsonl",
    "feature_usage_events.jsonl",
    "conversions.jsonl",
    "user_interactions.csv",
    "user_metadata.csv",
    "web_events.jsonl",
    "currency_rates.csv",
}


def listing(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_single_run_makes_one_file_a_source(tmp_path):
    report = generate(TINY, tmp_path)
    assert set(listing(tmp_path)) == SINGLE_FILES | {TRUTH, MARKER}
    assert {made.path for made in report.files} == SINGLE_FILES | {TRUTH}


def test_a_daily_run_makes_one_file_a_source_and_day(tmp_path):
    generate(replace(TINY, daily=True), tmp_path)
    names = {path.name for path in (tmp_path / "user_interactions").iterdir()}
    assert names == {f"2026-01-0{day}.csv" for day in range(1, 6)}
    assert json.loads((tmp_path / "feature_releases" / "2026-01-01.json").read_text("utf-8"))


@pytest.mark.parametrize("name", sorted(SINGLE_FILES | {TRUTH}))
def test_a_file_of_somebody_else_is_never_replaced(name, tmp_path):
    (tmp_path / name).write_text("mine")
    with pytest.raises(LandingConflictError) as caught:
        generate(TINY, tmp_path)
    assert caught.value.exit_code == 73
    assert caught.value.details["files"] == [name]
    assert listing(tmp_path) == {name: b"mine"}


def test_a_file_that_was_changed_since_is_not_replaced(tmp_path):
    generate(TINY, tmp_path)
    with (tmp_path / "conversions.jsonl").open("a") as file:
        file.write("{}\n")
    before = listing(tmp_path)
    with pytest.raises(LandingConflictError) as caught:
        generate(replace(TINY, seed=1), tmp_path)
    assert caught.value.details["files"] == ["conversions.jsonl"]
    assert listing(tmp_path) == before


def test_force_replaces_exactly_the_files_in_the_way(tmp_path):
    (tmp_path / "conversions.jsonl").write_text("mine")
    (tmp_path / "notes.txt").write_text("mine")
    generate(TINY, tmp_path, force=True)
    after = listing(tmp_path)
    assert after["conversions.jsonl"] != b"mine"
    assert after["notes.txt"] == b"mine"


def test_running_again_replaces_our_own_files(tmp_path):
    generate(TINY, tmp_path)
    before = listing(tmp_path)
    generate(TINY, tmp_path)
    assert listing(tmp_path) == before
    generate(replace(TINY, seed=1), tmp_path)
    assert set(listing(tmp_path)) == set(before)


def test_another_layout_replaces_the_earlier_one(tmp_path):
    generate(TINY, tmp_path)
    report = generate(replace(TINY, daily=True, gzip=True), tmp_path)
    assert set(report.removed) == SINGLE_FILES
    assert set(listing(tmp_path)) == {made.path for made in report.files} | {MARKER}
    generate(TINY, tmp_path)
    assert set(listing(tmp_path)) == SINGLE_FILES | {TRUTH, MARKER}
    assert not (tmp_path / "user_interactions").exists()


def test_files_of_others_beside_ours_are_left_alone_and_reported(tmp_path):
    (tmp_path / "conversions").mkdir()
    (tmp_path / "conversions" / "real.jsonl").write_text("mine")
    report = generate(TINY, tmp_path)
    assert report.strangers == ["conversions/real.jsonl"]
    assert (tmp_path / "conversions" / "real.jsonl").read_text() == "mine"


def test_one_domain_keeps_the_files_and_the_truth_of_the_other(tmp_path):
    generate(TINY, tmp_path)
    before = listing(tmp_path)
    report = generate(replace(TINY, seed=1, domains=("growth",)), tmp_path)
    after = listing(tmp_path)
    assert after["user_interactions.csv"] == before["user_interactions.csv"]
    assert after["user_signups.jsonl"] != before["user_signups.jsonl"]
    assert {made.path for made in report.files} == SINGLE_FILES | {TRUTH}
    seeds = {name: each["arguments"]["seed"] for name, each in report.truth.items()}
    assert seeds == {"growth": 1, "interactions": 42, "web": 42}


@pytest.mark.parametrize("daily", [False, True], ids=["single", "daily"])
def test_an_interrupted_run_leaves_the_folder_as_it_was(daily, tmp_path):
    generate(TINY, tmp_path)
    before = listing(tmp_path)

    def interrupt(source, rows):
        if source == "user_interactions":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(replace(TINY, seed=1, daily=daily), tmp_path, progress=interrupt)
    assert listing(tmp_path) == before
    assert not (tmp_path / "conversions").exists()


def test_a_file_that_appears_during_the_run_is_safe_too(tmp_path):
    def somebody_else(source, rows):
        (tmp_path / "user_signups.jsonl").write_text("mine")

    with pytest.raises(LandingConflictError):
        generate(TINY, tmp_path, progress=somebody_else)
    assert listing(tmp_path) == {"user_signups.jsonl": b"mine"}


def test_a_run_killed_between_two_renames_can_be_repeated(tmp_path, monkeypatch):
    generate(TINY, tmp_path)
    renamed = []
    replace_file = type(tmp_path).replace

    def die_half_way(self, target):
        renamed.append(target)
        if len(renamed) == 4:
            raise OSError
        return replace_file(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(type(tmp_path), "replace", die_half_way)
        with pytest.raises(OSError):  # noqa: PT011  # whatever kills it
            generate(replace(TINY, seed=1), tmp_path)
    generate(replace(TINY, seed=1), tmp_path)
    generate(replace(TINY, seed=1), tmp_path / "fresh")
    fresh = listing(tmp_path / "fresh")
    assert {name: listing(tmp_path)[name] for name in fresh} == fresh


def test_an_unreadable_marker_makes_nothing_ours(tmp_path):
    generate(TINY, tmp_path)
    (tmp_path / MARKER).write_text("{")
    with pytest.raises(LandingConflictError):
        generate(TINY, tmp_path)


def test_no_events_still_make_readable_files(tmp_path):
    truth = generate(Arguments(users=1, events=0, days=1), tmp_path).truth
    assert truth["growth"]["sources"]["feature_usage_events"]["rows_delivered"] == 0
    assert (tmp_path / "feature_usage_events.jsonl").read_bytes() == b""
    header = (tmp_path / "user_interactions.csv").read_text("utf-8")
    assert header.splitlines() == [
        "interaction_id,user_id,timestamp,action_type,page_id,duration_ms,app_version"
    ]
