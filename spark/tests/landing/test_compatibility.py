"""BACKWARD of any two JSON Schemas: what a later one may say, by hand, and whether that is true."""

from __future__ import annotations

import json
import random

import pytest
import test_contracts
from jsonschema import Draft202012Validator
from schema_changes import NAMES, changed_schema, random_schema, random_value

from lakehouse.errors import SchemaRefusedError
from lakehouse.landing import schema_documents
from lakehouse.landing.compatibility import incompatible
from lakehouse.landing.schema_documents import NEWEST, Document, parsed

DRAFT_7 = "http://json-schema.org/draft-07/schema#"


def obj(required=(), more=True, **properties):
    made = {"type": "object", "properties": properties, "additionalProperties": more}
    return made | ({"required": list(required)} if required else {})


def found(before, after, **options):
    """Fields with something wrong, in order and once."""
    one, other = parsed(json.dumps(before)), parsed(json.dumps(after))
    return list(dict.fromkeys(field for field, _ in incompatible(one, other, **options)))


TEXT, INTEGER, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
PAGE = obj(["id"], id=TEXT, ms=INTEGER)
CLOSED = obj(["id"], False, id=TEXT, ms=INTEGER)
COLOURS = obj(colour={"enum": ["red", "blue"]})
LINE = {"type": "object", "properties": {"next": {"$ref": "#"}, "n": INTEGER}}
CLICK = obj(["kind"], kind={"const": "click"}, x=INTEGER)
SCROLL = obj(["kind"], kind={"const": "scroll"}, depth=INTEGER)
PING = obj(["kind"], kind={"const": "ping"})

ALLOWED = {
    "nothing changes": (PAGE, PAGE),
    "words for people change": (PAGE, PAGE | {"title": "Page", "$comment": "c", "x-owner": "web"}),
    "a new optional field": (PAGE, obj(["id"], id=TEXT, ms=INTEGER, url=TEXT)),
    "a new optional field of a closed object": (
        CLOSED,
        obj(["id"], False, id=TEXT, ms=INTEGER, url=TEXT),
    ),
    "a field is required no more": (PAGE, obj(id=TEXT, ms=INTEGER)),
    "a field of an open object is removed": (PAGE, obj(["id"], id=TEXT)),
    "a closed object is opened": (CLOSED, PAGE),
    "a closed object without a field takes any": (CLOSED, obj(["id"], {}, id=TEXT)),
    "other fields may be of more types": (obj(more=INTEGER), obj(more=NUMBER)),
    "a new field is what other fields had to be": (obj(more=INTEGER), obj(more=INTEGER, n=NUMBER)),
    "an integer becomes a number": (PAGE, obj(["id"], id=TEXT, ms=NUMBER)),
    "null is allowed": (PAGE, obj(["id"], id={"type": ["string", "null"]}, ms=INTEGER)),
    "a type is forgotten": (PAGE, obj(["id"], id={}, ms=INTEGER)),
    "a value is allowed": (COLOURS, obj(colour={"enum": ["red", "green", "blue"]})),
    "values are listed no more": (COLOURS, obj(colour=TEXT)),
    "a constant becomes a list": ({"const": 1}, {"enum": [1, 2]}),
    "limits are wider": (
        {"minimum": 1, "maximum": 5, "minLength": 2, "maxItems": 3},
        {"minimum": 0, "maximum": 6, "minLength": 1, "maxItems": 4},
    ),
    "above a limit becomes from it on": ({"exclusiveMinimum": 0}, {"minimum": 0}),
    "a limit that a listed value is within": ({"enum": [1, 2]}, {"maximum": 2}),
    "a limit of another type": (TEXT, {"type": ["string", "integer"], "minimum": 0}),
    "a divisor of the step": ({"multipleOf": 10}, {"multipleOf": 2.5}),
    "integers are multiples of one": (INTEGER, {"multipleOf": 1}),
    "a pattern is dropped": (TEXT | {"pattern": "^a"}, TEXT),
    "a format is dropped": (TEXT | {"format": "date"}, TEXT),
    "one kind of items becomes two": (
        {"type": "array", "items": TEXT},
        {"type": "array", "items": {"type": ["string", "null"]}},
    ),
    "first items are told, as all were": ({"items": TEXT}, {"prefixItems": [TEXT], "items": TEXT}),
    "items may come twice": ({"uniqueItems": True}, {}),
    "a part moves to a definition": (
        PAGE,
        obj(["id"], id={"$ref": "#/$defs/id"}, ms=INTEGER) | {"$defs": {"id": TEXT}},
    ),
    "a definition is written out": ({"$ref": "#/$defs/n", "$defs": {"n": INTEGER}}, NUMBER),
    "parts are put together": ({"allOf": [TEXT, {"minLength": 2}]}, TEXT | {"minLength": 1}),
    "it is taken apart": (TEXT | {"minLength": 2}, {"allOf": [TEXT, {"minLength": 1}]}),
    "a schema of itself, wider": (
        LINE,
        {"type": "object", "properties": {"next": {"$ref": "#"}, "n": NUMBER}},
    ),
    "a way more": ({"anyOf": [TEXT, INTEGER]}, {"anyOf": [INTEGER, {"type": "null"}, TEXT]}),
    "types become ways": ({"type": ["string", "null"]}, {"oneOf": [{"type": "null"}, TEXT]}),
    "ways become types": ({"oneOf": [{"type": "null"}, TEXT]}, {"type": ["string", "null"]}),
    "a kind more, told apart by a constant": (
        {"oneOf": [CLICK, SCROLL]},
        {"oneOf": [PING, CLICK, SCROLL]},
    ),
    "a kind gets a field": (
        {"oneOf": [CLICK, PING]},
        {"oneOf": [obj(["kind"], kind={"const": "click"}, x=INTEGER, y=INTEGER), PING]},
    ),
    "fewer are asked with another": (
        {"dependentRequired": {"a": ["b", "c"]}},
        {"dependentRequired": {"a": ["b"]}},
    ),
    "what is asked anyway is asked with another": (
        {"required": ["b"]},
        {"dependentRequired": {"a": ["b"]}},
    ),
    "what cannot be judged stays": (
        {"not": {"const": 1}, "if": TEXT, "then": {"minLength": 1}, "maximum": 1},
        {"not": {"const": 1}, "if": TEXT, "then": {"minLength": 1}},
    ),
    "names of fields may be longer": (
        {"propertyNames": {"maxLength": 3}},
        {"propertyNames": {"maxLength": 4}},
    ),
    "nothing was valid": (False, TEXT),
    "everything becomes valid": (PAGE, True),
    "dependencies of draft 7": (
        {"$schema": DRAFT_7, "dependencies": {"a": ["b"], "c": {"required": ["d"]}}},
        {"$schema": DRAFT_7, "dependencies": {"a": ["b"]}},
    ),
    "draft 7 does not see what is beside a reference": (
        {"$schema": DRAFT_7, "$ref": "#/definitions/n", "definitions": {"n": INTEGER}},
        {
            "$schema": DRAFT_7,
            "$ref": "#/definitions/n",
            "maximum": 1,
            "definitions": {"n": INTEGER},
        },
    ),
}

FORBIDDEN = {
    "a new required field": (PAGE, obj(["id", "url"], id=TEXT, ms=INTEGER, url=TEXT), [""]),
    "a new required field with a default": (
        PAGE,
        obj(["id", "url"], id=TEXT, ms=INTEGER, url=TEXT | {"default": ""}),
        [""],
    ),
    "a field becomes required": (PAGE, obj(["id", "ms"], id=TEXT, ms=INTEGER), [""]),
    "a new field is forbidden": (PAGE, obj(["id"], id=TEXT, ms=INTEGER, url=False), ["url"]),
    "a new field is not what other fields had to be": (
        obj(more=INTEGER),
        obj(more=INTEGER, n=TEXT),
        ["n"],
    ),
    "an open object is closed": (PAGE, CLOSED, [""]),
    "other fields get a type": (PAGE, obj(["id"], TEXT, id=TEXT, ms=INTEGER), [""]),
    "a field of a closed object is removed": (CLOSED, obj(["id"], False, id=TEXT), [""]),
    "a removed field is not what other fields are": (CLOSED, obj(["id"], TEXT, id=TEXT), [""]),
    "a value is removed": (COLOURS, obj(colour={"enum": ["red"]}), ["colour"]),
    "values are listed": (obj(colour=TEXT), COLOURS, ["colour"]),
    "true is not one": ({"enum": [True, False]}, {"enum": [1, 0]}, [""]),
    "a number becomes an integer": (obj(n=NUMBER), obj(n=INTEGER), ["n"]),
    "a text becomes a number": (obj(n=TEXT), obj(n=NUMBER), ["n"]),
    "null is lost": ({"type": ["string", "null"]}, TEXT, [""]),
    "anything becomes a text": (obj(n={}), obj(n=TEXT), ["n"]),
    "a minimum is raised": ({"minimum": 1}, {"minimum": 2}, [""]),
    "from a limit on becomes above it": ({"minimum": 0}, {"exclusiveMinimum": 0}, [""]),
    "a maximum is added": (INTEGER, INTEGER | {"maximum": 9}, [""]),
    "texts are shorter": ({"maxLength": 9}, {"maxLength": 8}, [""]),
    "there are more items": ({"type": "array"}, {"type": "array", "minItems": 1}, [""]),
    "there are fewer fields": ({"maxProperties": 2}, {"maxProperties": 1}, [""]),
    "a step is larger": ({"multipleOf": 2}, {"multipleOf": 4}, [""]),
    "items may not come twice": ({"type": "array"}, {"uniqueItems": True}, [""]),
    "items get a type": ({"type": "array"}, {"items": TEXT}, ["[]"]),
    "a first item has another type": ({"prefixItems": [TEXT]}, {"prefixItems": [NUMBER]}, ["[0]"]),
    "a first item is added": (
        {"prefixItems": [TEXT]},
        {"prefixItems": [TEXT, TEXT]},
        ["[1]"],
    ),
    "an inner field is narrowed": (obj(a=obj(b=NUMBER)), obj(a=obj(b=INTEGER)), ["a.b"]),
    "a definition is narrowed": (
        {"$ref": "#/$defs/n", "$defs": {"n": NUMBER}},
        {"$ref": "#/$defs/n", "$defs": {"n": INTEGER}},
        [""],
    ),
    "a schema of itself is narrowed": (
        {"type": "object", "properties": {"next": {"$ref": "#"}, "n": NUMBER}},
        LINE,
        ["next.n", "n"],
    ),
    "a way is lost": ({"anyOf": [TEXT, INTEGER]}, {"anyOf": [TEXT]}, [""]),
    "a kind is lost": ({"oneOf": [CLICK, SCROLL]}, {"oneOf": [CLICK]}, [""]),
    "a kind asks for more": (
        {"oneOf": [CLICK, PING]},
        {"oneOf": [obj(["kind", "x"], kind={"const": "click"}, x=INTEGER), PING]},
        [""],
    ),
    "a field of one kind becomes one of all": (
        {"anyOf": [obj(a=TEXT), obj(b=TEXT)]},
        obj(a=INTEGER),
        ["a"],
    ),
    "a field of a condition gets another type": (
        {"if": {"required": ["b"]}, "then": {"properties": {"a": TEXT}}},
        {"properties": {"a": INTEGER}},
        ["a"],
    ),
    "a field that is told with another gets another type": (
        {"dependentSchemas": {"b": {"properties": {"a": TEXT}}}},
        {"properties": {"a": INTEGER}},
        ["a"],
    ),
    "a definition that failed in one way is not taken for good in the next": (
        NUMBER,
        {
            "anyOf": [{"$ref": "#/$defs/i"}, {"allOf": [{"$ref": "#/$defs/i"}]}],
            "$defs": {"i": INTEGER},
        },
        [""],
    ),
    "more is asked with another": ({}, {"dependentRequired": {"a": ["b"]}}, [""]),
    "another draft": ({"$schema": DRAFT_7}, {"maximum": 1}, [""]),
    "nothing is valid": (PAGE, False, [""]),
}

UNJUDGED = {
    "a pattern is another": (TEXT | {"pattern": "^a"}, TEXT | {"pattern": "^[ab]"}),
    "fields of a pattern are declared": (
        {"patternProperties": {"^n_": NUMBER}},
        {"patternProperties": {"^n_": NUMBER}, "properties": {"n_1": NUMBER}},
    ),
    "a pattern of names is added": (PAGE, PAGE | {"patternProperties": {"^x_": TEXT}}),
    "a format is added": (TEXT, TEXT | {"format": "date"}),
    "what is not allowed is less": ({"not": NUMBER}, {"not": INTEGER}),
    "a condition is added": (PAGE, PAGE | {"if": {"required": ["ms"]}, "then": {"required": []}}),
    "fewer items are asked for": (
        {"contains": TEXT, "minContains": 2},
        {"contains": TEXT, "minContains": 1},
    ),
    "ways that overlap": (
        {"oneOf": [TEXT, INTEGER]},
        {"oneOf": [TEXT, INTEGER, {"maxLength": 3}]},
    ),
    "something beside unevaluatedProperties": (
        obj(a=TEXT) | {"unevaluatedProperties": False},
        obj(a=TEXT, b=TEXT) | {"unevaluatedProperties": False},
    ),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_it_allows(name):
    assert found(*ALLOWED[name]) == []


@pytest.mark.parametrize("name", FORBIDDEN)
def test_it_forbids(name):
    before, after, fields = FORBIDDEN[name]
    assert found(before, after) == fields


@pytest.mark.parametrize("name", UNJUDGED)
def test_what_cannot_be_judged_is_not_called_compatible(name):
    assert found(*UNJUDGED[name]) != []


@pytest.mark.parametrize("name", test_contracts.ALLOWED)
def test_what_a_contract_of_ours_may_change_is_compatible(name):
    path, value = test_contracts.ALLOWED[name]
    before = test_contracts.schema_of("order")
    after = test_contracts.changed(before, path, value)
    assert list(incompatible(Document(before, NEWEST), Document(after, NEWEST))) == []


def test_a_new_field_of_an_open_object_is_the_one_thing_that_does_not_follow():
    new = obj(["id"], id=TEXT, ms=INTEGER, url=TEXT)
    assert found(PAGE, new, may_declare=False) == ["url"]
    assert found(CLOSED, obj(["id"], False, id=TEXT, ms=INTEGER, url=TEXT), may_declare=False) == []


def test_what_is_too_intricate_is_given_up():
    ways = [{"anyOf": [obj(**{f"{a}{n}": TEXT}) for n in range(6)]} for a in "abcdefgh"]
    after = {"anyOf": [{"allOf": ways, "minProperties": 1}, {"allOf": ways, "maxProperties": 3}]}
    ((field, what),) = incompatible(
        parsed(json.dumps({"allOf": ways, "type": "object"})), parsed(json.dumps(after))
    )
    assert field == ""
    assert "intricate" in what


@pytest.mark.parametrize("seed", range(4))
def test_values_that_were_valid_stay_valid_when_a_change_is_called_compatible(seed, monkeypatch):
    """The validator of another library is the judge of the judgement."""
    # They are valid as they are made, and to check that takes most of the time.
    monkeypatch.setattr(schema_documents, "_assert_valid", lambda *_: None)
    chance = random.Random(seed)
    values = [random_value(chance) for _ in range(60)]
    compatible = lost = 0
    for _ in range(250):
        before = random_schema(chance) | {"$defs": {name: random_schema(chance) for name in NAMES}}
        after = changed_schema(chance, before)
        try:
            one, other = parsed(json.dumps(before)), parsed(json.dumps(after))
        except SchemaRefusedError:
            continue
        earlier, later = Draft202012Validator(before), Draft202012Validator(after)
        broken = [v for v in values if earlier.is_valid(v) and not later.is_valid(v)]
        if next(incompatible(one, other, may_declare=False), None) is None:
            compatible += 1
            assert broken == [], (before, after)
        lost += bool(broken)
    assert compatible > 20, "the changes say something"
    assert lost > 10, "the values do"
