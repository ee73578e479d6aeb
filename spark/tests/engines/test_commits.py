"""Commits that delta-rs makes of rows in memory: no engine is started."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from lakehouse.engines import commits
from lakehouse.errors import SchemaMismatchError, WriteConflictError
from lakehouse.io import delta_log
from lakehouse.io.delta_log import Span
from lakehouse.spec import (
    DATE,
    LONG,
    STRING,
    Append,
    Column,
    Field,
    Source,
    Table,
    Upsert,
    not_empty,
    unique,
)
from lakehouse.spec.changes import DELETE, INSERT, OPERATION, UPDATE

BRONZE = Table(
    name="bronze.toy",
    owner="tests",
    domain="tests",
    inputs=(Source(name="toy", doc="Toys.", fields=(Field("key"),)),),
    columns=(Column("key", STRING, "Key."),),
    write=Append(),
    ensures=(not_empty(),),
)
TABLE = Table(
    name="silver.toy",
    owner="tests",
    domain="tests",
    inputs=(BRONZE,),
    columns=(
        Column("key", STRING, "Key; may be unknown."),
        Column("day", DATE, "Day.", nullable=False),
        Column("value", LONG, "Value."),
    ),
    write=Upsert(keys=("key", "day")),
    ensures=(unique("key", "day"),),
)


def rows(*given: tuple[str | None, int | None, int | None], **more: list[Any]) -> pa.Table:
    """Key, day of January 2026 and value."""
    columns: dict[str, Any] = {
        "key": pa.array([key for key, _, _ in given], pa.string()),
        "day": pa.array([day and date(2026, 1, day) for _, day, _ in given], pa.date32()),
        "value": pa.array([value for _, _, value in given], pa.int64()),
    }
    for column in TABLE.stored_columns:
        if column.name not in columns:
            columns[column.name] = pa.array([None] * len(given), pa.timestamp("us", "UTC"))
    return pa.table(columns | more)


@pytest.fixture
def uri(tmp_path):
    uri = str(tmp_path / "toy")
    commits.create(uri, TABLE)
    commits.append(rows(("a", 1, 1), ("b", 1, 2), (None, 2, 3)), uri, {"run_id": "first"})
    return uri


def found(uri):
    table = DeltaTable(uri).to_pyarrow_table().to_pylist()
    return sorted((row["key"] or "", row["day"].day, row["value"]) for row in table)


def test_rows_are_added_in_one_commit_that_says_what_it_is(uri):
    assert found(uri) == [("", 2, 3), ("a", 1, 1), ("b", 1, 2)]
    assert delta_log.notes(uri, 0, 1) == [{"run_id": "first"}]


def test_no_rows_are_no_commit(uri):
    commits.append(rows(), uri, {"run_id": "second"})
    assert delta_log.latest_version(uri) == 1


def test_a_row_that_lacks_what_each_must_have_is_refused(uri):
    with pytest.raises(
        SchemaMismatchError, match="column day is declared NOT NULL, but is null in 1 rows"
    ):
        commits.append(rows(("c", None, 1)), uri, {})
    assert delta_log.latest_version(uri) == 1


def test_a_difference_that_lacks_it_is_refused_unless_it_deletes(uri):
    lacking = rows(("c", None, 1), **{OPERATION: [INSERT]})
    with pytest.raises(SchemaMismatchError, match="column day is declared NOT NULL"):
        commits.merge(lacking, uri, TABLE, {}, span=None)
    assert delta_log.latest_version(uri) == 1
    commits.merge(rows(("b", 1, None), **{OPERATION: [DELETE]}), uri, TABLE, {}, span=None)
    assert found(uri) == [("", 2, 3), ("a", 1, 1)]


def test_differences_are_merged_also_where_a_key_is_null(uri):
    kinds = [UPDATE, DELETE, UPDATE, INSERT]
    staged = rows(("a", 1, 9), ("b", 1, 2), (None, 2, 8), ("c", 2, 4), **{OPERATION: kinds})
    span = Span("day", date(2026, 1, 1), date(2026, 1, 2))
    commits.merge(staged, uri, TABLE, {"run_id": "second"}, span=span)
    assert found(uri) == [("", 2, 8), ("a", 1, 9), ("c", 2, 4)]
    assert delta_log.notes(uri, 1, 2) == [{"run_id": "second"}]
    feed = DeltaTable(uri).load_cdf(starting_version=2).read_all()
    kinds_told = sorted(pa.table(feed).column("_change_type").to_pylist())
    assert kinds_told == sorted(["insert", "delete", *["update_preimage", "update_postimage"] * 2])


def test_files_without_a_day_of_the_span_are_left_alone(uri):
    commits.append(rows(("d", 9, 1)), uri, {})
    before = set(DeltaTable(uri).file_uris())
    staged = rows(("d", 9, 2), **{OPERATION: [UPDATE]})
    commits.merge(staged, uri, TABLE, {}, span=Span("day", date(2026, 1, 9), date(2026, 1, 9)))
    assert len(before & set(DeltaTable(uri).file_uris())) == 1


def test_another_writer_between_is_a_conflict(uri, monkeypatch):
    stale = commits.opened(uri)
    commits.merge(rows(("a", 1, 5), **{OPERATION: [UPDATE]}), uri, TABLE, {}, span=None)
    monkeypatch.setattr(commits, "opened", lambda _uri: stale)
    with pytest.raises(WriteConflictError, match="run again"):
        commits.merge(rows(("a", 1, 6), **{OPERATION: [UPDATE]}), uri, TABLE, {}, span=None)
    assert ("a", 1, 5) in found(uri)


@pytest.mark.parametrize(
    ("protocol", "is_taken"),
    [
        ({"minReaderVersion": 1, "minWriterVersion": 4}, True),
        ({"minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": ["clustering"]}, False),
        (
            {
                "minReaderVersion": 3,
                "minWriterVersion": 7,
                "readerFeatures": ["deletionVectors"],
                "writerFeatures": ["deletionVectors"],
            },
            False,
        ),
    ],
)
def test_tables_that_spark_made_with_more_are_left_to_spark(uri, protocol, is_taken, tmp_path):
    log = tmp_path / "toy/_delta_log"
    (log / f"{2:020}.json").write_text(json.dumps({"protocol": protocol}) + "\n")
    assert commits.takes_commits(uri) is is_taken
