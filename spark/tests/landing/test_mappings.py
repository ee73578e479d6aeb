"""Files of other shapes → records of a source, by what `sources.toml` says of them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from readers import read

from lakehouse.errors import ConfigError
from lakehouse.io.toml_lines import line_of
from lakehouse.landing import reader
from lakehouse.landing.files import Look, deliveries, unclaimed
from lakehouse.landing.mappings import parse, presets
from lakehouse.spec import DATE, LONG, TIMESTAMP, Field, Source
from lakehouse.spec.mapping import Step, steps

SOURCE = Source(
    name="events",
    doc="Events.",
    fields=(
        Field("id", optional=True),
        Field("user_id", required=True),
        Field("at", TIMESTAMP, required=True),
        Field("kind"),
        Field("took_ms", LONG, rounded=True),
        Field("day", DATE),
    ),
)
OTHER = Source(name="others", doc="Others.", fields=(Field("user_id", required=True),))
TEN = datetime(2026, 1, 5, 10, tzinfo=UTC)


def source_of(text, source=SOURCE):
    return replace(source, mappings=parse(text, "sources.toml", (SOURCE, OTHER)))


def mapping(fields="", form="", source="events", files="**"):
    return (
        f'[[mapping]]\nfiles = "{files}"\nsource = "{source}"\n{form}\n[mapping.fields]\n{fields}\n'
    )


PLAIN = 'user_id = "u"\nat = "t"\n'


def values(tmp_path, text, fields=PLAIN, form="", name="export.jsonl"):
    rows = read(tmp_path / name, text, source_of(mapping(fields, form)))
    return [tuple(row[each.name] for each in SOURCE.fields) for row in rows], rows


def one(tmp_path, take, value):
    """The moment that a value is."""
    _, rows = values(tmp_path, f'{{"u": "a", "t": {value}}}', f'user_id = "u"\nat = {take}')
    return rows[0]["at"] if not rows[0]["_reasons"] else rows[0]["_reasons"]


# ------------------------------------------------------------------------------- paths


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a", [Step("a")]),
        ("a.$b", [Step("a"), Step("$b")]),
        ('a."b.c [d]".e', [Step("a"), Step("b.c [d]"), Step("e")]),
        ("a[0].b", [Step("a"), Step(index=0), Step("b")]),
        ("a[key=x y].v", [Step("a"), Step(key="key", value="x y"), Step("v")]),
    ],
)
def test_a_path_is_names_places_and_lookups(path, expected):
    assert list(steps(path)) == expected


@pytest.mark.parametrize("path", ["", ".a", "a.", "a..b", "a[", "a[b]", "[0]", 'a."b'])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(ValueError, match="is not a valid path"):
        steps(path)


# ------------------------------------------------------------------------------- values


def test_values_come_from_anywhere_in_a_record_and_the_rest_is_kept(tmp_path):
    record = (
        '{"p": {"who": {"anon": "x7"}, "when": "2026-01-05T10:00:00Z", "more": null},'
        ' "list": [{"key": "k1", "value": {"n": 5}}, {"key": "k2", "value": {"n": 7}}], "z": [1]}'
    )
    fields = """
        id = "list[1].key"
        user_id = ["p.who.id", "p.who.anon"]
        at = "p.when"
        took_ms = "list[key=k2].value.n"
        kind = { constant = "web" }
    """
    found, (row,) = values(tmp_path, record, fields)
    assert found == [("k2", "x7", TEN, "web", 7, None)]
    assert json.loads(row["_extra"]) == {
        "z": [1],
        "list": [{"key": "k1", "value": {"n": 5}}, {"key": "k2", "value": {"n": 7}}],
        "p": {"who": {}, "more": None},
    }


@pytest.mark.parametrize(
    ("take", "value"),
    [
        ('{ from = "t", unit = "s" }', "1767607200"),
        ('{ from = "t", unit = "s" }', '"1767607200.0"'),
        ('{ from = "t", unit = "ms" }', "1767607200000"),
        ('{ from = "t", unit = "us" }', "1767607200000000"),
        ('{ from = "t", unit = "ns" }', '"1767607200000000000"'),
        ('{ from = "t", format = "%d/%b/%Y:%H:%M:%S %z" }', '"05/Jan/2026:12:00:00 +0200"'),
        ('{ from = "t", format = "%d.%m.%Y %H:%M", zone = "Europe/Paris" }', '"05.01.2026 11:00"'),
        ('{ from = "t", zone = "Europe/Paris" }', '"2026-01-05 11:00:00"'),
        ('{ from = "t", zone = "Europe/Paris" }', '"2026-01-05T10:00:00Z"'),
    ],
)
def test_a_moment_is_written_in_many_ways(tmp_path, take, value):
    assert one(tmp_path, take, value) == TEN


@pytest.mark.parametrize("value", ["1e30", '"soon"', "-5", "1767607200000"])
def test_a_number_of_no_day_of_ours_is_rejected(tmp_path, value):
    assert isinstance(one(tmp_path, '{ from = "t", unit = "s" }', value), list)


def test_a_duration_has_a_unit_too(tmp_path):
    fields = PLAIN + 'took_ms = { from = "d", unit = "s" }'
    text = "u,t,d\na,2026-01-05 10:00:00,0.8125\na,2026-01-05 10:00:00,x\n"
    found, rows = values(tmp_path, text, fields, name="export.csv")
    assert found[0][4] == 813
    assert rows[1]["_reasons"] == ["not_a_whole_number:took_ms"]


def test_values_are_renamed_cut_out_and_hashed(tmp_path):
    fields = """
        user_id = [{ from = "u", values = { guest = "" } }, { hash = ["ip", "agent"] }]
        at = "t"
        id = { from = "url", extract = "/item/([0-9]+)" }
        kind = { from = "e", values = { "Page Viewed" = "page_view" }, otherwise = "other" }
    """
    lines = [
        '{"u": "guest", "ip": "1", "agent": "x", "url": "/item/12?a", "e": "Page Viewed"}',
        '{"u": "ann", "url": "/", "e": "Clicked"}',
        '{"u": "guest", "ip": "1", "agent": "x"}',
    ]
    text = "\n".join(line.replace("{", '{"t": "2026-01-05 10:00", ', 1) for line in lines)
    found, _ = values(tmp_path, text, fields)
    (first, guest, _, kind, *_), second, third = found
    assert (first, kind, len(guest)) == ("12", "page_view", 32)
    assert second[:4] == (None, "ann", TEN, "other")
    assert (third[1], third[3]) == (guest, None)


def test_records_are_kept_and_dropped_by_their_values_and_each_is_counted(tmp_path):
    form = 'keep = { type = ["page", "track*"], u = "*" }\ndrop = { bot = true }\n'
    lines = [
        '{"u": "a", "t": "2026-01-05", "type": "page"}',
        '{"u": "a", "t": "2026-01-05", "type": "tracked", "bot": false}',
        '{"u": "a", "t": "2026-01-05", "type": "track", "bot": true}',
        '{"u": "a", "t": "2026-01-05", "type": "pages"}',
        '{"u": "", "t": "2026-01-05", "type": "page"}',
        '{"u": "a", "t": "never", "type": "identify"}',
        '{"u": "a", "t": "never", "type": "page"}',
        "no record",
    ]
    _, rows = values(tmp_path, "\n".join(lines), form=form)
    assert [row["_is_left_out"] for row in rows] == [False, False, *[True] * 4, False, False]
    assert [row["_reasons"] for row in rows[2:]] == [
        *[[]] * 4,
        ["not_a_timestamp:at"],
        ["malformed_row"],
    ]
    assert [row["_raw"] for row in rows[6:]] == [lines[6].encode(), b"no record"]


# ------------------------------------------------------------------------------- formats


@pytest.mark.parametrize(
    ("name", "form", "text"),
    [
        ("export.csv", "", "T,U\n2026-01-05 10:00,zoë\n"),
        ("export.txt", 'format = "csv"\ndelimiter = "^"', "u^t^x\nzoë^2026-01-05 10:00^,\n"),
        ("export.log", 'columns = ["t", "u"]', "2026-01-05 10:00\tzoë\n"),
        ("export.dat", 'columns = ["t", "u"]\ndelimiter = ";"', "2026-01-05 10:00;zoë\n"),
        ("export.log", "line = '(?P<u>\\S+) (?P<t>.*)'", "zoë 2026-01-05 10:00\r\n"),
        ("export.json", "", '[{"u": "zoë",\n "t": "2026-01-05 10:00"}]'),
        ("export", 'format = "json"', '{"rows": [{"u": "zoë", "t": "2026-01-05 10:00"}]}'),
        ("export.csv", "", 'u;t\n"zoë";"2026-01-05 10:00"\n'),
    ],
)
def test_text_of_many_forms_is_mapped(tmp_path, name, form, text):
    found, _ = values(tmp_path, text, form=form, name=name)
    assert [each[1:3] for each in found] == [("zoë", TEN)]


@pytest.mark.parametrize("form", ['encoding = "latin-1"', 'encoding = "utf-16-le"'])
def test_an_encoding_may_be_told(tmp_path, form):
    text = "u,t\nzoë,2026-01-05 10:00\n".encode(form.split('"')[1])
    found, _ = values(tmp_path, text, form=form, name="export.csv")
    assert found[0][1] == "zoë"


def test_a_text_of_lines_keeps_what_it_does_not_use_and_rejects_what_is_none(tmp_path):
    form = "line = '(?P<u>\\S+) (?P<t>\\S+) (?P<status>\\d+)'"
    _, rows = values(tmp_path, "a 2026-01-05 200\nb\n", form=form, name="export.log")
    assert rows[0]["_extra"] == '{"status":"200"}'
    assert (rows[1]["_reasons"], rows[1]["_line"], rows[1]["_raw"]) == (["malformed_row"], 2, b"b")


# ------------------------------------------------------------------------- what is wrong


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[[mapping]]\nfiles = \n", 2, "not valid TOML"),
        ("\n[mapping]\nfiles = 'a'\n", 2, "two brackets"),
        ("[[maping]]\n", 1, "unknown table maping"),
        ("# x\n[[mapping]]\nsource = 'events'\n", 2, "files is missing"),
        ("[[mapping]]\nfiles = 'a'\nsource = 'event'\n", 3, "did you mean events"),
        ("[[mapping]]\nfiles = 'a'\nsource = 'events'\npreset = 'segmnt'\n", 4, "mean segment"),
        (mapping(PLAIN, "delimitr = ';'"), 4, "did you mean delimiter"),
        (mapping(PLAIN, "delimiter = ';;'"), 4, "not one character"),
        (mapping(PLAIN, "encoding = 'utf-9'"), 4, "unknown encoding"),
        (mapping(PLAIN, "line = '(a'"), 4, "not a valid regular expression"),
        (mapping(PLAIN, "line = '(?P<u>a)(?=b)'"), 4, "not a valid regular expression"),
        (mapping(PLAIN, "line = '(a)'"), 4, "groups"),
        (mapping(PLAIN, "keep = { 'a..b' = 'x' }"), 4, "is not a valid path"),
        (mapping('user_id = "u"'), 5, "events requires at"),
        (mapping(PLAIN + 'kindd = "x"'), 8, "did you mean kind"),
        (mapping(PLAIN + 'kind = { frm = "x" }'), 8, "unknown key 'frm'; did you mean from"),
        (
            mapping(PLAIN + 'kind = { from = "x", unit = "s" }'),
            8,
            "neither a timestamp nor a duration",
        ),
        (mapping(PLAIN + 'day = { from = "x", unit = "h" }'), 8, "unit"),
        (mapping(PLAIN + 'day = { from = "x", zone = "Mars/X" }'), 8, "unknown time zone"),
        (
            mapping(PLAIN + 'day = [\n  "x",\n  { from = "x", constant = "y" },\n]'),
            8,
            "one of from",
        ),
        (mapping(PLAIN + 'kind = { from = "x", extract = "a" }'), 8, "one group"),
        (mapping(PLAIN + 'kind = { from = "x", otherwise = "a" }'), 8, "otherwise needs values"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text, line, words):
    with pytest.raises(ConfigError, match=words) as raised:
        source_of(text)
    assert str(raised.value).startswith(f"sources.toml:{line}: ")


def test_all_that_is_wrong_is_told_at_once():
    text = mapping('user_id = "u"', "delimiter = 'ab'") + mapping(PLAIN, source="nothing")
    with pytest.raises(ConfigError) as raised:
        source_of(text)
    assert [line.split(":")[1] for line in str(raised.value).splitlines()] == ["4", "5", "9"]


def test_a_line_is_that_where_the_statement_begins():
    text = "a = [\n 1,\n 2,\n]\n\n# note\nb = '''\n[c]\n'''\n[c]\nd = 1\n"
    assert [line_of(text, keys) for keys in [("a", 1), ("b",), ("c",), ("c", "d"), ("c", "e")]] == [
        *(1, 7, 10, 11, 10)
    ]


@pytest.mark.parametrize("name", presets())
def test_every_preset_is_a_mapping_and_may_be_overridden(name):
    from lakehouse.tables.bronze import user_interactions  # noqa: PLC0415

    text = (
        f'[[mapping]]\nfiles = "x/**"\nsource = "user_interactions"\npreset = "{name}"\n'
        '[mapping.fields]\napp_version = { constant = "9" }\n'
    )
    (found,) = parse(text, "sources.toml", (user_interactions.SOURCE,))
    takes = dict(found.fields)
    assert takes["app_version"][0].constant == "9"
    assert takes["user_id"]


# ------------------------------------------------------------------------------- files


def test_a_file_goes_where_its_mapping_says_and_nowhere_else(tmp_path):
    for path in ("in/a.log", "in/sub/b.jsonl", "events/c.jsonl", "events/d.jsonl", "x[1].csv", "y"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    text = (
        mapping(PLAIN, 'format = "json"', files="in/*")
        + mapping('user_id = "u"', source="others", files="events/c.*")
        + mapping(PLAIN, files="x[[]1].csv".replace("[[]", "["))
    )
    events, others = source_of(text), source_of(text, OTHER)
    found = {
        source.name: [each.path for each in deliveries(str(tmp_path), Look(source, "", 99), {}).new]
        for source in (events, others)
    }
    assert {name: sorted(paths) for name, paths in found.items()} == {
        "events": ["events/d.jsonl", "in/a.log", "x[1].csv"],
        "others": ["events/c.jsonl"],
    }
    both = {"events": events, "others": others}
    assert unclaimed(str(tmp_path), both) == ["in/sub/b.jsonl", "y"]


def test_another_mapping_makes_another_file_and_none_takes_it_away(tmp_path):
    (tmp_path / "events").mkdir()
    (tmp_path / "events/a.jsonl").write_text('{"u": "x"}\n')
    (tmp_path / "events/b.jsonl").write_text('{"u": "x"}\n')

    def look(text, known):
        return deliveries(str(tmp_path), Look(source_of(text), "", 99), known)

    plain = look("", {})
    mapped = look(mapping(PLAIN, files="events/a.jsonl"), plain.manifest)
    assert (mapped.corrected, [each.path for each in mapped.unchanged]) == (
        ("events/a.jsonl",),
        ["events/b.jsonl"],
    )
    assert mapped.position != plain.position
    again = look(mapping(PLAIN, files="events/a.jsonl"), mapped.manifest)
    assert (again.corrected, again.position) == ((), mapped.position)
    away = look(mapping('user_id = "u"', source="others", files="events/a.*"), mapped.manifest)
    assert (away.withdrawn, away.gone) == (("events/a.jsonl",), ())
    assert "events/a.jsonl" not in away.manifest
    (tmp_path / "events/a.jsonl").unlink()
    assert look(mapping(PLAIN, files="events/a.jsonl"), mapped.manifest).gone == ("events/a.jsonl",)


def test_mapped_files_and_others_are_read_together(tmp_path):
    (tmp_path / "events").mkdir()
    (tmp_path / "events/a.csv").write_text("user_id,at\na,2026-01-05\n")
    (tmp_path / "events/b.jsonl").write_text('{"u": "b", "t": "2026-01-05"}\n')
    (tmp_path / "events/c.log").write_text("c 2026-01-05\n")
    line = "line = '(?P<u>\\S+) (?P<t>\\S+)'"
    source = source_of(
        mapping(PLAIN, files="events/b.*") + mapping(PLAIN, form=line, files="events/*.log")
    )
    found = deliveries(str(tmp_path), Look(source, "", 999), {}).new
    batches = reader.read(reader.parts_of(found), source, max_record_bytes=999)
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert [(row["user_id"], row["_reasons"]) for row in rows] == [("a", []), ("b", []), ("c", [])]


def test_a_rejected_record_is_judged_again_by_its_mapping(tmp_path):
    form = 'drop = { u = "x" }'
    rows = read(tmp_path / "a.jsonl", '{"u": "a", "t": "soon"}\n', source_of(mapping(PLAIN, form)))
    kept = {
        "source_file": "_source_file",
        "source_line": "_line",
        "raw": "_raw",
        "layout": "_layout",
        "header": "_header",
    }
    batch = pa.RecordBatch.from_pylist(
        [{name: row[column] for name, column in kept.items()} for row in rows]
    )

    def again(text):
        judged = reader.rejudge([batch], source_of(text), max_record_bytes=999)
        return [row for each in judged for row in each.to_pylist()]

    (row,) = again(mapping('user_id = "u"\nat = { constant = "2026-01-05" }'))
    assert (row["user_id"], row["_reasons"]) == ("a", [])
    (row,) = again(mapping(PLAIN, 'drop = { u = "a" }'))
    assert row["_is_left_out"]
