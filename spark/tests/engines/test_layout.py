"""Files of a few days each: how they are cut, what a day reads and what it leaves alone."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from conftest import interaction, metadata
from lakehouse.engine import stages
from lakehouse.engine.job import new_request
from lakehouse.engine.maintenance import maintain
from lakehouse.engine.verify import verify
from lakehouse.engines.spark import delta, layout, store
from lakehouse.engines.spark.layout import Stretch, stretches
from lakehouse.io import delta_log
from lakehouse.io.delta_log import Span

MONDAY = date(2026, 1, 5)
LATE = date(2026, 1, 26)
USERS = ("a", "b", "c")


def day(number):
    return MONDAY + timedelta(days=number)


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        ([], []),
        ([(day(0), 3)], [Stretch(day(0), 1)]),
        ([(day(0), 10)], [Stretch(day(0), 1)]),
        ([(day(0), 25)], [Stretch(day(0), 2)]),
        ([(day(1), 4), (day(0), 4)], [Stretch(day(1), 1)]),
        ([(day(0), 4), (day(1), 6), (day(2), 1)], [Stretch(day(1), 1), Stretch(day(2), 1)]),
        ([(day(0), 1), (day(2), 40), (day(9), 1)], [Stretch(day(2), 4), Stretch(day(9), 1)]),
    ],
)
def test_days_are_cut_into_stretches_of_ten_rows_a_file(counts, wanted):
    assert stretches(counts, 10) == wanted


def days_by_file(lake, table):
    """First and last day of each file of a published version."""
    stored = DeltaTable(lake.settings.table_uri(table), version=lake.version(table))
    column = lake.registry[table].table.day
    added = pa.table(stored.get_add_actions(flatten=True)).to_pylist()
    return {each["path"]: (each[f"min.{column}"], each[f"max.{column}"]) for each in added}


def last_commit(lake, table):
    """What the commit of a published version says of itself."""
    (about, *_) = delta_log.actions(lake.settings.table_uri(table), lake.version(table))
    return about["commitInfo"]


def deliver(lake, name, *rows):
    lake.land(f"user_interactions/{name}.jsonl", rows)


@pytest.mark.spark
@pytest.mark.jvm
@pytest.mark.timeout(600)
def test_a_late_row_reads_and_rewrites_the_files_of_its_days_only(lake, monkeypatch):
    """A month of ten rows a day, five days in a file, one day with more than a file holds."""
    monkeypatch.setattr(layout, "ROWS_A_FILE", 50)
    lake.land("user_metadata/0.jsonl", [metadata(user, "2025-12-01T00:00:00Z") for user in USERS])
    acted = [
        interaction(f"i-{n}-{i}", USERS[i % 3], f"{day(n)}T{i % 24:02}:00:00Z")
        for n in range(30)
        for i in range(120 if n == 12 else 10)
    ]
    deliver(lake, "0", *acted)
    lake.run("+silver.user_days", "+silver.sessions")
    tables = ("bronze.user_interactions", "silver.interactions")
    tables += ("silver.user_days", "silver.session_fragments", "silver.sessions")
    before = {table: days_by_file(lake, table) for table in tables}
    for table in tables:
        first = min(low for low, _ in before[table].values())
        assert first == day(0), table
        # 120 rows of one day are two files, and close the stretch they stand in.
        spans = sorted(before[table].values())
        assert [(low, high) for low, high in spans if (high - low).days > 4] == [], table
        assert len(spans) > 5, table

    read = set()
    parquet = delta._parquet  # what is read is told nowhere else

    def noting(spark, schema, paths):
        read.update(paths)
        return parquet(spark, schema, paths)

    monkeypatch.setattr(delta, "_parquet", noting)
    monkeypatch.setattr(store, "FEW_ROWS", -1)  # as if they were many: a MERGE of Spark's
    deliver(lake, "1", interaction("late", "a", f"{LATE}T23:59:00Z", page_id="elsewhere"))
    lake.run(*tables[:3])
    for table in tables[1:3]:
        elsewhere = {path for path, (low, high) in before[table].items() if not low <= LATE <= high}
        assert len(elsewhere) == len(before[table]) - 1, "the day lies in one file"
        assert elsewhere <= days_by_file(lake, table).keys(), "and is rewritten alone"
        assert not {Path(path).name for path in read if table.replace(".", "/") in path} & elsewhere
    merge = last_commit(lake, "silver.user_days")
    assert merge["operation"] == "MERGE"
    assert f">= {LATE})" in merge["operationParameters"]["predicate"], "which skips files by it"
    with lake.open() as opened:
        verdicts = [verify(opened.job(table, new_request())) for table in tables[:3]]
    assert all(verdict.is_equal for verdict in verdicts), verdicts

    deliver(lake, "2", *(interaction(str(at), "b", f"{at}T12:30:00Z") for at in (MONDAY, LATE)))
    lake.run(*tables[:3])
    with lake.open() as opened:
        job = opened.job("silver.user_days", new_request())
        # MERGE writes both days into one file here: what is asked for shows in the span alone.
        assert stages._span(job, job.published) == Span("activity_date", MONDAY, LATE)
        audited = stages._written_rows(job, job.published, whole=False).collect()
    assert {row["activity_date"] for row in audited} == {MONDAY, LATE}

    monkeypatch.setattr("lakehouse.engines.layout.FILE_BYTES", 8192)
    with lake.open() as opened:
        (done, *_) = maintain(opened, ["silver.interactions"], with_ops=False)
    assert done.outcome == "compacted", done
    spans = days_by_file(lake, "silver.interactions").values()
    assert len(spans) > 3, "compacted, but not into one"
    assert all((high - low).days < 12 for low, high in spans), sorted(spans)
