"""Files as people have them → their records, whole and right, or rejected with their bytes."""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
import sys
import threading
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from readers import landed, read

from lakehouse.errors import InputQualityError
from lakehouse.landing import reader
from lakehouse.landing.reader import csv_records, inspection, stream
from lakehouse.spec import INT, Field, Source

SOURCE = Source(
    name="things",
    doc="Things.",
    fields=(Field("id", required=True), Field("n", INT), Field("note")),
    missing=(),
)


def cells(rows):
    return [(row["id"], row["n"], row["note"]) for row in rows]


def bad(rows):
    return [(row["_line"], row["_reasons"], row["_raw"]) for row in rows if row["_reasons"]]


# ------------------------------------------------------------------------------- CSV

CSV = {
    "plain": ("id,n,note\na,1,x\nb,2,y\n", [("a", 1, "x"), ("b", 2, "y")]),
    "no newline at the end": ("id,n,note\na,1,x", [("a", 1, "x")]),
    "CRLF": ("id,n,note\r\na,1,x\r\nb,2,y\r\n", [("a", 1, "x"), ("b", 2, "y")]),
    "a stray CR": ("id,n,note\na,1,x\rz\nb,2,y\n", [("a", 1, "x\rz"), ("b", 2, "y")]),
    "line break in quotes": (
        'id,n,note\na,1,"x\ny\r\nz"\nb,2,y\n',
        [("a", 1, "x\ny\r\nz"), ("b", 2, "y")],
    ),
    "pasted records in quotes": (
        'id,n,note\na,1,"look:\nb,2,forged\nc,3,forged"\nd,4,y\n',
        [("a", 1, "look:\nb,2,forged\nc,3,forged"), ("d", 4, "y")],
    ),
    "doubled quotes": ('id,n,note\na,1,"say ""hi"""\n', [("a", 1, 'say "hi"')]),
    "a backslash is no escape": (
        'id,n,note\na,1,"C:\\"\nb,2,y\n',
        [("a", 1, "C:\\"), ("b", 2, "y")],
    ),
    "backslashes before quotes": (
        'id,n,note\na,1,"say \\"hi\\", you"\nb,2,y\n',
        [("a", 1, 'say "hi", you'), ("b", 2, "y")],
    ),
    "blanks before quotes": ('id, n, note\n"a", 1, "x, y"\n', [("a", 1, "x, y")]),
    "a quote inside a bare cell": (
        'id,n,note\na,1,5" screen\nb,2,y\n',
        [("a", 1, '5" screen'), ("b", 2, "y")],
    ),
    "empty cells": ("id,n,note\na,,\n", [("a", None, None)]),
    "columns in another order": ("note,id\nx,a\n", [("a", None, "x")]),
    "delimiters at the ends of rows": (
        "id,n,note\na,1,x,\nb,2,y,\n",
        [("a", 1, "x"), ("b", 2, "y")],
    ),
    "delimiters at the ends of all lines": ("id,n,note,\na,1,x,\n", [("a", 1, "x")]),
    "semicolons": ("id;n;note\na;1;x,y\n", [("a", 1, "x,y")]),
    "tabs": ("id\tn\tnote\na\t1\tx,y\n", [("a", 1, "x,y")]),
    "bars": ("id|n|note\na|1|x,y\n", [("a", 1, "x,y")]),
    "quoted header": ('"id","n","note, free","note"\na,1,f,x\n', [("a", 1, "x")]),
    "header in another case": ("ID,N,Note\na,1,x\n", [("a", 1, "x")]),
    "blank lines": ("\n \nid,n,note\n\na,1,x\n  \t\nb,2,y\n\n", [("a", 1, "x"), ("b", 2, "y")]),
    "lines above the header": ("Export of things\nsep=;\nid;n;note\na;1;x\n", [("a", 1, "x")]),
    "header again": ("id,n,note\na,1,x\nid,n,note\nb,2,y\n", [("a", 1, "x"), ("b", 2, "y")]),
    "byte order mark": ("\ufeffid,n,note\na,1,x\n", [("a", 1, "x")]),
    "nothing but a header": ("id,n,note\n", []),
    "nothing": ("", []),
}


@pytest.mark.parametrize("chunk", [1 << 22, 5], ids=["one chunk", "small chunks"])
@pytest.mark.parametrize("case", CSV)
def test_csv_as_people_write_it(tmp_path, monkeypatch, case, chunk):
    monkeypatch.setattr(stream, "CHUNK", chunk)
    monkeypatch.setattr(stream, "HEAD", chunk)
    text, expected = CSV[case]
    rows = read(tmp_path / "things.csv", text, SOURCE)
    assert cells(rows) == expected
    assert bad(rows) == []


BROKEN = {
    "too few and too many cells": (
        "id,n,note\na,1\nb,2,y\nc,3,z,more\n",
        [("b", 2, "y")],
        [(2, b"a,1"), (4, b"c,3,z,more")],
    ),
    "a quote that is never closed": (
        'id,n,note\na,1,"x\nb,2,y\n',
        [("b", 2, "y")],
        [(2, b'a,1,"x')],
    ),
    "text after a closing quote": (
        'id,n,note\na,1,"x"y\nb,2,y\n',
        [("b", 2, "y")],
        [(2, b'a,1,"x"y')],
    ),
    "bad quoting around a line break forges no record": (
        'id,n,note\na,1,"he said "hi"\nb,2,forged\nbye"\nc,3,y\n',
        [("c", 3, "y")],
        [(2, b'a,1,"he said "hi"\nb,2,forged\nbye"')],
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_record_is_rejected_whole_and_the_others_are_taken(tmp_path, case):
    text, good, rejected = BROKEN[case]
    rows = read(tmp_path / "things.csv", text, SOURCE)
    assert cells(row for row in rows if not row["_reasons"]) == good
    assert bad(rows) == [(line, ["malformed_row"], raw) for line, raw in rejected]


TEXT = st.text(st.sampled_from('ab,;"\n\r\\ é\t'), max_size=6)
ROWS = st.lists(st.tuples(TEXT, TEXT), max_size=12)


@given(
    rows=ROWS,
    chunk=st.integers(1, 40),
    ends=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
@settings(max_examples=100, deadline=None)
def test_what_pythons_writer_writes_is_read_cell_by_cell(
    tmp_path_factory, rows, chunk, ends, quoting
):
    target = io.StringIO(newline="")
    writer = csv.writer(target, lineterminator=ends, quoting=quoting)
    writer.writerow(["id", "n", "note"])
    writer.writerows((f"k{a}k", 7, f"k{b}k") for a, b in rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "CHUNK", chunk)
        patch.setattr(stream, "HEAD", max(chunk, 4))
        path = tmp_path_factory.mktemp("csv") / "things.csv"
        found = read(path, target.getvalue(), SOURCE)
    assert cells(found) == [(f"k{a}k", 7, f"k{b}k") for a, b in rows]


@given(text=st.text(st.sampled_from('ab,"\n\r 1'), max_size=60), chunk=st.integers(1, 30))
@settings(max_examples=100, deadline=None)
def test_of_any_text_every_byte_is_in_a_record_and_chunks_do_not_matter(
    tmp_path_factory, text, chunk
):
    path = tmp_path_factory.mktemp("any") / "things.csv"
    whole = read(path, "id,n,note\n" + text, SOURCE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "CHUNK", chunk)
        patch.setattr(stream, "HEAD", max(chunk, 4))
        assert read(path, "id,n,note\n" + text, SOURCE) == whole


@given(text=st.text(st.sampled_from('ab,"\n\r 1'), max_size=60))
@settings(max_examples=500, deadline=None)
def test_the_records_of_any_text_and_the_ends_of_their_lines_are_all_of_it(text):
    data = text.encode()
    records = csv_records.split(data, ",", last=True, longest=100)
    position = 0
    for start, end in zip(records.starts.tolist(), records.ends.tolist(), strict=True):
        assert start == position
        ending = next(each for each in (b"\r\n", b"\n", b"\r", b"") if data[end:].startswith(each))
        position = end + len(ending)
    assert position == records.used == len(data)


def test_lines_may_end_as_on_an_old_mac(tmp_path):
    rows = read(tmp_path / "things.csv", "id,n,note\ra,1,x\rb,2,y\r", SOURCE)
    assert cells(rows) == [("a", 1, "x"), ("b", 2, "y")]


def test_a_header_that_is_not_utf8_tells_the_encoding_of_its_file(tmp_path):
    raw = "id,n,prénom\na,1,Zoé\n".encode("cp1252")
    (row,) = read(tmp_path / "things.csv", raw, SOURCE)
    assert (row["id"], json.loads(row["_extra"])) == ("a", {"prénom": "Zoé"})


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le", "utf-32", "utf-8-sig"])
def test_a_byte_order_mark_tells_the_encoding(tmp_path, encoding):
    text = "id,n,note\na,1,Zoé ✓\n"
    raw = text.encode(encoding)
    if encoding.endswith(("-be", "-le")):
        raw = "\ufeff".encode(encoding) + raw
    rows = read(tmp_path / "things.csv", raw, SOURCE)
    assert cells(rows) == [("a", 1, "Zoé ✓")]


# ------------------------------------------------------------------------------ JSON

A, B = {"id": "a", "n": 1, "note": 'x {[ " ]}'}, {"id": "b", "n": 2, "note": "back\\slash \\\\"}
BOTH = [("a", 1, A["note"]), ("b", 2, B["note"])]
JSON = {
    "lines": f"{json.dumps(A)}\n\n{json.dumps(B)}\n",
    "no newline at the end": f"{json.dumps(A)}\r\n{json.dumps(B)}",
    "one array": json.dumps([A, B]),
    "a pretty array": json.dumps([A, B], indent=2),
    "an array with a comma at its end": f"[\n{json.dumps(A)},\n{json.dumps(B)},\n]\n",
    "pretty objects": f"{json.dumps(A, indent=2)}\n{json.dumps(B, indent=2)}\n",
    "objects without anything between": json.dumps(A) + json.dumps(B),
    "arrays, one a line": f"[{json.dumps(A)}]\n[{json.dumps(B)}]\n",
    "pretty arrays": f"{json.dumps([A], indent=1)}\n{json.dumps([B], indent=1)}",
    "an envelope": json.dumps({"count": 2, "events": [A, B]}),
    "a pretty envelope": json.dumps({"meta": {"page": 1}, "data": [A, B]}, indent=2),
    "byte order mark": f"\ufeff{json.dumps([A, B])}",
}


@pytest.mark.parametrize("chunk", [1 << 22, 7], ids=["one chunk", "small chunks"])
@pytest.mark.parametrize("name", ["things.json", "things.jsonl", "THINGS.NDJSON"])
@pytest.mark.parametrize("case", JSON)
def test_json_as_people_write_it(tmp_path, monkeypatch, case, name, chunk):
    monkeypatch.setattr(stream, "CHUNK", chunk)
    monkeypatch.setattr(stream, "HEAD", chunk)
    rows = read(tmp_path / name, JSON[case], SOURCE)
    assert cells(rows) == BOTH
    assert bad(rows) == []


@pytest.mark.parametrize("empty", ["", "\n \n", "[]", "[\n]\n"])
def test_no_records_are_none(tmp_path, empty):
    assert read(tmp_path / "things.json", empty, SOURCE) == []


def test_a_bad_line_leaves_the_others(tmp_path):
    text = f'{{"id": "broken\n{json.dumps(A)}\n]\n{json.dumps(B)}\n'
    rows = read(tmp_path / "things.jsonl", text, SOURCE)
    assert cells(row for row in rows if not row["_reasons"]) == BOTH
    assert [line for line, _, _ in bad(rows)] == [1, 3]


def test_an_element_that_is_no_object_is_rejected_with_its_number(tmp_path):
    text = f'[{json.dumps(A)}, 17, {json.dumps(B)}, ["c"]]'
    rows = read(tmp_path / "things.json", text, SOURCE)
    assert cells(row for row in rows if not row["_reasons"]) == BOTH
    assert bad(rows) == [(2, ["malformed_row"], b"17"), (4, ["malformed_row"], b'["c"]')]


def test_an_array_that_is_cut_off_is_judged_line_by_line(tmp_path):
    text = f"[\n{json.dumps(A)}\n,{json.dumps(B)[:-3]}"
    rows = read(tmp_path / "things.json", text, SOURCE)
    assert cells(row for row in rows if not row["_reasons"]) == BOTH[:1]
    assert [line for line, _, _ in bad(rows)] == [1, 3]


VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.text(st.sampled_from('a"\\{[]},: \n'), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    extras=st.lists(VALUE, max_size=6),
    chunk=st.integers(1, 60),
    indent=st.sampled_from([None, 1]),
    is_array=st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_what_pythons_json_writes_is_read(tmp_path_factory, extras, chunk, indent, is_array):
    objects = [{"id": f"k{n}", "n": n, "more": extra} for n, extra in enumerate(extras)]
    text = (
        json.dumps(objects, indent=indent)
        if is_array
        else "\n".join(json.dumps(each, indent=indent) for each in objects)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "CHUNK", chunk)
        patch.setattr(stream, "HEAD", max(chunk, 4))
        found = read(tmp_path_factory.mktemp("json") / "things.json", text, SOURCE)
    assert cells(found) == [(f"k{n}", n, None) for n in range(len(extras))]
    assert [json.loads(row["_extra"])["more"] for row in found] == extras


# --------------------------------------------------------------------- compression, Parquet


def compressed(data: bytes, kind: str) -> bytes:
    return gzip.compress(data) if kind == "gz" else pa.compress(data, kind, asbytes=True)


@pytest.mark.parametrize("name", ["things.csv.gz", "THINGS.CSV.GZ", "things.csv.zst"])
def test_compressed_files_are_read_and_cut_ones_refused_by_name(tmp_path, name):
    kind = "gz" if name.lower().endswith("gz") else "zstd"
    data = compressed(b"id,n,note\n" + b"a,1,x\n" * 5_000, kind)
    assert len(read(tmp_path / name, data, SOURCE)) == 5_000
    with pytest.raises(InputQualityError, match=name):
        read(tmp_path / name, data[:-20], SOURCE)


def test_several_gzip_members_are_one_file(tmp_path):
    data = gzip.compress(b"id,n,note\na,1,x\n") + gzip.compress(b"b,2,y\n") + b"\0" * 512
    assert cells(read(tmp_path / "things.csv.gz", data, SOURCE)) == [("a", 1, "x"), ("b", 2, "y")]


def test_parquet_files_are_read_row_by_row(tmp_path):
    table = pa.table(
        {"id": ["a", None], "n": [1, 2], "note": ["x", "y"], "more": [{"b": [1]}, None]}
    )
    pq.write_table(table, tmp_path / "things.parquet")
    rows = read(tmp_path / "things.parquet", (tmp_path / "things.parquet").read_bytes(), SOURCE)
    assert cells(rows) == [("a", 1, "x"), (None, 2, "y")]
    assert rows[0]["_extra"] == '{"more":{"b":[1]}}'
    assert [(line, reasons) for line, reasons, _ in bad(rows)] == [(2, ["missing:id"])]
    with pytest.raises(InputQualityError, match=r"things\.parquet"):
        read(tmp_path / "things.parquet", b"PAR1", SOURCE)


# -------------------------------------------------------------------------- large, moving


def test_a_large_file_is_cut_where_records_begin(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "CHUNK", 64)
    monkeypatch.setattr(stream, "HEAD", 64)
    text = "id,n,note\n" + "".join(f'k{n},{n},"x\n{n}"\n' for n in range(200)) + "bad\n"
    path = tmp_path / "things.csv"
    whole = read(path, text, SOURCE)
    monkeypatch.setattr(inspection, "SPLIT", 500)
    parts = reader.parts_of([landed(path, SOURCE)])
    assert len(parts) > 4
    apart = [
        row
        for part in parts
        for batch in reader.read([part], SOURCE, max_record_bytes=10_000)
        for row in batch.to_pylist()
    ]
    assert apart == whole
    assert [row["_line"] for row in whole if row["_reasons"]] == [402]


def test_a_file_that_changes_while_it_is_read_is_noticed(tmp_path):
    path = tmp_path / "things.csv"
    path.write_text("id,n,note\na,1,x\nb,2,y\n")
    (part,) = reader.parts_of([landed(path, SOURCE)])
    path.write_text("id,n,note\na,1,x\n")
    with pytest.raises(InputQualityError, match="changed while it was read: 2 records"):
        list(reader.read([part], SOURCE, max_record_bytes=100))
    assert replace(part, records=1).records == 1


def test_a_record_that_no_memory_holds_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "CHUNK", 100)
    monkeypatch.setattr(inspection, "LONGEST_RECORD", 1_000)
    with pytest.raises(InputQualityError, match=r"things\.jsonl has a record of more than"):
        read(tmp_path / "things.jsonl", '{"id": "' + "x" * 5_000, SOURCE)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("things.csv", "id,n,note,more\na,1,x,y\n"),
        ("things.jsonl", json.dumps(A)),
        ("things.json", json.dumps([A, B], indent=1)),
        ("things.parquet", None),
    ],
)
def test_a_process_that_looked_into_files_can_fork_in_another_thread(tmp_path, name, text):
    """As Spark's driver does to start Java: DuckDB's connections do not outlive a fork."""
    path = tmp_path / name
    if text is None:
        pq.write_table(pa.table({"id": ["a"]}), path)
    else:
        path.write_text(text)
    looked, forked = threading.Event(), threading.Event()

    def look():
        assert landed(path, SOURCE).content.splits
        looked.set()
        forked.wait()

    looking = threading.Thread(target=look)
    looking.start()
    looked.wait()
    try:
        done = subprocess.run([sys.executable, "-c", ""], preexec_fn=lambda: None, check=False)
    finally:
        forked.set()
        looking.join()
    assert done.returncode == 0
