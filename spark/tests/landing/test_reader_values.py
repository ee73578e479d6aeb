"""Landed text → typed rows, or the reasons why not."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from readers import read

from lakehouse.errors import TableDefinitionError
from lakehouse.landing import reader
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


def source_of(fields, **declared):
    return Source(name="things", doc="Things.", fields=fields, **declared)


@pytest.fixture
def parsed(tmp_path):
    def of(lines, **options):
        text = "".join(f"{line}\n" for line in lines)
        return read(tmp_path / "things.jsonl", text, SOURCE, **options)

    return of


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
    '{"d": "2026-01-31T23:59:59-12:00"}': ("d", date(2026, 2, 1)),  # its day in UTC
    '{"d": "2026-02-28T23:30:00-05:00"}': ("d", date(2026, 3, 1)),
    '{"d": "2026-01-31 10:00:00"}': ("d", date(2026, 1, 31)),
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
    '{"x": "Infinity"}': "not_a_number:x",
    '{"x": "0x1F"}': "not_a_number:x",
    '{"i": "1_000"}': "not_a_whole_number:i",
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


def test_values_that_mean_what_was_declared_are_typed(parsed):
    rows = parsed([with_id(line) for line in GOOD])
    for line, row in zip(GOOD, rows, strict=True):
        name, expected = GOOD[line]
        assert (row[name], row["_reasons"]) == (expected, []), line


def test_values_that_do_not_are_a_reason_to_reject(parsed):
    rows = parsed([with_id(line) for line in BAD])
    found = dict(zip(BAD, (row["_reasons"] for row in rows), strict=True))
    assert found == {line: [reason] for line, reason in BAD.items()}


MALFORMED = (
    "{",
    '{"id": "k"',
    '{"id": "k"} trailing',
    '{"id": "k"},{"id": "l"}',
    '["k"]',
    '"k"',
    "17",
    "null",
    "not json",
    "]",
    '{"id": "k", "id": "l"}',
    '{"id": "k", "i": 1, "i": 2}',
)


def test_what_is_not_one_object_is_malformed_and_keeps_its_bytes(parsed):
    rows = parsed(MALFORMED)
    assert [(row["_reasons"], row["_raw"].decode(), row["_line"]) for row in rows] == [
        (["malformed_row"], line, number) for number, line in enumerate(MALFORMED, 1)
    ]


def test_a_long_line_and_bytes_that_are_not_text_are_rejected_first(parsed, tmp_path):
    raw = b'{"id": "k\xff"}'
    (row,) = read(tmp_path / "bytes.jsonl", raw + b"\n", SOURCE)
    assert (row["_reasons"], row["_raw"]) == (["invalid_utf8"], raw)
    (long,) = parsed(['{"id": "' + "ü" * 20 + '"}'], max_record_bytes=40)
    assert long["_reasons"] == ["line_too_long"]


@pytest.mark.parametrize("line", ['{"id": "k\\u0000"}', '{"id": "k", "note": "\\u0000"}'])
def test_a_nul_character_is_rejected_as_no_database_takes_it(parsed, line):
    (row,) = parsed([line])
    assert row["_reasons"] == ["nul_character"]


def test_every_reason_is_given(parsed):
    (row,) = parsed(['{"i": 100, "d": "x", "b": "maybe"}'])
    assert row["_reasons"] == ["missing:id", "i_is_small", "not_a_boolean:b", "not_a_date:d"]


def test_the_row_id_follows_declared_content_not_spelling(parsed):
    rows = parsed(
        [
            '{"id": "k", "i": 7, "t": "2026-01-05T10:00:00Z", "received_at": 1}',
            '{"t": "2026-01-05 12:00:00+02:00", "i": "7.0", "b": true, "id": " k ", "zeta": 2}',
            '{"id": "k", "i": 8, "t": "2026-01-05T10:00:00Z"}',
            '{"id": "k", "i": 7, "t": "2026-01-05T10:00:00.000001Z"}',
            '{"id": "k1:i:1:7"}',
            '{"id": "k", "i": null}',
        ]
    )
    ids = [row["_row_id"] for row in rows]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 5


def test_undeclared_fields_are_kept_as_they_are(parsed):
    rows = parsed(['{"zeta": 1, "id": "k", "alpha": {"b": [1, 2]}, "none": null}', '{"id": "l"}'])
    assert [row["_extra"] for row in rows] == ['{"zeta":1,"alpha":{"b":[1,2]},"none":null}', None]


@pytest.mark.parametrize("text", ["", "  ", "\\\\N", "NULL", "null", "undefined", "NaN", "nan"])
def test_what_programs_write_for_no_value_is_none(parsed, text):
    rows = parsed([f'{{"id": "{text}", "i": 1}}', f'{{"id": "k", "i": "{text}"}}'])
    assert [(row["id"], row["i"], row["_reasons"]) for row in rows] == [
        (None, 1, ["missing:id"]),
        ("k", None, []),
    ]


def test_a_source_may_know_other_words_for_no_value(tmp_path):
    source = source_of((Field("id", required=True),), missing=("-",))
    rows = read(tmp_path / "things.csv", "id,n\nNULL,1\n-,2\n", source)
    assert [(row["id"], row["_reasons"]) for row in rows] == [
        ("NULL", []),
        (None, ["missing:id"]),
    ]


MOMENTS = {
    "2026-07-05T12:00:00.000+02:00": "10:00:00",
    "2026-07-05 12:00:00.000 +0200": "10:00:00",
    "2026-07-05 10:00:00 +0000 UTC": "10:00:00",
    "2026-07-05T12:00:00+02:00[Europe/Paris]": "10:00:00",
    "2026-07-05 12:00:00 Europe/Paris": "10:00:00",
    "2026-07-05 12:00:00 GMT+2": "10:00:00",
    "2026-07-05 10:00:00 GMT": "10:00:00",
    "2026-07-05t10:00:00z": "10:00:00",
    "2026-07-05 10:00:00,123": "10:00:00.123",
    "2026-07-05T10:00:00.123456789Z": "10:00:00.123456",
    "2026-07-05 10:00": "10:00:00",
    "2026-07-04 24:00:00": "00:00:00",
}


def test_a_moment_may_be_written_in_many_ways(parsed):
    rows = parsed([f'{{"id": "k", "t": "{text}"}}' for text in MOMENTS])
    for (text, time), row in zip(MOMENTS.items(), rows, strict=True):
        assert row["t"] == datetime.fromisoformat(f"2026-07-05T{time}+00:00"), text


@pytest.mark.parametrize("zone", ["BST", "EST", "IST", "PST", "CST", "AST", "CEST", "AM"])
def test_a_zone_that_means_two_things_is_rejected(parsed, zone):
    (row,) = parsed([f'{{"id": "k", "t": "2026-07-05 10:00:00 {zone}"}}'])
    assert row["_reasons"] == ["not_a_timestamp:t"]


@pytest.mark.parametrize(
    "wrapped", ['{"$date": "2026-07-05T10:00:00Z"}', '{"$date":"2026-07-05T12:00:00+02:00"}']
)
def test_a_moment_of_mongodb_is_unwrapped(parsed, wrapped):
    (row,) = parsed([f'{{"id": "k", "t": {wrapped}}}'])
    assert row["t"] == datetime(2026, 7, 5, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("unit", "number"), [("s", "1783245600.5"), ("ms", "1783245600500"), ("us", "1783245600500000")]
)
def test_numbers_are_moments_where_their_unit_is_declared(tmp_path, unit, number):
    source = source_of((Field("t", TIMESTAMP, required=True, epoch=unit),))
    rows = read(tmp_path / "t.jsonl", f'{{"t": {number}}}\n{{"t": -1}}\n', source)
    assert rows[0]["t"] == datetime(2026, 7, 5, 10, 0, 0, 500_000, UTC)
    assert rows[1]["_reasons"] == ["not_a_timestamp:t"]


def test_a_measured_whole_number_is_rounded_where_that_is_declared(tmp_path):
    source = source_of((Field("ms", LONG, rounded=True), Field("n", LONG)))
    rows = read(tmp_path / "t.jsonl", '{"ms": 812.4000000059605}\n{"n": 812.4}\n', source)
    assert rows[0]["ms"] == 812
    assert rows[1]["_reasons"] == ["not_a_whole_number:n"]


def test_other_names_of_a_field_are_declared_and_case_does_not_matter(tmp_path):
    source = source_of((Field("user_id", required=True, also=("userId", "uid")),))
    rows = read(tmp_path / "a.jsonl", '{"userId": "a"}\n{"uid": "b"}\n{"User_ID": "c"}\n', source)
    assert [row["user_id"] for row in rows] == ["a", "b", "c"]
    for header in ("uid", " User_Id ", "USER ID"):
        (row,) = read(tmp_path / "b.csv", f"{header},x\na,1\n", source)
        assert (row["user_id"], row["_extra"]) == ("a", '{"x":"1"}'), header


def test_the_day_of_a_file_is_part_of_records_that_do_not_say_when(tmp_path):
    source = source_of((Field("id", required=True), Field("at", TIMESTAMP)), dated_by="at")
    text = '{"id": "k"}\n{"id": "k", "at": "2026-01-01"}\n'
    first = read(tmp_path / "2026-01-05.jsonl", text, source)
    second = read(tmp_path / "2026-01-06.jsonl", text, source)
    assert [row["_file_date"] for row in first] == [date(2026, 1, 5), None]
    assert first[0]["_row_id"] != second[0]["_row_id"]
    assert first[1]["_row_id"] == second[1]["_row_id"]


def held(*lines):
    columns = ("source_file", "source_line", "raw", "layout", "header")
    rows = [
        dict(zip(columns, ("gone.csv", n, line, "csv", "id,i"), strict=True)) for n, line in lines
    ]
    return pa.RecordBatch.from_pylist(rows)


def test_rejected_records_judged_again_have_places_of_their_own_over_all_batches():
    batches = [held((2, b"k,1"), (3, b"k,1")), held((4, b"k,1"), (5, b"k,many"))]
    found = reader.rejudge(batches, SOURCE, max_record_bytes=100)
    rows = [row for batch in found for row in batch.to_pylist()]
    assert [(row["id"], row["i"], row["_reasons"]) for row in rows] == [
        *[("k", 1, [])] * 3,
        ("k", None, ["not_a_whole_number:i"]),
    ]
    assert len({row["_place"] for row in rows}) == 4
    assert max(row["_place"] for row in rows) < 0, "before those of files"
    assert rows[3]["_line"] == 5


@pytest.mark.parametrize(
    ("fields", "declared", "problem"),
    [
        ((Field("a"),), {"dated_by": "at"}, "dated_by at is not a field"),
        ((Field("a", epoch="ms"),), {}, "a has an epoch but is not a timestamp"),
        ((Field("a", DOUBLE, rounded=True),), {}, "a is rounded but not a whole number"),
        ((Field("a"), Field("a")), {}, "field a is declared twice"),
    ],
)
def test_a_source_that_contradicts_itself_is_refused(fields, declared, problem):
    with pytest.raises(TableDefinitionError, match=f"source things: {problem}"):
        source_of(fields, **declared)
