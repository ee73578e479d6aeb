"""The table of results says what was measured, and what is no result."""

from __future__ import annotations

import pytest

from benchmarks.compare import Round
from benchmarks.measure import Cost
from benchmarks.report import KEYS, markdown, picture

ABOUT = {
    "date": "2026-01-01",
    "cores": 2,
    "memory_gib": 8.0,
    "python": "3.11",
    "pyspark": "4.2.0",
    "delta-spark": "4.4.0",
    "duckdb": "1.5",
    "scale": "1m",
    "data": "c0ffee",
    "command": "make benchmark SCALE=1m",
}


def done(peer, seconds, differing=()):
    cost = Cost(10, 20, 300, 40, 50, jvms=1, load=0.5)
    by_key = dict.fromkeys(KEYS, seconds)
    if peer == "ours":
        by_key |= {f"{key} warm": seconds / 2 for key in KEYS}
        by_key |= {"W7": 3.0, "W9": 4.0, "unchanged": 0.2}
    return Round(peer, by_key, cost, differing=list(differing))


def row(text, start):
    [line] = [line for line in text.splitlines() if line.startswith(f"| {start}")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


@pytest.fixture
def rounds():
    return [
        done("ours", 8.0),
        done("duckdb", 2.0),
        done("sail", 1.0, ["gold.bounce_rates"]),
        done("ours", 12.0),
        done("duckdb", 4.0),
        done("sail", 1.0),
    ]


def test_medians_stand_with_their_spread_and_a_wrong_table_is_no_result(rounds):
    text = markdown(rounds, ABOUT)
    assert row(text, "W1") == [
        "10.0 (8.0\N{EN DASH}12.0)",
        "3.0 (2.0\N{EN DASH}4.0)",
        "1.0 (1.0\N{EN DASH}1.0)",
        "5.0 (4.0\N{EN DASH}6.0)",
    ]
    assert row(text, "W5")[2] == "wrong"
    assert row(text, "W6")[2] == "wrong"
    assert row(text, "equal to DuckDB's tables") == ["yes", "yes", "not gold.bounce_rates"]
    assert "median of 2 rounds" in text
    assert "make benchmark SCALE=1m" in text


def test_the_picture_is_one(rounds, tmp_path):
    picture(rounds, tmp_path / "picture.png", "1m interactions")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
