"""What Spark commits itself, as there are many rows: the same as delta-rs does with few."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from engines.test_commits import TABLE, found, rows

from lakehouse.engines import commits
from lakehouse.engines.spark import store
from lakehouse.engines.spark.store import SparkStore
from lakehouse.io import delta_log
from lakehouse.io.delta_log import Span
from lakehouse.spec.changes import DELETE, INSERT, OPERATION, UPDATE

SPAN = Span("day", date(2026, 1, 1), date(2026, 1, 2))


@pytest.fixture(params=[-1, 100], ids=["by Spark", "by delta-rs"])
def tables(request, monkeypatch, spark):
    monkeypatch.setattr(store, "FEW_ROWS", request.param)
    return SparkStore(spark)


def test_differences_are_merged_also_where_a_key_is_null(tables, spark, tmp_path):
    uri = str(tmp_path / "toy")
    tables.create(uri, TABLE)
    first = spark.createDataFrame(rows(("a", 1, 1), ("b", 1, 2), (None, 2, 3)))
    tables.append(first, uri, {"run_id": "first"}, 3)
    kinds = [UPDATE, DELETE, UPDATE, INSERT]
    staged = rows(("a", 1, 9), ("b", 1, 2), (None, 2, 8), ("c", 2, 4), **{OPERATION: kinds})
    frame = spark.createDataFrame(staged)
    tables.merge(frame, uri, TABLE, {"run_id": "second"}, span=SPAN, n=4)
    assert found(uri) == [("", 2, 8), ("a", 1, 9), ("c", 2, 4)]
    assert delta_log.notes(uri, 0, 2) == [{"run_id": "first"}, {"run_id": "second"}]
    feed = pa.table(DeltaTable(uri).load_cdf(starting_version=2).read_all())
    told = sorted(feed.column("_change_type").to_pylist())
    assert told == sorted(["insert", "delete", *["update_preimage", "update_postimage"] * 2])


def test_tables_that_delta_rs_cannot_write_are_left_to_spark(spark, tmp_path):
    uri = str(tmp_path / "clustered")
    columns = ", ".join(f"`{each.name}` {each.type}" for each in TABLE.stored_columns)
    spark.sql(f"CREATE TABLE delta.`{uri}` ({columns}) USING delta CLUSTER BY (day)")
    assert not commits.takes_commits(uri)
    SparkStore(spark).append(spark.createDataFrame(rows(("a", 1, 1))), uri, {}, 1)
    assert found(uri) == [("a", 1, 1)]
