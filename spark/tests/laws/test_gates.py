"""Laws 4 and 7 on a toy table: red gates keep readers on the old version and lose nothing."""

from __future__ import annotations

import pytest

from conftest import LakeDriver, engine_of
from lakehouse.catalog.registry import Entry, Registry
from lakehouse.engine import ingest
from lakehouse.errors import WriteConflictError
from lakehouse.io import ops
from lakehouse.quality import expectations
from lakehouse.spec import (
    DATE,
    LONG,
    STRING,
    Append,
    Column,
    Field,
    Overwrite,
    Source,
    Table,
    not_empty,
    satisfies,
)

pytestmark = [pytest.mark.spark, pytest.mark.spark_too]


def toy(limit: int = 100) -> Registry:
    """One bronze table that accepts values up to a limit."""
    table = Table(
        name="bronze.toy",
        owner="tests",
        domain="tests",
        inputs=(Source(name="toy", doc="Toy.", fields=(Field("id"), Field("value", LONG))),),
        columns=(
            Column("id", STRING, "Key.", pii=True),
            Column("value", LONG, "Value."),
        ),
        write=Append(),
        ensures=(satisfies("small", f"value <= {limit}", f"value: at most {limit}."),),
    )
    code = f"code {limit}"
    return Registry({table.name: Entry(table, lambda landed, _run: landed, "Toys.", code)})


@pytest.fixture
def toys(make_lake):
    lake = make_lake("toys", toy())
    lake.land("toy/1.jsonl", [{"id": "a", "value": 1}])
    lake.run()
    return lake


def test_a_red_gate_leaves_the_old_version_published_and_keeps_the_evidence(toys):
    version = toys.version("bronze.toy")
    toys.land("toy/2.jsonl", [{"id": "secret", "value": 101}])
    outcome = toys.try_run()["bronze.toy"]
    assert outcome.exit_code == 65
    assert toys.version("bronze.toy") == version
    assert [row["value"] for row in toys.rows("bronze.toy")] == [1]
    red = ops.read(toys.settings, "quality_results", "SELECT * FROM t WHERE NOT passed")
    assert [(r["check_name"], r["value"], r["version"] > version) for r in red] == [
        ("small", 1.0, True)
    ]
    assert '"value": 101' in red[0]["samples"][0]
    assert "secret" not in red[0]["samples"][0]


def test_a_new_check_is_asked_of_the_rows_that_are_there(toys, spark):
    toys.land("toy/1.jsonl", [{"id": "a", "value": 60}])
    toys.run()
    stricter = LakeDriver(toys.settings, toy(limit=50), spark)
    (outcome,) = stricter.try_run().values()
    assert outcome.exit_code == 65
    assert [(r.check.name, r.value) for r in outcome.results if not r.passed] == [("small", 1.0)]
    assert [row["value"] for row in toys.rows("bronze.toy")] == [60], "readers keep what they had"
    (outcome,) = LakeDriver(toys.settings, toy(limit=70), spark).run().values()
    assert outcome.exit_code == 0


def test_after_a_red_gate_the_corrected_file_is_taken(toys):
    toys.land("toy/2.jsonl", [{"id": "b", "value": 101}])
    toys.try_run()
    toys.land("toy/2.jsonl", [{"id": "b", "value": 99}])
    toys.run()
    assert {row["value"] for row in toys.rows("bronze.toy")} == {1, 99}


def test_a_retry_of_a_red_gate_writes_nothing(toys):
    toys.land("toy/2.jsonl", [{"id": "b", "value": 101}])
    first = toys.try_run()["bronze.toy"]
    commits = toys.commits("bronze.toy")
    for _ in range(2):
        again = toys.try_run()["bronze.toy"]
        assert (again.exit_code, again.error.details["version"]) == (
            65,
            first.error.details["version"],
        )
        assert [result.value for result in again.results] == [1.0]
        assert toys.commits("bronze.toy") == commits
    assert [row["value"] for row in toys.rows("bronze.toy")] == [1]
    # Another situation is no retry.
    toys.land("toy/3.jsonl", [{"id": "c", "value": 3}])
    assert toys.try_run()["bronze.toy"].exit_code == 65
    assert toys.commits("bronze.toy") == commits + 2
    toys.land("toy/2.jsonl", [{"id": "b", "value": 2}])
    toys.run()
    assert {row["value"] for row in toys.rows("bronze.toy")} == {1, 2, 3}


def test_a_version_that_a_gate_refused_by_mistake_is_published_by_a_retry(toys, monkeypatch):
    monkeypatch.setattr(expectations, "verdicts", lambda _: {})
    toys.land("toy/2.jsonl", [{"id": "b", "value": 2}])
    assert toys.try_run()["bronze.toy"].exit_code == 65
    monkeypatch.undo()
    toys.run()
    assert {row["value"] for row in toys.rows("bronze.toy")} == {1, 2}
    assert toys.run()["bronze.toy"].outcome == "unchanged"


def dated_toys() -> Registry:
    """A silver table that accepts values up to 100, of dated rows that bronze accepts whatever."""
    columns = (
        Column("id", STRING, "Key.", nullable=False),
        Column("day", DATE, "When it happened."),
        Column("value", LONG, "Value."),
    )
    fields = (Field("id"), Field("day", DATE), Field("value", LONG))
    bronze = Table(
        name="bronze.toy",
        owner="tests",
        domain="tests",
        inputs=(Source(name="toy", doc="Toy.", fields=fields),),
        columns=columns,
        write=Append(),
        ensures=(not_empty(),),
        happened_on="day",
    )
    silver = Table(
        name="silver.toy",
        owner="tests",
        domain="tests",
        inputs=(bronze,),
        columns=columns,
        write=Overwrite(keys=("id",)),
        ensures=(satisfies("small", "value <= 100", "value: at most 100."),),
        settings=("week_starts_on",),
    )
    made = {
        bronze: Entry(bronze, lambda landed, _run: landed, "Toys.", "code"),
        silver: Entry(silver, lambda toy, _run: toy.select("id", "day", "value"), "Toys.", "code"),
    }
    return Registry({table.name: entry for table, entry in made.items()})


def test_a_version_refused_for_one_day_is_no_answer_for_another(make_lake):
    toys = make_lake("dated", dated_toys())
    toys.land("toy/1.jsonl", [{"id": "a", "day": "2026-01-01", "value": 1}])
    toys.run()
    toys.land("toy/2.jsonl", [{"id": "b", "day": "2026-01-02", "value": 101}])
    assert toys.try_run()["silver.toy"].exit_code == 65
    commits = toys.commits("silver.toy")
    assert toys.try_run()["silver.toy"].exit_code == 65
    assert toys.commits("silver.toy") == commits, "a retry audits what is there"
    assert toys.try_run("silver", as_of="2026-01-01")["silver.toy"].exit_code == 0
    assert [row["value"] for row in toys.rows("silver.toy")] == [1]


def test_the_table_itself_is_restored_so_that_nobody_reads_red_rows_by_path(toys, spark):
    toys.land("toy/2.jsonl", [{"id": "b", "value": 101}])
    toys.try_run()
    newest = engine_of("bronze.toy", spark).store.read(toys.settings.table_uri("bronze.toy"))
    assert [row["value"] for row in newest.collect()] == [1]


def test_what_a_dead_run_commits_in_between_is_not_published(toys, spark, monkeypatch):
    """Its engine outlived it, and commits while the next run, which holds the lock, writes."""
    uri, version = toys.settings.table_uri("bronze.toy"), toys.version("bronze.toy")

    def stranger(point, _table):
        if point == "before_write":
            store = engine_of("bronze.toy", spark).store
            store.append(store.read(uri), uri, {"run_id": "dead", "token": 0})

    monkeypatch.setattr(ingest, "fault_point", stranger)
    toys.land("toy/2.jsonl", [{"id": "b", "value": 2}])
    outcome = toys.try_run()["bronze.toy"]
    assert isinstance(outcome.error, WriteConflictError)
    assert "run dead" in str(outcome.error)
    assert toys.version("bronze.toy") == version
    monkeypatch.undo()
    toys.run()
    assert [row["value"] for row in toys.rows("bronze.toy")] == [1, 2]


def test_a_gate_that_forgets_a_result_is_red(toys, monkeypatch):
    monkeypatch.setattr(expectations, "verdicts", lambda _: {})
    toys.land("toy/2.jsonl", [{"id": "b", "value": 2}])
    assert toys.try_run()["bronze.toy"].exit_code == 65


def test_a_corrected_file_replaces_its_rows_and_is_told_apart(toys):
    toys.land("toy/1.jsonl", [{"id": "a", "value": 5}])
    outcome = toys.run()["bronze.toy"]
    assert "changed files: toy/1.jsonl" in outcome.reason
    assert [row["value"] for row in toys.rows("bronze.toy")] == [5]


def test_rows_of_a_file_that_was_archived_stay(toys):
    (toys.raw / "toy/1.jsonl").unlink()
    toys.land("toy/2.jsonl", [{"id": "b", "value": 2}])
    toys.run(full_refresh=True)
    assert {row["value"] for row in toys.rows("bronze.toy")} == {1, 2}


def test_a_row_sent_again_in_another_file_is_counted_once(toys):
    toys.land("toy/2.jsonl", [{"id": "a", "value": 1}, {"id": "a", "value": 1}])
    outcome = toys.run()["bronze.toy"]
    assert outcome.account.rows_deduplicated == 2
    assert len(toys.rows("bronze.toy")) == 1


@pytest.mark.parametrize(
    ("path", "text", "fates"),
    [
        ("toy/2.json", '[{"id": "b", "value": 2}]\n{"id": "c", "value": 3}\n{"id": "d"', (3, 2, 1)),
        ("toy/2.jsonl", '[1, 2]\n{"id": "c", "value": 3}\n{"id": "d"', (3, 1, 2)),
    ],
    ids=["text after an array", "a line that starts with a bracket"],
)
def test_no_line_of_a_file_that_looks_like_an_array_is_lost(toys, path, text, fates):
    (toys.raw / path).write_text(text)
    account = toys.run()["bronze.toy"].account
    assert (account.rows_in, account.rows_loaded, account.rows_quarantined) == fates


def test_a_lost_state_file_does_not_lose_rows_of_archived_files(toys):
    (toys.raw / "toy/1.jsonl").unlink()
    toys.land("toy/2.jsonl", [{"id": "b", "value": 2}])
    (toys.raw.parent / "ops/published/bronze.toy.json").unlink()
    toys.run()
    assert {row["value"] for row in toys.rows("bronze.toy")} == {1, 2}
