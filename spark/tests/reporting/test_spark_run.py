from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from eventlogs import EVENTS, START, event, job, job_end, stage, task, write

from conftest import call_main
from lakehouse.errors import ConfigError
from lakehouse.observability.eventlog import read_event_log
from lakehouse.reporting.spark_page import describe
from lakehouse.reporting.targets import verdicts

from .pages import drawings, fetches_nothing, read

if TYPE_CHECKING:
    from pathlib import Path

HALF = [
    *EVENTS[:3],
    job(0, 1_000, [0], description="bronze.a: ingest"),
    stage(0, 1_000),
    *(task(0, 1_000, took, written=150) for took in (1_000, 1_100, 1_000, 1_900)),
    job_end(0, 6_000),
    event("SparkListenerApplicationEnd", Timestamp=START + 7_000),
]


@pytest.fixture
def log(tmp_path) -> Path:
    return write(tmp_path / "first")


@pytest.fixture
def other(tmp_path) -> Path:
    return write(tmp_path / "second", HALF)


def test_targets_are_judged_over_the_whole_run(log):
    found = {v.name: (v.value, v.met) for v in verdicts(read_event_log(log).whole)}
    assert found == {
        "straggler": (4.0, False),  # 6.0 s by a median of 1.5 s
        "GC": (400 / 14_700, True),
        "spill": (500, False),
        "shuffle": (0.6, False),  # less than 0.6 is asked for
    }


def test_a_met_target_says_so(other):
    found = {v.name: (v.value, v.met) for v in verdicts(read_event_log(other).whole)}
    assert found == {
        "straggler": (1_900 / 1_050, True),
        "GC": (0.0, True),
        "spill": (0, True),
        "shuffle": (None, None),  # no file was scanned
    }


def test_nothing_is_judged_where_nothing_ran(tmp_path):
    run = read_event_log(write(tmp_path / "log", EVENTS[:3]))
    assert {verdict.met for verdict in verdicts(run.whole)} == {None}


def test_the_page_fetches_nothing_and_is_well_formed(log):
    html = describe([log]).html
    page = read(html)
    assert fetches_nothing(html)
    assert page.scripts == 0
    assert page.unbalanced == []
    assert {ref[1:] for ref in page.references if ref.startswith("#")} <= page.anchors
    assert len(drawings(html)) == 1
    for said in (
        "bronze.a",
        "silver.b",
        "(unlabelled)",
        "Targets missed: straggler, spill, shuffle",
    ):
        assert said in page.text


def test_the_page_of_a_log_that_has_only_begun_says_so(tmp_path):
    html = describe([write(tmp_path / "log", EVENTS[:3])]).html
    assert read(html).unbalanced == []
    assert "Unfinished" in read(html).text
    assert "No stage has run yet." in read(html).text


def test_a_description_cannot_inject_markup(tmp_path):
    events = [*EVENTS[:3], job(0, 1_000, [0], description="gold.x: write: <script>alert(1)")]
    path = write(tmp_path / "log", [*events, stage(0, 1_000), task(0, 1_000, 50)])
    html = describe([path]).html
    assert "<script>alert" not in html
    assert "<script>alert(1)" in read(html).text


def test_data_are_numbers(log):
    data = json.loads(json.dumps(describe([log]).data))
    assert data["whole"]["wall_ms"] == 15_500
    assert [(each["name"], each["task_ms"]) for each in data["tables"]] == [
        ("bronze.a", 10_000),
        ("silver.b", 4_200),
        ("", 500),
    ]
    assert [each["stage"] for each in data["stages"]] == [0, 1, 2, 3]
    assert data["stages"][0]["skew"] == 4.0
    assert "input_bytes" not in data["stages"][0]
    assert {each["name"]: each["met"] for each in data["targets"]} == {
        "straggler": False,
        "GC": True,
        "spill": False,
        "shuffle": False,
    }


def test_two_runs_are_compared_by_table(log, other):
    told = describe([log, other])
    ratios = {each["name"]: each for each in told.data["ratios"]}
    assert list(ratios) == ["bronze.a", "silver.b", "", "all"]
    assert ratios["bronze.a"]["task_ms"] == 0.5  # 5,000 by 10,000
    assert ratios["bronze.a"]["wall_ms"] == 0.5
    assert ratios["bronze.a"]["shuffle_bytes"] == 0.5
    assert ratios["bronze.a"]["tasks"] == 1.0
    assert ratios["silver.b"]["task_ms"] is None  # it did not run
    text = read(told.html).text
    assert "10.0 s → 5.0 s ▼ 0.50" in " ".join(text.replace("\N{NO-BREAK SPACE}", " ").split())
    assert read(told.html).unbalanced == []


def test_three_logs_are_too_many(log):
    with pytest.raises(ConfigError, match="3 event logs"):
        describe([log, log, log])


# -------------------------------------------------------------------- the command


def test_the_command_prints_tables(log, monkeypatch, capsys):
    assert call_main(monkeypatch, "report", str(log)) == 0
    out = capsys.readouterr().out.replace("\N{NO-BREAK SPACE}", " ")
    assert "4.0.0" not in out
    assert "Spark 4.2.0, 2 cores" in out
    rows = [line.split() for line in out.splitlines()]
    assert ["bronze.a", "10.0", "s", "10.0", "s", "68", "%", "4", "!", "4.00", "9.00"] in [
        row[:11] for row in rows
    ]
    assert "not shown" not in out  # there is room where the output is no terminal


def test_the_command_prints_data_and_writes_a_page(log, monkeypatch, capsys, tmp_path):
    page = tmp_path / "page.html"
    assert call_main(monkeypatch, "report", str(log), "--json", "--html", str(page)) == 0
    assert json.loads(capsys.readouterr().out)["app_id"] == "local-1"
    assert "bronze.a" in page.read_text("utf-8")


def test_of_several_logs_the_command_says_which_it_took(log, other, monkeypatch, capsys):
    assert call_main(monkeypatch, "report", str(log.parent), "--json") == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["log"] == str(other)  # written last
    assert "second is the newest log" in told.err
    assert "first" in told.err


@pytest.mark.parametrize(
    ("name", "code_and_words"),
    [
        ("missing", (78, "no event log at")),
        ("empty", (65, "is empty")),
        ("rows", (65, "is not a Spark event log")),
    ],
)
def test_what_is_no_log_ends_with_a_sentence(tmp_path, monkeypatch, capsys, name, code_and_words):
    (tmp_path / "empty").touch()
    (tmp_path / "rows").write_text("a,b\n1,2\n")
    code, words = code_and_words
    assert call_main(monkeypatch, "report", str(tmp_path / name)) == code
    err = " ".join(capsys.readouterr().err.split())
    assert words in err
    assert "Traceback" not in err


def test_options_of_a_log_need_one(monkeypatch, capsys):
    assert call_main(monkeypatch, "report", "--json") == 78
    assert "give its path" in capsys.readouterr().err
