"""Dirt: every kind is there, in exactly the numbers that truth.json states."""

from __future__ import annotations

import json

import pytest

from lakehouse.synthetic import Arguments, generate

from .conftest import COLUMNS, SINGLE, Landing


@pytest.mark.parametrize("source", COLUMNS)
@pytest.mark.parametrize("layout", ["single", "daily"])
def test_rows_delivered_are_clean_rows_and_duplicates_and_malformed_lines(source, layout, request):
    landing: Landing = request.getfixturevalue(layout)
    counts = landing.counts(source)
    delivered, distinct = landing.row(f"select count(*), count(distinct line) from {source}_lines")
    (clean,) = landing.row(f"select count(*) from {source}")
    assert delivered == counts["rows_delivered"]
    assert clean == counts["clean_rows"]
    assert delivered - distinct == counts["duplicate_rows"]
    assert distinct - clean == counts["malformed_rows"] == sum(counts["malformed_by_kind"].values())


@pytest.mark.parametrize("source", ["feature_usage_events", "user_interactions"])
def test_the_share_of_dirt_is_the_one_asked_for(single, source):
    counts = single.counts(source)
    dirt = counts["duplicate_rows"] + counts["malformed_rows"]
    # Nothing can be late in one file: of 40 + 30 + 30 % the middle part is missing.
    assert dirt == pytest.approx(counts["clean_rows"] * SINGLE.dirty * 0.7, rel=0.01)


@pytest.fixture(scope="module")
def filthy(tmp_path_factory):
    arguments = Arguments(users=300, events=900, days=90, dirty=0.9)
    return generate(arguments, tmp_path_factory.mktemp("filthy")).truth


@pytest.mark.parametrize(
    ("source", "kinds"),
    [
        ("feature_releases", {"bad_date", "null_key"}),
        ("feature_usage_events", {"bad_date", "null_key", "broken_json"}),
        ("conversions", {"bad_date", "null_key", "broken_json", "bad_number"}),
        (
            "user_interactions",
            {"bad_date", "null_key", "bad_number", "missing_column", "extra_column"},
        ),
    ],
)
def test_every_kind_of_malformed_line_occurs(source, kinds, filthy):
    (counts,) = (each["sources"][source] for each in filthy.values() if source in each["sources"])
    assert set(counts["malformed_by_kind"]) == kinds


def test_malformed_lines_are_as_broken_as_they_say(single):
    kinds = single.counts("user_interactions")["malformed_by_kind"]
    columns = "len(string_split(line, ','))"
    assert (
        kinds["missing_column"]
        == single.row(f"select count(*) from user_interactions_lines where {columns} = 6")[0]
    )
    assert (
        kinds["extra_column"]
        == single.row(f"select count(*) from user_interactions_lines where {columns} = 8")[0]
    )
    assert (
        kinds["bad_number"]
        == single.row(
            f"""select count(*) from user_interactions_lines
        where {columns} = 7 and try_cast(string_split(line, ',')[6] as bigint) is null"""
        )[0]
    )
    assert (
        kinds["bad_date"]
        == single.row(
            f"""select count(*) from user_interactions_lines
        where {columns} = 7 and try_cast(string_split(line, ',')[3] as timestamp) is null"""
        )[0]
    )
    assert (
        single.counts("feature_usage_events")["malformed_by_kind"]["broken_json"]
        == single.row("select count(*) from feature_usage_events_lines where not json_valid(line)")[
            0
        ]
    )


def test_the_release_file_is_an_array_whatever_dirt_is_in_it(single):
    rows = json.loads((single.folder / "feature_releases.json").read_text("utf-8"))
    assert len(rows) == single.counts("feature_releases")["rows_delivered"]


@pytest.mark.parametrize(
    ("source", "day"),
    [
        ("feature_usage_events", "json_extract_string(line, '$.event_timestamp')[:10]"),
        ("user_interactions", "string_split(line, ',')[3][:10]"),
        ("user_metadata", "string_split(line, ',')[6][:10]"),
    ],
)
def test_late_rows_come_one_to_seven_days_after_their_day(daily, source, day):
    whole = "json_valid(line)" if source == "feature_usage_events" else "line not like ',%'"
    late = daily.rows(
        f"""
        select date_diff('day', try_cast({day} as date), min(file)::date) as days
        from (select * from {source}_lines where {whole} and line not like '%bad_%')
        where line not like '%:null%' group by line having days <> 0
        """
    )
    assert len(late) == daily.counts(source)["late_rows"] > 0
    assert {days for (days,) in late} <= set(range(1, 8))


def test_no_two_rows_share_an_event_id(single):
    for source in ("feature_usage_events", "user_interactions"):
        rows, keys = single.row(
            f"select count(*), count(distinct {COLUMNS[source][0]}) from {source}"
        )
        assert rows == keys


def test_without_dirt_every_line_is_a_clean_row(tmp_path):
    truth = generate(Arguments(users=50, events=200, days=10, dirty=0), tmp_path).truth
    for domain in truth.values():
        for counts in domain["sources"].values():
            assert counts["rows_delivered"] == counts["clean_rows"]
