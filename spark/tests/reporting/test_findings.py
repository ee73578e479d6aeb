"""What is said of a check that failed: number, limit, file, rows, and the next command."""

from __future__ import annotations

import pytest

from conftest import interaction, signup
from lakehouse.catalog import views
from lakehouse.reporting.findings import findings

pytestmark = pytest.mark.spark

ACTIONS, SIGNUPS = "bronze.user_interactions", "bronze.user_signups"


@pytest.fixture
def lake(make_lake):
    """An empty lake; that of this folder holds marts."""
    return make_lake()


def actions(prefix, n, at="2026-01-01 10:00:00"):
    return [interaction(f"{prefix}{i}", "u1", at) for i in range(n)]


def found_in(lake, table):
    outcome = lake.try_run(table)[table]
    return findings(lake.registry, lake.settings, outcome), outcome.run_id


def test_a_warning_names_its_file_and_three_rows_and_what_to_do(lake):
    lake.land("user_interactions/a.jsonl", actions("a", 20))
    lake.land("user_interactions/b.jsonl", actions("b", 4, at="yesterday"))
    (found,), run_id = found_in(lake, ACTIONS)
    assert found.lines[:3] == [
        f"warning: {ACTIONS} at_most_5_pct_rejected: 16.7 %, at most 5 %",
        "  should be: at most 5% of the input rows were quarantined.",
        "  file: user_interactions/b.jsonl (4 rows)",
    ]
    rows = found.lines[3:6]
    assert [row.partition(" in ")[0] for row in rows] == [
        f"  row: user_interactions/b.jsonl:{line} not_a_timestamp:timestamp" for line in (1, 2, 3)
    ]
    assert found.lines[6] == f"  next: lakehouse quarantine show {ACTIONS} --run {run_id}"


def test_a_red_gate_is_told_once_and_names_rows_of_its_own_run(lake):
    lake.land("user_interactions/a.jsonl", [*actions("a", 20), *actions("x", 4, at="soon")])
    lake.try_run(ACTIONS)
    lake.land("user_interactions/b.jsonl", [*actions("b", 7), *actions("c", 18, at="later")])
    (found,), _ = found_in(lake, ACTIONS)
    assert (found.severity, found.found) == ("fail", "72 %, at most 50 %")
    assert found.files == ("user_interactions/b.jsonl (18 rows)",)
    assert all("b.jsonl" in row and "later" in row for row in found.rows)


def test_of_personal_data_only_the_place_is_told(lake):
    rows = [*(signup(f"u{i}") for i in range(9)), signup("u9", day="soon")]
    lake.land("user_signups.jsonl", rows)
    (found,), _ = found_in(lake, SIGNUPS)
    assert found.rows == ("user_signups.jsonl:10 not_a_date:signup_date",)
    assert found.files == ("user_signups.jsonl (1 row)",)


def test_nothing_is_told_of_checks_that_passed(lake):
    lake.land("user_signups.jsonl", [signup("u1")])
    assert found_in(lake, SIGNUPS)[0] == []


def test_rejected_rows_are_chosen_by_file_run_and_reason_newest_first(lake):
    table = lake.registry[ACTIONS].table

    def shown(**chosen):
        rows = views.rejected(table, lake.settings, None, **chosen)
        return [(row["source_file"], row["source_line"]) for row in rows]

    bad = interaction("a10", None, "2026-01-01 10:00:00")
    lake.land("user_interactions/x/a.jsonl", [*actions("a", 9), bad])
    first = lake.run(ACTIONS)[ACTIONS].run_id
    lake.land("user_interactions/b.jsonl", [*actions("b", 9), *actions("c", 1, at="it's")])
    lake.run(ACTIONS)
    old, new = ("user_interactions/x/a.jsonl", 10), ("user_interactions/b.jsonl", 10)
    assert shown() == [new, old]
    assert shown(file="a.jsonl") == shown(file="user_interactions/x/a.jsonl") == [old]
    assert shown(file=".jsonl") == shown(file="'") == []
    assert shown(run_id=first) == [old]
    assert shown(reason="missing") == shown(reason="missing:user_id") == [old]
    assert shown(reason="timestamp") == []
