"""Bad rows and bad files: what the user gets, and that nothing published is hurt."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from support import (
    GROWTH,
    Command,
    Snapshot,
    assert_accounted,
    copy_lake,
    count_landed,
    failure,
    land_small_data,
    new_lake,
    rejects,
    removed,
    says,
)

from conftest import LakeDriver, conversion, event, release, signup
from lakehouse.errors import (
    InputQualityError,
    OutputQualityError,
    SchemaMismatchError,
    UpstreamMissingError,
)
from lakehouse.io import ops

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.e2e]

FAR = "2026-01-31"
BAD_LINES: dict[str, dict[str, tuple[bytes, str]]] = {
    "bronze.conversions": {
        "malformed JSON": (b'{"user_id": "u1", "conversion_date', "malformed_row"),
        "not an object": (b"[1, 2]", "malformed_row"),
        "text after the object": (b'{"user_id": "u1"} trailing', "malformed_row"),
        "null key": (json.dumps(conversion(None, FAR)).encode(), "missing:user_id"),
        "blank key": (json.dumps(conversion("  ", FAR)).encode(), "missing:user_id"),
        "absent field": (b'{"user_id": "u1", "plan": "pro"}', "missing:conversion_date"),
        "negative mrr": (json.dumps(conversion("u1", FAR, -0.01)).encode(), "negative_mrr"),
        "retyped column": (
            json.dumps(conversion("u1", FAR, {"amount": 4, "currency": "EUR"})).encode(),
            "not_a_number:mrr",
        ),
        "text for a number": (
            json.dumps(conversion("u1", FAR, "forty")).encode(),
            "not_a_number:mrr",
        ),
        "conversion before signup": (
            json.dumps(conversion("u1", "2025-12-31")).encode(),
            "conversion_before_signup",
        ),
        "negative days to convert": (
            json.dumps(conversion("u1", FAR, days_to_convert=-1)).encode(),
            "conversion_before_signup",
        ),
        "year 0001": (
            json.dumps(conversion("u1", "0001-01-01", signup_date=None)).encode(),
            "out_of_range:conversion_date",
        ),
        "year 9999": (
            json.dumps(conversion("u1", "9999-12-31")).encode(),
            "out_of_range:conversion_date",
        ),
        "a date that is none": (
            json.dumps(conversion("u1", "2026-02-30")).encode(),
            "not_a_date:conversion_date",
        ),
        "bad UTF-8": (
            json.dumps(conversion("u1", FAR)).encode().replace(b"u1", b"\xff\xfe"),
            "invalid_utf8",
        ),
        "a fraction for a whole number": (
            json.dumps(conversion("u1", FAR, days_to_convert=1.5)).encode(),
            "not_a_whole_number:days_to_convert",
        ),
    },
    "bronze.feature_usage_events": {
        "year 0001": (
            json.dumps(event("e", "u", "f", "0001-01-01T00:00:00Z")).encode(),
            "out_of_range:event_timestamp",
        ),
        "year 9999": (
            json.dumps(event("e", "u", "f", "9999-12-31T23:59:59Z")).encode(),
            "out_of_range:event_timestamp",
        ),
        "null key": (json.dumps(event(None, "u", "f", FAR)).encode(), "missing:event_id"),
        "a bare number for a time": (
            json.dumps(event("e", "u", "f", 1767225600)).encode(),
            "not_a_timestamp:event_timestamp",
        ),
    },
    "bronze.user_signups": {
        "too few cells in CSV": (b"u1,u1@example.org,2026-01-01", "malformed_row"),
        "too many cells in CSV": (b"u1,a@b.c,2026-01-01,1-10,software,more", "malformed_row"),
        "bad UTF-8 in CSV": (b"u1,\xc3\x28@example.org,2026-01-01,1-10,soft", "invalid_utf8"),
        "null key in CSV": (b",a@example.org,2026-01-01,1-10,software", "missing:user_id"),
        "empty date in CSV": (b"u1,a@example.org,,1-10,software", "missing:signup_date"),
    },
}
GOOD: dict[str, list[bytes]] = {
    "bronze.conversions": [json.dumps(conversion(f"g{i}", FAR)).encode() for i in range(20)],
    "bronze.feature_usage_events": [
        json.dumps(event(f"g{i}", "u", "f", f"{FAR}T00:00:00Z")).encode() for i in range(20)
    ],
    "bronze.user_signups": [b"g%d,g@example.org,2026-01-01,1-10,software" % i for i in range(20)],
}
HEADERS = {"bronze.user_signups": b"user_id,email,signup_date,company_size,industry"}
CASES = [(table, case) for table, cases in BAD_LINES.items() for case in cases]


@pytest.fixture(scope="module")
def published(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> LakeDriver:
    """A lake with one good drop behind it; copied for every test that breaks something."""
    lake = new_lake(tmp_path_factory.mktemp("published") / "lake", spark)
    land_small_data(lake)
    lake.run()
    return lake


@pytest.fixture
def lake(published: LakeDriver, tmp_path: Path) -> LakeDriver:
    return copy_lake(published, tmp_path / "lake")


@pytest.fixture
def command(lake: LakeDriver, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Command:
    return Command(lake, monkeypatch, capsys)


@pytest.fixture(scope="module")
def bad_rows(
    published: LakeDriver, tmp_path_factory: pytest.TempPathFactory
) -> tuple[LakeDriver, dict[str, Snapshot], dict[str, Path], dict[str, Any]]:
    """One drop a table with every bad line among good ones."""
    lake = copy_lake(published, tmp_path_factory.mktemp("bad_rows") / "lake")
    before = {table: Snapshot.of(lake, table) for table in BAD_LINES}
    paths = {}
    for table, cases in BAD_LINES.items():
        lines = [HEADERS[table]] if table in HEADERS else []
        lines += [line for line, _ in cases.values()] + GOOD[table]
        ending = "csv" if table in HEADERS else "jsonl"
        paths[table] = lake.raw / table.partition(".")[2] / f"bad rows.{ending}"
        paths[table].write_bytes(b"\n".join(lines) + b"\n\n")
    outcomes = lake.run(*BAD_LINES)
    return lake, before, paths, outcomes


@pytest.mark.parametrize(("table", "case"), CASES, ids=[f"{t}: {c}" for t, c in CASES])
def test_a_bad_line_is_quarantined_with_its_bytes_place_and_rule(bad_rows, table, case):
    lake, _, paths, _ = bad_rows
    raw, rule = BAD_LINES[table][case]
    line = list(BAD_LINES[table]).index(case) + 1 + (table in HEADERS)
    source = f"{table.partition('.')[2]}/{paths[table].name}"
    assert rejects(lake, table)[source, line] == ([rule], raw)


@pytest.mark.parametrize("table", BAD_LINES)
def test_every_line_of_a_bad_file_is_accounted_for(bad_rows, table):
    lake, before, paths, outcomes = bad_rows
    account = outcomes[table].account
    assert_accounted(account, paths[table])
    assert account.rows_quarantined == len(BAD_LINES[table])
    assert account.rows_loaded == len(GOOD[table])
    assert len(lake.rows(table)) == len(before[table].rows) + len(GOOD[table])
    before[table].assert_still_readable(lake)


@pytest.mark.parametrize("table", [name for name in GROWTH if name.startswith("bronze.")])
def test_the_rows_of_a_table_are_the_sum_of_what_its_runs_loaded(bad_rows, table):
    lake, _, _, _ = bad_rows
    source = lake.registry[table].table.source.name
    landed = [path for path in (lake.raw / source).rglob("*") if path.is_file()]
    query = (
        "SELECT sum(rows_in) AS rows_in, sum(rows_loaded) AS loaded, sum(rows_quarantined) AS bad, "
        f"sum(rows_deduplicated) AS repeats FROM t WHERE table_name = '{table}'"
    )
    (total,) = ops.read(lake.settings, "runs", query)
    assert total["rows_in"] == sum(map(count_landed, landed))
    assert total["rows_in"] == total["loaded"] + total["bad"] + total["repeats"]
    assert total["loaded"] == len(lake.rows(table))
    assert total["bad"] == len(rejects(lake, table))


def test_a_line_of_50_megabytes_is_quarantined_whole(lake):
    long = json.dumps(signup("long", email="x" * 50_000_000))
    path = lake.land("user_signups/long.jsonl", [long, *(signup(f"n{i}") for i in range(3))])
    outcome = lake.run("bronze.user_signups")["bronze.user_signups"]
    assert_accounted(outcome.account, path)
    assert outcome.account.rows_loaded == 3
    reasons, raw = rejects(lake, "bronze.user_signups")["user_signups/long.jsonl", 1]
    assert reasons == ["line_too_long"]
    assert raw == long.encode()


def test_a_longest_line_is_a_setting(lake):
    tight = lake.settings.model_copy(update={"max_line_bytes": 2_000})
    lake.land("user_signups/2.jsonl", [signup("a"), signup("b"), signup("c", industry="x" * 2_000)])
    driver = LakeDriver(tight, lake.registry, lake.spark)
    driver.run("bronze.user_signups")
    assert rejects(lake, "bronze.user_signups")["user_signups/2.jsonl", 3][0] == ["line_too_long"]


def test_an_unknown_column_is_kept_and_told(lake, command):
    rows = [signup("a", referrer="friend", utm={"source": "x"}), signup("b")]
    lake.land("user_signups/2.jsonl", rows)
    lake.run("bronze.user_signups")
    extra = {r["user_id"]: r["_extra"] for r in lake.rows("bronze.user_signups", technical=True)}
    assert json.loads(extra["a"]) == {"referrer": "friend", "utm": {"source": "x"}}
    assert extra["b"] is None


def test_a_key_that_stands_twice_in_an_object_does_not_stop_the_run(lake):
    twice = json.dumps(signup("a"))[:-1] + ', "x": 1, "x": 2}'
    both = json.dumps(signup("b"))[:-1] + ', "user_id": "c"}'
    path = lake.land("user_signups/2.jsonl", [twice, both, signup("d"), signup("e"), signup("f")])
    account = lake.run("bronze.user_signups")["bronze.user_signups"].account
    assert_accounted(account, path)
    lines = rejects(lake, "bronze.user_signups")
    assert lines["user_signups/2.jsonl", 1][0] == ["malformed_row"]
    assert lines["user_signups/2.jsonl", 2][0] == ["malformed_row"]


def test_repeats_count_once_and_versions_of_a_key_are_told_apart(lake):
    rows = [signup("a"), signup("a"), signup("a", "2026-01-02"), signup("u1-0")]
    path = lake.land("user_signups/2.jsonl", rows)
    outcomes = lake.run("+silver.user_dim")
    account = outcomes["bronze.user_signups"].account
    assert_accounted(account, path)
    assert (account.rows_loaded, account.rows_deduplicated) == (2, 2)
    days = [str(r["signup_date"]) for r in lake.rows("silver.user_dim") if r["user_id"] == "a"]
    assert days == ["2026-01-01"]
    assert outcomes["silver.user_dim"].account.balanced


def test_an_event_of_an_unknown_user_or_feature_is_kept_with_a_warning(lake):
    facts = lake.rows("silver.feature_usage_facts", "user_id", "feature_id")
    assert {"user_id": "nobody", "feature_id": "nothing"} in facts
    query = "SELECT check_name, value, severity FROM t WHERE NOT passed"
    warned = ops.read(lake.settings, "quality_results", query)
    found = {row["check_name"]: row["value"] for row in warned if row["severity"] == "warn"}
    assert any(name.startswith("references_") and "user_dim" in name for name in found), found
    assert any(name.startswith("references_") and "feature_states" in name for name in found)


# ------------------------------------------------------------------------- whole files


def test_a_source_that_never_came_says_where_it_is_expected(lake, command, tmp_path):
    empty = new_lake(tmp_path / "empty", lake.spark)
    done = Command(empty, command.monkeypatch, command.capsys)("run", "bronze.conversions")
    assert done.code == UpstreamMissingError.exit_code
    assert says(done.err, ["conversions", str(empty.raw), ".jsonl", ".csv"])


def test_rejects_of_files_that_are_gone_do_not_block_a_rebuild(tmp_path, spark):
    """Only they are judged again: all of what is read is rejected, and nothing is wrong with it."""
    lake = new_lake(tmp_path / "lake", spark)
    path = lake.land("user_signups/1.jsonl", [signup("u1"), signup("u2"), "{broken"])
    lake.run("bronze.user_signups")
    path.unlink()
    account = lake.run("bronze.user_signups", full_refresh=True)["bronze.user_signups"].account
    assert (account.rows_in, account.rows_quarantined, account.rows_rejected_again) == (1, 1, 1)
    assert account.balanced
    assert len(lake.rows("bronze.user_signups")) == 2
    assert list(rejects(lake, "bronze.user_signups")) == [("user_signups/1.jsonl", 3)]
    lake.land("user_signups/2.jsonl", [signup("u3"), "{", "["])
    failed = lake.try_run("bronze.user_signups", full_refresh=True)["bronze.user_signups"]
    assert failed.error is not None, "of what arrived, two of three are rejected"


def test_a_source_that_is_gone_leaves_its_rows(lake):
    before = Snapshot.of(lake, "bronze.conversions")
    (lake.raw / "conversions/1.json").unlink()
    outcome = lake.run("bronze.conversions")["bronze.conversions"]
    assert outcome.outcome == "unchanged"
    before.assert_still_published(lake)


def test_empty_files_change_nothing(lake):
    before = Snapshot.of(lake, "bronze.user_signups")
    paths = [lake.raw / "user_signups" / f"2.{kind}" for kind in ("jsonl", "json", "csv")]
    for path in paths:
        path.write_bytes(b"")
    (lake.raw / "user_signups/2.jsonl.gz").write_bytes(gzip.compress(b""))
    outcome = lake.run("bronze.user_signups")["bronze.user_signups"]
    assert outcome.reason == "4 new files"
    assert_accounted(outcome.account, *paths)
    assert lake.rows("bronze.user_signups") == before.rows
    assert lake.run("bronze.user_signups")["bronze.user_signups"].outcome == "unchanged"


def test_nothing_but_empty_files_is_no_table(tmp_path, spark):
    lake = new_lake(tmp_path / "lake", spark)
    lake.land("user_signups.jsonl", [])
    error = failure(lake.try_run("bronze.user_signups"), "bronze.user_signups")
    assert isinstance(error, OutputQualityError)
    assert [r.check.name for r in error.details["results"] if r.is_red] == ["not_empty"]


GZ = gzip.compress(b"".join(b'{"user_id": "%d"}\n' % (i * 7919) for i in range(999)))
FILES = {
    "wrong columns": (
        "user_signups/2.csv",
        b"id,mail,signup_date\n1,a@example.org,2026-01-01\n",
        SchemaMismatchError,
        ["user_id", "id, mail, signup_date"],
    ),
    "a column twice": (
        "user_signups/2.csv",
        b"user_id,user_id,signup_date\n1,2,2026-01-01\n",
        SchemaMismatchError,
        ["twice"],
    ),
    "truncated gz": (
        "user_signups/2.jsonl.gz",
        GZ[:-20],
        InputQualityError,
        ["truncated", "deliver it again"],
    ),
    "gz that is none": (
        "user_signups/2.jsonl.gz",
        b'{"user_id": "a"}\n',
        InputQualityError,
        ["gzip", "deliver it again"],
    ),
    "gz broken in the middle": (
        "user_signups/2.jsonl.gz",
        GZ[:40] + bytes(20) + GZ[60:],
        InputQualityError,
        ["gzip", "deliver it again"],
    ),
    "unknown format": (
        "user_signups/2.xlsx",
        b"PAR1",
        InputQualityError,
        [".xlsx", ".jsonl", "move it away"],
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_an_unreadable_file_stops_the_table(lake, case):
    name, data, kind, words = FILES[case]
    before = Snapshot.of(lake, "bronze.user_signups")
    commits = lake.commits("bronze.user_signups")
    (lake.raw / name).write_bytes(data)
    with removed(lake.raw / name):
        error = failure(lake.try_run("bronze.user_signups"), "bronze.user_signups")
    assert type(error) is kind
    assert error.exit_code == 65
    assert error.details["path"] == name
    assert says(str(error), [name, *words])
    before.assert_still_published(lake)
    assert lake.commits("bronze.user_signups") == commits
    assert lake.run("bronze.user_signups")["bronze.user_signups"].outcome == "unchanged"


def test_an_unreadable_file_stops_no_other_table(lake):
    (lake.raw / "user_signups/2.xlsx").write_bytes(b"PAR1")
    lake.land("conversions/2.jsonl", [conversion("u1-0", "2026-02-01")])
    outcomes = lake.try_run("bronze")
    failure(outcomes, "bronze.user_signups")
    assert outcomes["bronze.conversions"].outcome == "updated"


def test_a_file_of_mostly_rejects_is_stopped_with_its_evidence(lake, command):
    before = Snapshot.of(lake, "bronze.user_signups")
    garbage = [b"%d,not json" % i for i in range(9)]
    path = lake.raw / "user_signups/2.jsonl"
    path.write_bytes(b"\n".join([*garbage, json.dumps(signup("a")).encode()]))
    done = command("run", "bronze.user_signups")
    assert done.code == OutputQualityError.exit_code
    assert says(done.err, ["bronze.user_signups", "output gate is red", "90 %, at most 50 %"])
    before.assert_still_published(lake)
    kept = {key: raw for key, (_, raw) in rejects(lake, "bronze.user_signups").items()}
    assert [kept["user_signups/2.jsonl", i + 1] for i in range(9)] == garbage
    path.write_bytes(json.dumps(signup("a")).encode())
    outcome = lake.run("bronze.user_signups")["bronze.user_signups"]
    assert outcome.account.balanced
    assert not [key for key in rejects(lake, "bronze.user_signups") if "2.jsonl" in key[0]]
    before.assert_still_readable(lake)


def test_a_changed_file_is_taken_over_and_said_so(lake):
    path = lake.land("feature_releases/1.jsonl", [release("collab", "2026-01-01", "7.0")])
    outcome = lake.run("bronze.feature_releases")["bronze.feature_releases"]
    assert "changed" in outcome.reason
    assert "feature_releases/1.jsonl" in outcome.reason
    assert_accounted(outcome.account, path)
    assert [row["version"] for row in lake.rows("bronze.feature_releases")] == ["7.0"]
