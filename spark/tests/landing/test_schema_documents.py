"""Which texts are JSON Schemas that can be judged, and what counts of one."""

from __future__ import annotations

import json

import pytest

from lakehouse.errors import SchemaRefusedError
from lakehouse.landing.contracts import FOLDER
from lakehouse.landing.schema_documents import DEEPEST, MOST_CHARACTERS, parsed

REFUSED = {
    "no JSON": "{",
    "nothing": "",
    "a list": "[]",
    "a text": '"string"',
    "a name twice": '{"type": "string", "type": "object"}',
    "not a number": '{"minimum": NaN}',
    "a number beyond doubles": '{"minimum": 1e999}',
    "half a character": '{"const": "\ud800"}',
    "a type that is none": '{"type": "text"}',
    "a pattern of a wrong type": '{"pattern": 1}',
    "draft 4": '{"$schema": "http://json-schema.org/draft-04/schema#"}',
    "an unknown draft": '{"$schema": "https://example.org/mine"}',
    "no name of a draft": '{"$schema": 7}',
    "words of older drafts, without saying so": '{"dependencies": {"a": ["b"]}}',
    "such words inside": '{"properties": {"a": {"additionalItems": false}}}',
    "a reference to another file": '{"$ref": "https://example.org/a.json"}',
    "a reference to an anchor": '{"$ref": "#a", "$defs": {"a": {"$anchor": "a"}}}',
    "a reference to nothing": '{"$ref": "#/$defs/a"}',
    "a reference to nothing, inside": '{"items": {"allOf": [{"$ref": "#/$defs/a"}]}}',
    "a reference to what is no schema": '{"$ref": "#/required", "required": ["a"]}',
    "a reference to an invalid schema": '{"$ref": "#/x", "x": {"type": "text"}}',
    "a reference to itself": '{"$ref": "#"}',
    "a circle": '{"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}}',
    "an inner address beside references": (
        '{"$id": "r", "$defs": {"a": {"$id": "a"}}, "items": {"$ref": "#/$defs/a"}}'
    ),
    "a reference by who asks": '{"items": {"$dynamicRef": "#node"}}',
    "deep lists": '{"const": ' + "[" * DEEPEST + "]" * DEEPEST + "}",
    "very deep lists": '{"const": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "deep schemas": '{"not": ' * DEEPEST + "{}" + "}" * DEEPEST,
    "too long": json.dumps({"description": "a" * MOST_CHARACTERS}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_refuses(name):
    with pytest.raises(SchemaRefusedError):
        parsed(REFUSED[name])


@pytest.mark.parametrize(
    "text",
    [
        "true",
        "{}",
        '{"$schema": "http://json-schema.org/draft-07/schema#", "dependencies": {"a": ["b"]}}',
        '{"$id": "https://example.org/a", "items": {"$ref": "#/$defs/a"}, "$defs": {"a": true}}',
        '{"properties": {"$ref": {"type": "string"}, "dependencies": {}}}',
        '{"properties": {"next": {"$ref": "#"}}}',
        '{"$ref": "#/$defs/a~1b%20c", "$defs": {"a/b c": {}}}',
        '{"$defs": {"a": {"$id": "a"}}}',
    ],
)
def test_it_takes(text):
    parsed(text)


def test_our_contracts_are_such_schemas():
    paths = list(FOLDER.glob("*/*.json"))
    assert paths
    for path in paths:
        parsed(path.read_text("utf-8"))


def test_words_without_a_meaning_do_not_count_and_names_are_no_words():
    text = {
        "title": "T",
        "x-owner": "web",
        "minContains": 1,
        "properties": {"title": {"type": "string", "title": "U"}, "x-owner": {"default": 1}},
        "enum": [{"title": "V"}],
    }
    assert parsed(json.dumps(text)).root == {
        "minContains": 1,
        "properties": {"title": {"type": "string"}, "x-owner": {}},
        "enum": [{"title": "V"}],
    }
    draft_7 = {"$schema": "http://json-schema.org/draft-07/schema#", "minContains": 1, "then": {}}
    assert parsed(json.dumps(draft_7)).root == {"then": {}}
