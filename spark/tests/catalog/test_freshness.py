"""When a table was checked and how old its data are: from states alone, without an engine."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from conftest import call_main
from lakehouse.catalog.freshness import Freshness, assert_fresh, freshness
from lakehouse.catalog.registry import registry
from lakehouse.cli import looking
from lakehouse.errors import UpstreamStaleError
from lakehouse.io import ops
from lakehouse.io.state import State, StateStore, Version
from lakehouse.settings import load_settings

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SIGNUPS, CONVERSIONS, USERS = "bronze.user_signups", "bronze.conversions", "silver.user_dim"


@pytest.fixture
def settings(tmp_path):
    return load_settings(root=str(tmp_path))


def publish(settings, table, version, hours_ago=3.0, **more):
    at = (NOW - timedelta(hours=hours_ago)).isoformat()
    state = State(table=table, version=version, head=version, run_id="r", token=1, **more)
    StateStore(settings).replace(replace(state, published_at=at))


def ran(settings, table, outcome, hours_ago):
    at = NOW - timedelta(hours=hours_ago)
    row = {"run_id": "r", "table_name": table, "outcome": outcome, "ended_at": at}
    ops.append(settings, "runs", [row])


def look(settings, *names) -> list[Freshness]:
    return freshness(registry(), settings, names, NOW)


def test_a_table_that_was_never_published(settings):
    ran(settings, USERS, "failed", 1)
    [found] = look(settings, USERS)
    assert found == Freshness(table=USERS, checked="never", checked_within_hours=26.0)


def test_the_newest_green_run_counts_and_a_failed_one_does_not(settings):
    publish(settings, SIGNUPS, 4, 50, newest={"signup_date": "2026-03-01"})
    ran(settings, SIGNUPS, "updated", 50)
    ran(settings, SIGNUPS, "unchanged", 25.5)
    ran(settings, SIGNUPS, "failed", 1)
    [found] = look(settings, SIGNUPS)
    assert found == Freshness(
        table=SIGNUPS,
        checked="checked",
        checked_at=datetime(2026, 3, 1, 10, 30, tzinfo=UTC),
        checked_hours_ago=25.5,
        checked_within_hours=26.0,
        current="current",
        data_through="2026-03-01",
        data_age_days=1,
        current_within_days=2,
        published_at="2026-02-28T10:00:00+00:00",
    )


def test_overdue_is_longer_than_the_limit_ago(settings):
    publish(settings, SIGNUPS, 4, 27)
    ran(settings, SIGNUPS, "unchanged", 26)
    assert look(settings, SIGNUPS)[0].checked == "checked"
    publish(settings, CONVERSIONS, 1, 27)
    ran(settings, CONVERSIONS, "updated", 26.1)
    assert look(settings, CONVERSIONS)[0].checked == "overdue"


def test_without_any_run_the_publication_counts(settings):
    publish(settings, SIGNUPS, 4, 3)
    [found] = look(settings, SIGNUPS)
    assert (found.checked, found.checked_hours_ago) == ("checked", 3.0)


@pytest.mark.parametrize(
    ("input_state", "expected"),
    [
        ({"version": 7, "hours_ago": 1}, ("behind", ("bronze.user_signups 5→7",))),
        ({"version": 7, "hours_ago": 0.2}, ("checked", ())),
        ({"version": 7, "hours_ago": 1, "same_since": 5}, ("checked", ())),
        ({"version": 8, "hours_ago": 1, "same_since": 7}, ("behind", ("bronze.user_signups 5→8",))),
        ({"version": 5, "hours_ago": 1}, ("checked", ())),
    ],
    ids=["other content", "within the grace", "only maintained", "both", "consumed"],
)
def test_behind_is_another_content_than_consumed_for_longer_than_the_grace(
    settings, input_state, expected
):
    publish(settings, SIGNUPS, **input_state)
    publish(settings, CONVERSIONS, 2, 40)
    publish(
        settings,
        USERS,
        3,
        2,
        inputs={SIGNUPS: Version(None, 5), CONVERSIONS: Version(None, 2)},
        as_of="2026-03-02",
    )
    [found] = look(settings, USERS)
    assert (found.checked, found.behind) == expected
    assert found.data_through == "2026-03-02"


@pytest.mark.parametrize(
    ("table", "newest", "expected"),
    [
        (SIGNUPS, "2026-03-02", ("current", 0, 2)),
        (SIGNUPS, "2026-02-28", ("current", 2, 2)),
        (SIGNUPS, "2026-02-27", ("old", 3, 2)),
        (SIGNUPS, "2025-07-04", ("old", 241, 2)),
        ("bronze.feature_releases", "2025-07-04", ("", 241, None)),
        (SIGNUPS, None, ("", None, None)),
    ],
    ids=["today", "just", "too far back", "last year", "no promise", "no day"],
)
def test_data_are_as_old_as_their_newest_day_whenever_they_were_checked(
    settings, table, newest, expected
):
    publish(settings, table, 4, 1, newest={"day": newest} if newest else {})
    [found] = look(settings, table)
    assert (found.current, found.data_age_days, found.current_within_days) == expected
    assert found.checked == "checked"


def test_a_table_of_old_data_is_not_fresh_although_it_is_checked(settings):
    publish(settings, SIGNUPS, 4, 1, newest={"day": "2025-07-04"})
    with pytest.raises(UpstreamStaleError, match=r"user_signups \(newest data is 241 days old\)"):
        assert_fresh(look(settings, SIGNUPS))


def test_what_is_not_fresh_is_named(settings):
    publish(settings, SIGNUPS, 4, 30)
    publish(settings, CONVERSIONS, 4, 1)
    with pytest.raises(UpstreamStaleError) as raised:
        assert_fresh(look(settings, SIGNUPS, CONVERSIONS, USERS))
    assert raised.value.exit_code == 75
    assert raised.value.details["tables"] == {SIGNUPS: ["overdue"], USERS: ["never"]}
    assert_fresh(look(settings, CONVERSIONS))


def test_the_command_prints_all_rows_and_then_fails(settings, monkeypatch, capsys):
    publish(settings, CONVERSIONS, 4, (NOW - datetime.now(UTC)) / timedelta(hours=1))
    for _ in range(5):  # versions 0 to 4
        write_deltalake(settings.table_uri(CONVERSIONS), pa.table({"n": [1]}), mode="append")
    monkeypatch.setattr(looking, "current_settings", lambda: settings)

    def run(*arguments):
        return call_main(monkeypatch, "freshness", *arguments), *capsys.readouterr()

    code, out, err = run("bronze", "--json")
    assert code == 75
    rows = {row["table"]: row["checked"] for row in json.loads(out)}
    assert rows.pop(CONVERSIONS) == "checked"
    assert set(rows.values()) == {"never"}
    assert SIGNUPS in err
    assert run(CONVERSIONS)[0] == 0
    shutil.rmtree(settings.table_uri(CONVERSIONS))
    code, out, err = run(CONVERSIONS, "--json")
    assert (code, json.loads(out)[0]["checked"]) == (65, "damaged")
    assert "lakehouse repair" in err


def test_a_table_without_a_day_of_its_own_is_as_old_as_what_drives_it(settings):
    publish(settings, SIGNUPS, 4, 1, newest={"day": "2026-02-20"})
    publish(settings, CONVERSIONS, 4, 1, newest={"day": "2026-03-02"})
    inputs = {SIGNUPS: Version(None, 4), CONVERSIONS: Version(None, 4)}
    publish(settings, USERS, 4, 1, inputs=inputs)
    [found] = look(settings, USERS)
    assert (found.current, found.data_through, found.data_age_days) == ("old", "2026-02-20", 10)
