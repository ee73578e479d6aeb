"""One more day on histories of several lengths: which files, whose records, and what is written."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import typer

from benchmarks import history
from benchmarks.data import LAST_DAY, generate
from benchmarks.growth import Day, growth_of_target
from benchmarks.history import land, main, markdown, newest, size_of, write
from benchmarks.measure import CommandFailedError

DAY = "2026-01-0{}.csv"


def landed(folder, lines):
    """A file per day: a header and its lines."""
    folder.mkdir(parents=True)
    for day, told in enumerate(lines, start=1):
        (folder / DAY.format(day)).write_text("header\n" + "".join(f"{line}\n" for line in told))


@pytest.fixture
def whole(tmp_path):
    folder = tmp_path / "whole"
    actions = [["i1,anna,", "i2,ben,"], ["i3,anna,", "i4,anna,"], ["i5,cleo,"], ["i6,dora,", "bad"]]
    landed(folder / "user_interactions", actions)
    landed(folder / "user_metadata", [["anna,DE", "ben,FR"], ["cleo,IN", "dora,US"]])
    return folder


@pytest.mark.parametrize(
    ("rows", "days"),
    [
        pytest.param(1, (2, 3), id="never-less-than-two-days"),
        pytest.param(3, (2, 3), id="exactly"),
        pytest.param(4, (1, 2, 3), id="a-day-more-than-not-enough"),
        pytest.param(99, (1, 2, 3), id="all-there-is"),
    ],
)
def test_a_history_is_the_newest_days(whole, rows, days):
    before = sorted((whole / "user_interactions").iterdir())[:-1]
    assert [file.name for file in newest(before, rows)] == [DAY.format(day) for day in days]


def test_only_users_who_act_have_records(whole, tmp_path):
    _, second, third, fourth = sorted((whole / "user_interactions").iterdir())
    raw = tmp_path / "raw"
    assert land(whole, raw, [second], later=(third, fourth)) == 3
    assert [file.name for file in (raw / "user_interactions").iterdir()] == [second.name]
    records = [file.read_text() for file in sorted((raw / "user_metadata").iterdir())]
    assert records == ["header\nanna,DE\n", "header\ncleo,IN\ndora,US\n"]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        pytest.param("300k", 300_000, id="thousands"),
        pytest.param("10m", 10_000_000, id="millions"),
        pytest.param("5000", 5_000, id="ones"),
    ],
)
def test_a_size_is_written_short(text, rows):
    assert size_of(text) == rows


def day(engine, rows, files, seconds, cpu_s=(1.0, 1.0)):
    tables = ("silver.a", "gold.b")
    took = (dict(zip(tables, figures, strict=True)) for figures in (seconds, cpu_s))
    return Day(engine, rows, files, 400, 50, *took)


DONE = [
    day("spark", 1_000, 3, (2.0, 6.0), (3.0, 7.0)),
    day("duckdb", 1_000, 3, (0.5, 0.5)),
    day("spark", 9_000, 27, (5.0, 4.0), (4.0, 7.0)),
    day("duckdb", 9_000, 27, (1.0, 0.3), (1.5, 1.5)),
]


def test_the_table_tells_the_day_by_history_and_by_table():
    about = {"command": "make", "date": "2026-01-01", "cores": 2, "memory_gib": 8.0}
    rows = [line for line in markdown(DONE, about).splitlines() if line.startswith("|")]
    assert rows[2:4] == [
        "| 1,000 | 3 | 50 | 8.0 | 1.00 | 10.0 | 1.00 |",
        "| 9,000 | 27 | 50 | 9.0 | 1.12 | 11.0 | 1.10 |",
    ]
    assert rows[6:8] == [
        "| `silver.a` | 2.0 (3.0) | 5.0 (4.0) |",
        "| `gold.b` | 6.0 (7.0) | 4.0 (7.0) |",
    ]
    assert rows[10:12] == [
        "| 1,000 | 3 | 50 | 1.0 | 1.00 | 2.0 | 1.00 |",
        "| 9,000 | 27 | 50 | 1.3 | 1.30 | 3.0 | 1.50 |",
    ]


def test_files_hold_the_growth_and_a_picture(tmp_path):
    path = write(DONE, "make benchmark-history", tmp_path)
    assert path.name == "history.md"
    told = json.loads((tmp_path / "history.json").read_text())
    assert told["growth"] == {"spark": 1.125, "duckdb": 1.3}
    assert (tmp_path / "history.png").read_bytes().startswith(b"\x89PNG")


def test_one_history_has_no_growth(tmp_path):
    write(DONE[:2], "make benchmark-history", tmp_path)
    assert json.loads((tmp_path / "history.json").read_text())["growth"] == {}


def test_the_target_compares_one_million_rows_with_thirty(tmp_path):
    assert growth_of_target(tmp_path / "history.json") == {}
    done = [
        day("spark", 1_014_131, 18, (10.0, 10.0)),
        day("spark", 9_992_018, 299, (30.0, 30.0)),
        day("duckdb", 1_014_131, 18, (2.0, 2.0)),
        day("duckdb", 29_950_000, 899, (2.0, 3.0)),
    ]
    write(done, "make benchmark-history", tmp_path)
    assert growth_of_target(tmp_path / "history.json") == {"duckdb": 1.25}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"engine": "duckdb,polars"}, "--engine: no polars; there are", id="engine"),
        pytest.param({"sizes": "1m,3x"}, "--sizes: 1m,3x is not a list", id="sizes"),
        pytest.param({"sizes": "5k"}, "--sizes: 5000 rows at 33333 a day", id="days"),
    ],
)
def test_a_wrong_word_is_a_wrong_setting(options, message, tmp_path, capsys):
    defaults = {"sizes": "1m", "engine": "duckdb", "rows_a_day": 33_333, "memory": "1g"}
    with pytest.raises(typer.Exit) as stopped:
        main(**defaults | options, scratch=tmp_path, out=tmp_path)
    assert stopped.value.exit_code == 78
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_one_engine_does_not_manage_leaves_the_other(monkeypatch, tmp_path, capsys):
    def measure(_whole, rows, _home, _memory, engine):
        if engine == "spark":
            raise CommandFailedError("it exits with 1")
        return day(engine, rows, 3, (1.0, 1.0))

    monkeypatch.setattr(history, "measure", measure)
    monkeypatch.setattr(history, "generate", lambda *_: None)
    given = {"sizes": "1k,9k", "engine": "spark,duckdb", "rows_a_day": 300, "memory": "1g"}
    with pytest.raises(typer.Exit) as stopped:
        main(**given, scratch=tmp_path, out=tmp_path / "out")
    assert stopped.value.exit_code == 70
    assert "spark, 1,000 rows: left out: it exits with 1" in capsys.readouterr().err
    told = json.loads((tmp_path / "out/history.json").read_text())
    assert [(each["engine"], each["rows"]) for each in told["days"]] == [
        *(("duckdb", 1_000), ("duckdb", 9_000))
    ]


def test_every_day_of_a_history_is_over(tmp_path):
    """Rows of days to come would wait, and the history would have no rows."""
    generate(tmp_path / "made", 1_500, 30, days=1_000)
    files = sorted(file.stem for file in (tmp_path / "made/user_interactions").iterdir())
    assert files[-1] == LAST_DAY < datetime.now(UTC).date().isoformat()
