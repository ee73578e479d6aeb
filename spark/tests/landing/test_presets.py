"""Records in the shape of other tools' exports, own values → interactions; by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from readers import read

from lakehouse.errors import InputQualityError
from lakehouse.landing.guess import guess, pattern_of
from lakehouse.landing.mappings import parse, preset
from lakehouse.landing.preview import preview
from lakehouse.tables.bronze import feature_usage_events, user_interactions, user_metadata

SOURCE = user_interactions.SOURCE
SOURCES = (SOURCE, user_metadata.SOURCE, feature_usage_events.SOURCE)
TEN = datetime(2026, 1, 5, 10, tzinfo=UTC)
NAMES = ("interaction_id", "user_id", "timestamp", "action_type", "page_id", "app_version")


def by_preset(name, more=""):
    text = f'[[mapping]]\nfiles = "**"\nsource = "user_interactions"\npreset = "{name}"\n{more}'
    return replace(SOURCE, mappings=parse(text, "sources.toml", SOURCES))


def land(tmp_path, name, text, file="export.jsonl"):
    rows = read(tmp_path / file, text, by_preset(name), max_record_bytes=100_000)
    assert not [row["_reasons"] for row in rows if row["_reasons"]]
    return [tuple(row[each] for each in NAMES) for row in rows if not row["_is_left_out"]]


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


def test_segment(tmp_path):
    same = {"messageId": "m", "anonymousId": "an", "timestamp": "2026-01-05T10:00:00.000Z"}
    web = {"page": {"path": "/pricing"}, "app": {"version": "1.2"}}
    text = lines(
        {**same, "type": "page", "userId": None, "name": "Pricing", "context": web},
        {**same, "type": "track", "userId": "u", "event": "Order Completed"},
        {**same, "type": "identify", "userId": "u", "traits": {"plan": "pro"}},
    )
    assert land(tmp_path, "segment", text) == [
        ("m", "an", TEN, "page_view", "/pricing", "1.2"),
        ("m", "u", TEN, "Order Completed", None, None),
    ]


def test_mixpanel(tmp_path):
    same = {"time": 1767607200, "distinct_id": "d", "$insert_id": "i"}
    text = lines(
        {
            "event": "$mp_web_page_view",
            "properties": {**same, "$current_url": "https://x.io/a?b#c"},
        },
        {"event": "Bought", "properties": {**same, "$app_version_string": "7"}},
    )
    assert land(tmp_path, "mixpanel", text) == [
        ("i", "d", TEN, "page_view", "/a", None),
        ("i", "d", TEN, "Bought", None, "7"),
    ]


def test_amplitude(tmp_path):
    same = {"uuid": "u1", "device_id": "dev", "event_time": "2026-01-05 10:00:00.000000"}
    text = lines(
        {
            **same,
            "user_id": None,
            "event_type": "[Amplitude] Page Viewed",
            "event_properties": {"[Amplitude] Page Path": "/a"},
        },
        {**same, "user_id": "me", "event_type": "tap", "version_name": "3.1"},
    )
    assert land(tmp_path, "amplitude", text) == [
        ("u1", "dev", TEN, "page_view", "/a", None),
        ("u1", "me", TEN, "tap", None, "3.1"),
    ]


def test_ga4(tmp_path):
    where = {"key": "page_location", "value": {"string_value": "https://x.io/shop/?q=1"}}
    long = {"key": "engagement_time_msec", "value": {"int_value": "1200"}}
    event = {
        "event_timestamp": "1767607200000000",
        "event_name": "page_view",
        "user_pseudo_id": "1.2",
        "event_params": [long, where],
    }
    text = lines(event)
    assert land(tmp_path, "ga4", text) == [(None, "1.2", TEN, "page_view", "/shop/", None)]
    (row,) = read(tmp_path / "x.jsonl", text, by_preset("ga4"))
    assert row["duration_ms"] == 1200


@pytest.mark.parametrize("is_text", [False, True], ids=["object", "text"])
def test_posthog(tmp_path, is_text):
    properties = {"$pathname": "/a", "$app_version": "2"}
    record = {
        "uuid": "i",
        "event": "$pageview",
        "distinct_id": "d",
        "timestamp": "2026-01-05T10:00:00+00:00",
        "properties": json.dumps(properties) if is_text else properties,
    }
    assert land(tmp_path, "posthog", lines(record)) == [("i", "d", TEN, "page_view", "/a", "2")]


def snowplow(**known):
    return "\t".join(known.get(name, "") for name in preset("snowplow")["columns"]) + "\n"


def test_snowplow(tmp_path):
    same = {"event_id": "e", "domain_userid": "dom", "collector_tstamp": "2026-01-05 10:00:00.000"}
    context = '{"schema":"iglu:x","data":[{"a":"say \\"hi\\""}]}'
    text = (
        snowplow(**same, event="page_view", page_urlpath="/a", contexts=context)
        + snowplow(**same, event="page_ping")
        + snowplow(**same, event="struct", se_action="play", user_id="u")
        + snowplow(**same, event="unstruct", event_name="add_to_cart")
    )
    assert land(tmp_path, "snowplow", text, "part-0.tsv") == [
        ("e", "dom", TEN, "page_view", "/a", None),
        ("e", "u", TEN, "play", None, None),
        ("e", "dom", TEN, "add_to_cart", None, None),
    ]


LOG = (
    '1.2.3.4 - - [05/Jan/2026:12:00:00 +0200] "GET /a?x=1 HTTP/1.1" 200 5 "-" "Moz \\"q\\""\n'
    '1.2.3.4 - - [05/Jan/2026:10:00:00 +0000] "POST /b HTTP/2.0" 302 - "https://x/" "Moz \\"q\\""\n'
    '1.2.3.4 - ann [05/Jan/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "-"\n'
    '::1 - - [05/Jan/2026:10:00:00 +0000] "-" 408 0 "-" "-"\n'
)


def test_a_line_of_a_web_log_is_a_page_view_and_who_is_not_known_a_hash(tmp_path):
    first, second, third, fourth = land(tmp_path, "weblog", LOG, "access.log")
    assert first[2:5] == (TEN, "page_view", "/a")
    assert second[2:5] == (TEN, "page_view", "/b")
    assert first[1] == second[1] != fourth[1]
    assert len(first[1]) == 32, "no address"
    assert third[1:5] == ("ann", TEN, "page_view", "/")
    assert fourth[4] is None


def test_a_preset_is_overridden_field_by_field_and_condition_by_condition(tmp_path):
    more = (
        'drop = { path = ["*.css", "*.js"] }\n[mapping.fields]\npage_id = { constant = "site" }\n'
    )
    text = LOG + LOG.splitlines()[0].replace("/a?x=1", "/x/main.css") + "\n"
    rows = read(tmp_path / "access.log", text, by_preset("weblog", more))
    assert [row["_is_left_out"] for row in rows] == [False] * 4 + [True]
    assert {row["page_id"] for row in rows[:4]} == {"site"}


def test_a_preset_feeds_any_source_with_the_fields_that_it_has(tmp_path):
    text = (
        '[[mapping]]\nfiles = "**"\nsource = "user_metadata"\npreset = "segment"\n'
        'keep = { type = "identify" }\ndrop = { type = "group" }\n'
        '[mapping.fields]\njoin_date = "traits.createdAt"\nsubscription_type = "traits.plan"\n'
    )
    source = replace(user_metadata.SOURCE, mappings=parse(text, "sources.toml", SOURCES))
    record = {"type": "identify", "userId": "u", "traits": {"createdAt": "2026-01-01", "plan": "p"}}
    (row,) = read(tmp_path / "a.jsonl", lines({**record, "drop": 1}), source)
    assert (row["user_id"], str(row["join_date"]), row["subscription_type"]) == (
        *("u", "2026-01-01", "p"),
    )
    assert (row["_reasons"], row["_is_left_out"]) == ([], False), "what is dropped is overridden"


# ----------------------------------------------------------------------- dry run, guess


def test_a_preview_counts_every_record_and_names_what_nothing_reads(tmp_path):
    file = tmp_path / "a.jsonl"
    good = {"event": "x", "properties": {"time": 1767607200, "distinct_id": "d", "os": "Linux"}}
    file.write_text(lines(good, {"event": "x", "properties": {}}, {**good, "a.b": 1}))
    source = by_preset("mixpanel", 'keep = { event = "x" }\n')
    found = preview(str(file), "a.jsonl", source, max_record_bytes=9999, n=1)
    assert (found.records, found.landing, found.rejected, found.left_out) == (3, 2, 1, 0)
    assert [row["user_id"] for row in found.rows] == ["d"]
    assert [(row["line"], row["reasons"]) for row in found.rejects] == [
        (2, ["missing:user_id", "missing:timestamp"])
    ]
    assert found.unused == ["properties.os", '"a.b"']
    assert found.empty == ["interaction_id", "page_id", "app_version"]


def guessed(tmp_path, text, name="export.jsonl"):
    file = tmp_path / name
    file.write_text(text)
    found = guess(str(file), name, SOURCES)
    return found, parse(found.text, "proposal", SOURCES)[0] if not found.missing else None


@pytest.mark.parametrize(
    ("name", "file", "text"),
    [
        ("segment", "a.jsonl", '{"messageId": "m", "userId": "u", "timestamp": "2026-01-05"}'),
        ("mixpanel", "a.json", '[{"event": "e", "properties": {"time": 1, "distinct_id": "d"}}]'),
        ("weblog", "access.log", LOG),
        ("snowplow", "part", snowplow(event="page_view")),
    ],
)
def test_a_known_export_is_recognised(tmp_path, name, file, text):
    found, mapping = guessed(tmp_path, text, file)
    assert f'preset = "{name}"' in found.text
    assert mapping.governs(file)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("x.csv", "Customer ID;When;Event Name;Elapsed\nc1;05.01.2026 10:00:00;open;12\n"),
        ("x.jsonl", '{"who": {"customerId": "c1"}, "ts": 1767607200000, "eventName": "open"}\n'),
        ("x.csv", "Zeit;Benutzer;Aktion;Gerät\n05.01.2026 10:00:00;c1;open;x\n"),
        ("x", '[{"customer_id": "c1", "created": "2026-01-05T10:00:00Z", "event_name": "open"}]'),
    ],
)
def test_a_guess_goes_by_names_and_by_how_values_look(tmp_path, file, text):
    found, _ = guessed(tmp_path, text, file)
    source = replace(SOURCE, mappings=parse(found.text, "proposal", SOURCES))
    (row,) = read(tmp_path / file, text, source)
    assert (row["user_id"], row["timestamp"], row["action_type"]) == ("c1", TEN, "open")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Zeit;Benutzer;Gerät\n2026-01-05;c1;x\n", None),  # the reader detects it by the header
        ("Zeit;Benutzer;Ding\n2026-01-05;c1;Gerät\n", "cp1252"),
    ],
)
def test_a_guess_knows_how_text_is_encoded(tmp_path, text, encoding):
    file = tmp_path / "x.csv"
    file.write_bytes(text.encode("cp1252"))
    found = guess(str(file), "x.csv", SOURCES)
    (mapping,) = parse(found.text, "proposal", SOURCES)
    assert (mapping.encoding, "Gerät" in found.text) == (encoding, True)


UMLAUTS = f'{{"time": "2026-01-05T10:00:00Z", "user": "{20 * "ü"}"}}'


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.csv", "Zeit;Benutzer\n2026-01-05;\ufffd\n".encode()),  # somebody else's mistake
        (
            "x.csv",
            b"Zeit;Benutzer\n" + 19 * "2026-01-05;ü\n".encode() + b"2026-01-05;\xfc\n",
        ),
        # Of two, one is cut in a character: all its records are on one line.
        *(("x.json", f"{' ' * n}[{', '.join(10_000 * [UMLAUTS])}]".encode()) for n in range(2)),
    ],
    ids=["replacement", "a broken line", "even", "odd"],
)
def test_a_guess_takes_utf8_for_what_it_is(tmp_path, name, data):
    file = tmp_path / name
    file.write_bytes(data)
    assert "encoding" not in guess(str(file), name, SOURCES).text


def test_a_guess_lists_what_it_could_not_place(tmp_path):
    found, _ = guessed(tmp_path, 'when,who\n2026-01-05T10:00:00Z,"a\nb"\n', "x.csv")
    assert "# user_id = ...  # required\n" in found.text
    assert found.text.endswith('#   "who": "a b"\n')


def test_a_guess_finds_the_source_and_says_what_it_did_not_find(tmp_path):
    found, mapping = guessed(tmp_path, "user_id,join_date,country\nu,2026-01-01,DE\n", "x.csv")
    assert (mapping.source, found.missing) == ("user_metadata", ())
    found, _ = guessed(tmp_path, "a,b\n1,x\n", "x.csv")
    assert found.missing
    with pytest.raises(InputQualityError, match="no record found"):
        guessed(tmp_path, "", "x.csv")


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("access.log", "access.log"),
        ("events_2026-01-05.jsonl.gz", "events_*.jsonl.gz"),
        ("segment/2026/01/05/part-0001.json", "segment/**/part-*.json"),
    ],
)
def test_a_pattern_is_of_files_like_one(path, pattern):
    assert pattern_of(path) == pattern


@pytest.mark.parametrize(("n_wrong", "timestamp"), [(1, 'from = "When", unit = "ms"'), (4, None)])
def test_a_few_mistakes_do_not_hide_what_a_column_is(tmp_path, n_wrong, timestamp):
    rows = [f"u{n};{1_790_000_000_000 + n}" for n in range(20 - n_wrong)] + ["u;soon"] * n_wrong
    file = tmp_path / "export.csv"
    file.write_text("\n".join(["User;When", *rows]))
    found = guess(str(file), "export.csv", SOURCES)
    assert (timestamp is not None and timestamp in found.text) or "unit" not in found.text
    assert bool(found.missing) == (timestamp is None)
