"""Landed text → typed rows, or the reasons why not."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from pyspark.sql import functions as F

from lakehouse.spec import (
    BOOLEAN,
    DATE,
    DOUBLE,
    INT,
    LONG,
    TIMESTAMP,
    Field,
    RowRule,
    Source,
    decimal,
)
from lakehouse.transforms.parse import header_names, take_apart, typed

pytestmark = pytest.mark.spark

SOURCE = Source(
    name="things",
    doc="Everything that can be declared.",
    fields=(
        Field("id", required=True),
        Field("i", INT),
        Field("l", LONG),
        Field("x", DOUBLE),
        Field("m", decimal(18, 2)),
        Field("b", BOOLEAN, default="true"),
        Field("d", DATE),
        Field("t", TIMESTAMP),
    ),
    rules=(RowRule("i_is_small", "i < 100", "Small."),),
)


def parsed(spark, lines, layout="lines", header=None, *, max_line_bytes=1000, columns=("*",)):
    frame = spark.createDataFrame(list(enumerate(lines)), "n int, raw string")
    rows = typed(take_apart(frame, layout, header, SOURCE), SOURCE, max_line_bytes=max_line_bytes)
    return [row.asDict() for row in rows.orderBy("n").select(*columns).collect()]


GOOD = {
    '{"i": "7"}': ("i", 7),
    '{"i": 7.0}': ("i", 7),
    '{"i": -2147483648}': ("i", -(2**31)),
    '{"l": 9223372036854775807}': ("l", 2**63 - 1),
    '{"x": 1e3}': ("x", 1000.0),
    '{"x": "0.1"}': ("x", 0.1),
    '{"m": 49.99}': ("m", Decimal("49.99")),
    '{"m": 0.30000000000000004}': ("m", Decimal("0.30")),
    '{"m": 0.125}': ("m", Decimal("0.13")),
    '{"m": "9007199254740993.01"}': ("m", Decimal("9007199254740993.01")),
    '{"b": false}': ("b", False),
    '{"b": "FALSE"}': ("b", False),
    '{"b": null}': ("b", True),
    '{"d": "2026-01-31"}': ("d", date(2026, 1, 31)),
    '{"d": "2026-1-5"}': ("d", date(2026, 1, 5)),
    '{"d": "2026-01-31T23:59:59-12:00"}': ("d", date(2026, 1, 31)),
    '{"d": "  "}': ("d", None),
    '{"d": "2024-02-29"}': ("d", date(2024, 2, 29)),
    '{"t": "2026-01-31T23:59:59.5+02:00"}': ("t", datetime(2026, 1, 31, 21, 59, 59, 500000, UTC)),
    '{"t": "2026-01-31"}': ("t", datetime(2026, 1, 31, tzinfo=UTC)),
}
BAD = {
    '{"i": 7.5}': "not_a_whole_number:i",
    '{"i": 2147483648}': "not_a_whole_number:i",
    '{"i": "seven"}': "not_a_whole_number:i",
    '{"i": true}': "not_a_whole_number:i",
    '{"i": 100}': "i_is_small",
    '{"l": 9223372036854775808}': "not_a_whole_number:l",
    '{"x": "NaN"}': "not_a_number:x",
    '{"x": "1,5"}': "not_a_number:x",
    '{"m": 10000000000000000}': "not_a_number:m",
    '{"m": [1]}': "not_a_number:m",
    '{"b": "perhaps"}': "not_a_boolean:b",
    '{"d": "2026-02-30"}': "not_a_date:d",
    '{"d": "31.01.2026"}': "not_a_date:d",
    '{"d": "2026"}': "not_a_date:d",
    '{"d": 20260131}': "not_a_date:d",
    '{"d": "1969-12-31"}': "out_of_range:d",
    '{"d": "2200-01-01"}': "out_of_range:d",
    '{"t": "23:59:59"}': "not_a_timestamp:t",
    '{"t": "0001-01-01T00:00:00Z"}': "out_of_range:t",
}


def with_id(line):
    return line.replace("{", '{"id": "k", ', 1)


def test_values_that_mean_what_was_declared_are_typed(spark):
    rows = parsed(spark, [with_id(line) for line in GOOD])
    for line, row in zip(GOOD, rows, strict=True):
        name, expected = GOOD[line]
        found = row[name].astimezone(UTC) if name == "t" else row[name]
        assert (found, row["_reasons"]) == (expected, []), line


def test_values_that_do_not_are_a_reason_to_reject(spark):
    # Python cannot even hold some of the rejected values: ask for the reasons alone.
    rows = parsed(spark, [with_id(line) for line in BAD], columns=("_reasons",))
    found = dict(zip(BAD, (row["_reasons"] for row in rows), strict=True))
    assert found == {line: [reason] for line, reason in BAD.items()}


MALFORMED = (
    "",
    "{",
    '{"id": "k"',
    '{"id": "k"} trailing',
    '{"id": "k"},{"id": "l"}',
    '["k"]',
    '"k"',
    "17",
    "null",
    "not json",
)


def test_what_is_not_one_object_is_malformed(spark):
    rows = parsed(spark, MALFORMED)
    assert [row["_reasons"] for row in rows] == [["malformed_row"]] * len(MALFORMED)


def test_a_long_line_and_bytes_that_are_not_text_are_rejected_first(spark):
    frame = spark.sql(
        "SELECT cast(concat('{\"id\": \"k', cast(X'FF' AS string), '\"}') AS string) AS raw"
    )
    row = typed(take_apart(frame, "lines", None, SOURCE), SOURCE, max_line_bytes=1000).first()
    assert row["_reasons"] == ["invalid_utf8"]
    long = parsed(spark, ['{"id": "' + "ü" * 20 + '"}'], max_line_bytes=40)
    assert long[0]["_reasons"] == ["line_too_long"]


def test_every_reason_is_told(spark):
    rows = parsed(spark, ['{"i": 100, "d": "x", "b": "maybe"}'])
    assert rows[0]["_reasons"] == ["missing:id", "i_is_small", "not_a_boolean:b", "not_a_date:d"]


def test_the_row_id_follows_content_not_spelling(spark):
    rows = parsed(
        spark,
        [
            '{"id": "k", "i": 7, "zeta": 1, "alpha": {"b": [1, 2]}}',
            '{"alpha": {"b": [1, 2]}, "i": "7.0", "b": true, "zeta": 1, "id": " k "}',
            '{"id": "k", "i": 7, "zeta": 2, "alpha": {"b": [1, 2]}}',
            '{"id": "k", "i": 8, "zeta": 1, "alpha": {"b": [1, 2]}}',
        ],
    )
    ids = [row["_row_id"] for row in rows]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    assert rows[0]["_extra"] == rows[1]["_extra"] == '{"alpha":"{\\"b\\":[1,2]}","zeta":"1"}'


def test_csv_rows_are_taken_apart_by_the_header(spark):
    header = 'i,"id",d,colour'
    rows = parsed(
        spark,
        ["7,k,2026-01-01,red", '8,"a ""quoted"", name",,', "9,k", "9,k,2026-01-01,red,more"],
        "csv",
        header,
    )
    assert header_names(header) == ["i", "id", "d", "colour"]
    assert [(row["i"], row["id"], row["d"], row["_extra"]) for row in rows[:2]] == [
        (7, "k", date(2026, 1, 1), '{"colour":"red"}'),
        (8, 'a "quoted", name', None, '{"colour":null}'),
    ]
    assert [row["_reasons"] for row in rows] == [[], [], ["malformed_row"], ["malformed_row"]]


def test_rows_of_no_source_are_no_rows(spark):
    assert parsed(spark, []) == []
    assert (
        typed(
            take_apart(spark.range(0).select(F.lit("").alias("raw")), "csv", "id", SOURCE),
            SOURCE,
            max_line_bytes=10,
        ).columns[-1]
        == "_reasons"
    )
