"""Dirt of web events: repeated records, and dead letters of each kind, as often as recorded."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from lakehouse.synthetic import Arguments, generate

from .web_landing import WebLanding

DAILY = Arguments(
    users=200, web_events=12_000, days=20, dirty=0.08, seed=9, daily=True, domains=("web",)
)


@pytest.fixture(scope="module")
def daily(tmp_path_factory):
    out = tmp_path_factory.mktemp("web_daily")
    landing = WebLanding(out, generate(DAILY, out).truth["web"])
    yield landing
    landing.sql.close()


@pytest.fixture(scope="module")
def letters(daily):
    """Dead letters that are JSON."""
    lines = daily.rows(
        """SELECT line FROM lines WHERE json_valid(line) AND contains(line, '"bad_')"""
    )
    return [json.loads(line) for (line,) in lines]


def test_rows_delivered_are_clean_rows_duplicates_and_dead_letters(daily):
    counts = daily.counts
    (delivered,) = daily.row("SELECT count(*) FROM lines")
    records, events = daily.row("SELECT count(*), count(DISTINCT event_id) FROM records")
    assert delivered == counts["rows_delivered"]
    assert events == counts["clean_rows"] == 12_000
    assert records - events == counts["duplicate_rows"] > 100
    assert delivered - records == counts["malformed_rows"]


def test_half_of_the_duplicates_were_received_again(daily):
    (distinct,) = daily.row("SELECT count(DISTINCT line) FROM records")
    again = daily.counts["duplicates_received_again"]
    assert distinct - daily.counts["clean_rows"] == again
    assert again == pytest.approx(daily.counts["duplicate_rows"] / 2, abs=20)


def test_a_record_received_again_differs_in_nothing_else_and_comes_later(daily):
    pairs = daily.rows(
        """SELECT min(line), max(line), min(received_at), max(received_at) FROM records
        GROUP BY event_id HAVING count(DISTINCT line) > 1"""
    )
    assert pairs
    for one, other, first, second in pairs:
        records = [json.loads(one), json.loads(other)]
        received = {
            datetime.fromisoformat(each.pop("received_at").removesuffix("Z")) for each in records
        }
        assert records[0] == records[1]
        assert received == {first, second}
        assert first < second


def test_duplicates_lie_in_one_file_or_in_several(daily):
    files = daily.rows(
        "SELECT count(DISTINCT file) FROM records GROUP BY event_id HAVING count(*) > 1"
    )
    assert {number for (number,) in files} == {1, 2}


def test_files_are_of_the_days_of_reception(daily):
    (early,) = daily.row("SELECT count(*) FROM records WHERE file < received_at::date::text")
    (late,) = daily.row(
        """SELECT count(*) FROM (SELECT min(file) AS file, min(received_at) AS received_at
        FROM records GROUP BY event_id) WHERE file > received_at::date::text"""
    )
    assert early == 0
    assert late == daily.counts["late_rows"] > 0


def test_dead_letters_are_as_dead_as_they_say(daily, letters):
    kinds = daily.counts["malformed_by_kind"]
    assert kinds.keys() == daily.truth["dead_letters"].keys()
    assert min(kinds.values()) > 10
    found = {
        "unknown_type": sum(each["event_type"] == "mystery" for each in letters),
        "negative_price": sum(each["properties"].get("price") == -1 for each in letters),
        "no_order_id": sum(
            "transaction" in each["properties"]
            and "order_id" not in each["properties"]["transaction"]
            for each in letters
        ),
        "timestamp_1970": sum(each["timestamp"].startswith("1970-") for each in letters),
        "timestamp_2100": sum(each["timestamp"].startswith("2100-") for each in letters),
        "broken_json": daily.row("SELECT count(*) FROM lines WHERE NOT json_valid(line)")[0],
    }
    assert found == kinds


def test_without_dirt_each_event_comes_once_and_none_is_dead(tmp_path):
    arguments = Arguments(users=50, web_events=1_000, days=10, dirty=0, domains=("web",))
    web = WebLanding(tmp_path, generate(arguments, tmp_path).truth["web"])
    assert web.row("SELECT count(*), count(DISTINCT event_id) FROM records") == (1_000, 1_000)
    assert web.row("SELECT count(*) FROM lines") == (1_000,)
    assert web.counts["malformed_rows"] == web.counts["duplicate_rows"] == 0
