"""What a replay of rejected records would change, without doing it."""

from __future__ import annotations

from lakehouse.landing.rehearsal import rehearse
from lakehouse.spec import INT, Field, RowRule, Source

SOURCE = Source(name="things", doc="Things.", fields=(Field("id", required=True), Field("n", INT)))
STRICT = Source(
    name="things",
    doc="Things.",
    fields=SOURCE.fields,
    rules=(RowRule("n_is_small", "n < 5", "Small."),),
)


def held(path, raw, line=1, layout="lines", header=None):
    return {
        "source_file": path,
        "source_line": line,
        "raw": raw.encode(),
        "layout": layout,
        "header": header,
    }


def rows(rejected, source, tmp_path):
    changes = rehearse(rejected, source, str(tmp_path), max_record_bytes=1000)
    return [(c.source_file, c.from_, c.before, c.after, c.reasons) for c in changes]


def test_records_of_files_that_are_gone_are_judged_by_the_rules_of_today(tmp_path):
    rejected = [
        held("things/1.jsonl", '{"id": "a", "n": 9}'),
        held("things/1.jsonl", '{"id": "b"', 2),
        held("things/2.csv", "c,7", 2, "csv", "id,n"),
    ]
    assert rows(rejected, SOURCE, tmp_path) == [
        ("things/1.jsonl", "quarantine", 2, 1, {"malformed_row": 1}),
        ("things/2.csv", "quarantine", 1, 0, {}),
    ]
    assert rows(rejected, STRICT, tmp_path) == [
        ("things/1.jsonl", "quarantine", 2, 2, {"n_is_small": 1, "malformed_row": 1}),
        ("things/2.csv", "quarantine", 1, 1, {"n_is_small": 1}),
    ]


def test_a_file_that_is_still_there_is_read_as_it_is_now(tmp_path):
    (tmp_path / "things").mkdir()
    (tmp_path / "things/1.jsonl").write_text('{"id": "mended"}\n{"n": 1}\n{"n": 2}\n')
    rejected = [held("things/1.jsonl", '{"id": broken')]
    assert rows(rejected, SOURCE, tmp_path) == [("things/1.jsonl", "file", 1, 2, {"missing:id": 2})]
    (change,) = rehearse(rejected, SOURCE, str(tmp_path), max_record_bytes=1000)
    assert change.row["would_leave"] == 0
    assert change.row["reasons_then"] == "missing:id (2)"


def test_of_an_empty_quarantine_nothing_is_told(tmp_path):
    assert rows([], SOURCE, tmp_path) == []
