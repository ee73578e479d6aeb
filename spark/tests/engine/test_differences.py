"""What differs between stored and desired rows, by grain: on literal frames."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from lakehouse.engine.differences import count_operations, differences, operations
from lakehouse.engine.write import conform
from lakehouse.errors import TableDefinitionError
from lakehouse.spec.changes import OPERATION
from lakehouse.tables.bronze import feature_releases
from lakehouse.tables.silver import user_days

pytestmark = pytest.mark.spark
TABLE = user_days.TABLE
MORNING = datetime(2026, 1, 1, 8)  # noqa: DTZ001  # a session in UTC gives them back like this


def row(user, day, n=1):
    return (user, date(2026, 1, day), n, 0, MORNING, MORNING, "DE", "mobile", "free")


@pytest.fixture
def frame(spark):
    columns = ", ".join(f"{column.name} {column.type}" for column in TABLE.columns)
    return lambda *rows: spark.createDataFrame(list(rows), columns)


def test_new_changed_and_gone_rows_are_told_and_equal_ones_are_not(frame):
    stored = frame(row("same", 1), row("changed", 2), row("gone", 3))
    desired = frame(row("same", 1), row("changed", 2, n=5), row("new", 4))
    staged = differences(TABLE, stored, desired)
    found = {r["user_id"]: (r[OPERATION], r["n_interactions"]) for r in staged.collect()}
    assert found == {"changed": ("update", 5), "gone": ("delete", None), "new": ("insert", 1)}
    counts, span = count_operations(operations(TABLE, staged), TABLE)
    assert counts == {"update": 1, "delete": 1, "insert": 1}
    assert span is not None
    assert (span.first, span.last) == (date(2026, 1, 2), date(2026, 1, 4))


def test_rows_of_no_day_lie_in_no_days(frame):
    """A merge that looks only at files of some days would not find them again."""
    undated = ("undated", None, *row("", 1)[2:])
    staged = differences(TABLE, frame(), frame(row("dated", 1), undated))
    assert count_operations(operations(TABLE, staged), TABLE) == ({"insert": 2}, None)


def test_a_key_of_null_is_a_key_like_any_other(frame):
    stored, desired = frame(row(None, 1)), frame(row(None, 1), row("a", 1))
    staged = differences(TABLE, stored, desired).collect()
    assert [(r["user_id"], r[OPERATION]) for r in staged] == [("a", "insert")]


def test_equal_content_is_no_difference(frame):
    staged = differences(TABLE, frame(row("a", 1)), frame(row("a", 1)))
    assert count_operations(operations(TABLE, staged), TABLE) == ({}, None)


def test_the_time_of_ingestion_is_no_difference(spark):
    table = feature_releases.TABLE
    columns = ", ".join(f"{column.name} {column.type}" for column in table.stored_columns)

    def landed(at, source_file):
        values = ("f", "F", date(2026, 1, 1), "1.0", True, False, at, "id", source_file, None)
        return spark.createDataFrame([values], columns)

    earlier, later = datetime(2026, 1, 2), datetime(2026, 1, 3)  # noqa: DTZ001  # as above
    staged = differences(table, landed(earlier, "a.json"), landed(later, "b.json"))
    assert staged.count() == 0


def test_columns_stand_in_the_declared_order_and_others_are_refused(frame):
    names = [column.name for column in TABLE.columns]
    assert conform(frame().select(*reversed(names)), TABLE).columns == names
    with pytest.raises(TableDefinitionError) as raised:
        conform(frame().drop("country").withColumnRenamed("last_at", "later"), TABLE)
    assert [problem.split()[0] for problem in raised.value.details["problems"]] == [
        *("country", "last_at", "later"),
    ]
