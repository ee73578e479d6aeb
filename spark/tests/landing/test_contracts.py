"""Contracts: schemas from a declaration, their files, and what a new version may not change."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator

from lakehouse.catalog.registry import registry
from lakehouse.errors import ConfigError
from lakehouse.landing import contracts
from lakehouse.landing.contract_changes import forbidden
from lakehouse.landing.contract_schemas import schemas
from lakehouse.landing.contracts import Declared, problems, write
from lakehouse.spec import BOOLEAN, INT, TIMESTAMP, Contract, EventType, Field, RowRule, Source
from lakehouse.spec.columns import decimal

SHOP = Source(
    name="shop",
    doc="A shop.",
    contract=Contract(
        version=1,
        told_by="kind",
        kinds=(
            EventType(
                name="order",
                doc="Something was ordered.",
                fields=("order_id", "amount", "state"),
                required=("order_id", "amount"),
            ),
            EventType(name="visit", doc="Somebody came.", fields=("label",), required=("label",)),
        ),
    ),
    fields=(
        Field("id", required=True),
        Field("kind", required=True),
        Field("at", TIMESTAMP),
        Field("user"),
        Field("device"),
        Field("order_id", at="body.order"),
        Field("amount", decimal(10, 2), at="body.order"),
        Field("state", at="body"),
        Field("label", at="body", also=("name",)),
        Field("count", INT, at="body"),
        Field("agreed", BOOLEAN, at="consent"),
    ),
    rules=(
        RowRule("somebodys", "coalesce(user, device) IS NOT NULL", "It is somebody's."),
        RowRule("positive", "amount > 0", "Amounts are positive."),
        RowRule("known", "state IN ('new', 'old')", "New or old."),
        RowRule("counted", "count BETWEEN 1 AND 9", "One to nine."),
        RowRule("letters", "regexp_full_match(user, '[a-z]+')", "Small letters."),
        RowRule("same", "user = device", "Both are the same."),
    ),
)
DOCS = {"id": "What it is called."}
ORDER = {
    "id": "1",
    "kind": "order",
    "user": "ann",
    "body": {"order": {"order_id": "o1", "amount": "9.90"}, "state": None, "whatever": [1]},
}
VISIT = {"id": "2", "kind": "visit", "device": "d", "body": {"name": "home", "count": 3}}


def schema_of(kind, source=SHOP):
    return schemas(source, DOCS)[f"{kind}.v1.json"]


def is_valid(record, kind=None):
    return Draft202012Validator(schema_of(kind or record["kind"])).is_valid(record)


def changed(record, path, value):
    """The record with another value; `...` takes it away."""
    made = deepcopy(record)
    *around, name = path.split(".")
    place = made
    for each in around:
        place = place[each]
    if value is ...:
        del place[name]
    else:
        place[name] = value
    return made


def test_there_is_one_schema_for_each_kind_and_all_are_schemas():
    made = schemas(SHOP, DOCS)
    assert list(made) == ["order.v1.json", "visit.v1.json"]
    for schema in made.values():
        Draft202012Validator.check_schema(schema)


def test_a_source_without_a_contract_has_none():
    assert schemas(replace(SHOP, contract=None), DOCS) == {}


def test_a_schema_is_nested_as_the_records_are():
    order = schema_of("order")
    assert order["required"] == ["body", "id", "kind"]
    assert order["properties"]["id"] == {"description": "What it is called.", "type": "string"}
    assert order["properties"]["kind"] == {"const": "order"}
    assert order["properties"]["body"]["required"] == ["order"]
    inner = order["properties"]["body"]["properties"]["order"]
    assert inner["required"] == ["amount", "order_id"]
    assert order["properties"]["consent"] == {
        "type": ["object", "null"],
        "properties": {"agreed": {"type": ["boolean", "null"]}},
        "additionalProperties": True,
    }


def test_a_kind_has_its_own_fields_and_those_of_every_record():
    of_order = schema_of("order")["properties"]["body"]["properties"]
    of_visit = schema_of("visit")["properties"]["body"]["properties"]
    assert set(of_order) == {"order", "state", "count"}
    assert set(of_visit) == {"label", "name", "count"}


def test_a_rule_that_has_no_word_in_a_schema_stands_in_the_comment():
    comment = schema_of("order")["$comment"]
    assert "Both are the same." in comment
    assert "1970-01-01" in comment
    assert "Amounts are positive." not in comment


@pytest.mark.parametrize("record", [ORDER, VISIT], ids=["order", "visit"])
def test_a_record_of_the_contract_is_valid(record):
    assert is_valid(record)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("at", "2026-01-01T10:00:00.123+01:00"),
        ("at", "2026-01-01 10:00:00"),
        ("at", None),
        ("consent", None),
        ("more", {"of": "it"}),
        ("body.state", "old"),
        ("body.order.amount", 12),
        ("body.order.more", True),
    ],
)
def test_what_is_optional_or_undeclared_may_be_told_or_not(path, value):
    assert is_valid(changed(ORDER, path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", ...),
        ("id", None),
        ("kind", "visit"),
        ("at", "yesterday"),
        ("user", None),
        ("user", "ANN"),
        ("body", ...),
        ("body.order", None),
        ("body.order.order_id", ...),
        ("body.order.amount", 0),
        ("body.order.amount", "-1"),
        ("body.state", "middling"),
        ("body.count", 10),
        ("body.count", 1.5),
        ("consent", "yes"),
    ],
)
def test_a_record_against_the_contract_is_not_valid(path, value):
    assert not is_valid(changed(ORDER, path, value))


def test_a_required_field_may_be_told_under_any_of_its_names():
    assert is_valid(VISIT)
    renamed = changed(changed(VISIT, "body.name", ...), "body.label", "home")
    assert is_valid(renamed)
    assert not is_valid(changed(VISIT, "body.name", ...))
    assert not is_valid(changed(VISIT, "body.name", None))


# Changes of a schema: (path of a keyword, value), and the field that is named.
FORBIDDEN = {
    "a field is removed": ("properties.user", ..., "user"),
    "an inner field is removed": ("properties.body.properties.order.properties.amount", ...,
                                  "body.order.amount"),
    "an object is removed": ("properties.consent", ..., "consent"),
    "a type is another": ("properties.id.type", "integer", "id"),
    "a type is lost": ("properties.body.properties.order.properties.amount.type", "string",
                       "body.order.amount"),
    "a type is won": ("properties.id.type", ["string", "integer"], "id"),
    "null is forbidden": ("properties.at.type", "string", "at"),
    "an object becomes required to be one": ("properties.consent.type", "object", "consent"),
    "a field is required": ("required", ["at", "body", "id", "kind"], ""),
    "an inner field is required": ("properties.body.required", ["order", "state"], "body"),
    "one of two is required": ("allOf", [{"anyOf": [{"required": ["user"]}]}], ""),
    "a kind has another name": ("properties.kind.const", "purchase", "kind"),
    "a value is forbidden": ("properties.body.properties.state.enum", ["new", None], "body.state"),
    "values are listed": ("properties.device.enum", ["d", None], "device"),
    "a minimum is raised": ("properties.body.properties.count.minimum", 2, "body.count"),
    "a minimum is added": ("properties.body.properties.order.properties.amount.minimum", 5,
                           "body.order.amount"),
    "a maximum is lowered": ("properties.body.properties.count.maximum", 8, "body.count"),
    "a pattern is added": ("properties.device.pattern", "^d", "device"),
    "a pattern is another": ("properties.user.pattern", "^[a-y]+$", "user"),
    "other fields are forbidden": ("additionalProperties", False, ""),
}  # fmt: skip
ALLOWED = {
    "nothing changes": ("title", "order of shop"),
    "words change": ("properties.id.description", "Its name."),
    "a field is added": ("properties.colour", {"type": ["string", "null"], "enum": ["red", None]}),
    "an object is added": (
        "properties.extra",
        {"type": ["object", "null"], "required": ["a"], "properties": {"a": {"type": "string"}}},
    ),
    "a field is required no more": ("required", ["body", "kind"]),
    "either of two is required no more": ("allOf", []),
    "null is allowed": ("properties.id.type", ["string", "null"]),
    "a value is allowed": ("properties.body.properties.state.enum", ["new", "old", "used", None]),
    "values are listed no more": ("properties.body.properties.state.enum", ...),
    "a minimum is lowered": ("properties.body.properties.count.minimum", 0),
    "a maximum is raised": ("properties.body.properties.count.maximum", 10),
    "a maximum is dropped": ("properties.body.properties.count.maximum", ...),
    "a pattern is dropped": ("properties.user.pattern", ...),
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_version_may_not(name):
    path, value, field = FORBIDDEN[name]
    before = schema_of("order")
    found = list(forbidden(before, changed(before, path, value)))
    assert [where for where, _ in found] == [field]


@pytest.mark.parametrize("name", ALLOWED)
def test_a_version_may(name):
    path, value = ALLOWED[name]
    before = schema_of("order")
    after = changed(before, path, value)
    assert list(forbidden(before, after)) == []
    assert Draft202012Validator(after).is_valid(ORDER), "of the version before"


def test_a_limit_may_become_looser_by_one():
    before = schema_of("order")
    path = "properties.body.properties.order.properties.amount"
    looser = changed(changed(before, f"{path}.exclusiveMinimum", ...), f"{path}.minimum", 0)
    assert list(forbidden(before, looser)) == []
    assert [field for field, _ in forbidden(looser, before)] == ["body.order.amount"]


def declared(source=SHOP, docs=DOCS):
    return [Declared(source.name, source.contract.version, schemas(source, docs))]


def shop(version=1, kinds=SHOP.contract.kinds, **more):
    """Another declaration of the shop."""
    contract = replace(SHOP.contract, version=version, kinds=kinds)
    return declared(replace(SHOP, contract=contract, **more))


@pytest.fixture
def folder(tmp_path):
    """Where version 1 is written."""
    write(declared(), tmp_path)
    return tmp_path


def found(wanted, folder):
    return [(each.file, each.field) for each in problems(wanted, folder)]


def test_what_is_written_has_no_problem_and_is_written_once(folder):
    assert problems(declared(), folder) == []
    assert sorted(path.name for path in (folder / "shop").iterdir()) == [
        "order.v1.json",
        "visit.v1.json",
    ]
    assert write(declared(), folder) == []


def test_files_that_nobody_wrote_are_missing(tmp_path):
    assert found(declared(), tmp_path) == [("shop/order.v1.json", ""), ("shop/visit.v1.json", "")]
    assert "contracts write" in problems(declared(), tmp_path)[0].what


MORE = (*SHOP.fields, Field("colour"))


def test_a_changed_declaration_without_a_new_version_is_found_and_not_written(folder):
    wanted = shop(fields=MORE)
    (first, *_) = problems(wanted, folder)
    assert (first.file, first.field) == ("shop/order.v1.json", "colour")
    assert "raise the version" in first.what
    with pytest.raises(ConfigError) as caught:
        write(wanted, folder)
    assert caught.value.details == {"source": "shop", "version": 1}
    assert found(declared(), folder) == []


def test_an_added_kind_is_a_change_too(folder):
    wanted = shop(kinds=(*SHOP.contract.kinds, EventType(name="leave", doc="Somebody left.")))
    assert found(wanted, folder) == [("shop/leave.v1.json", "")]
    with pytest.raises(ConfigError):
        write(wanted, folder)


def test_other_words_are_written_without_a_new_version(folder):
    wanted = declared(docs={"id": "Its name."})
    assert found(wanted, folder) == [("shop/order.v1.json", "id"), ("shop/visit.v1.json", "id")]
    assert "version" not in problems(wanted, folder)[0].what
    assert write(wanted, folder) == ["shop/order.v1.json", "shop/visit.v1.json"]
    assert problems(wanted, folder) == []


def test_a_new_version_with_more_fields_and_kinds_stands_beside_the_old_one(folder):
    wanted = shop(2, (*SHOP.contract.kinds, EventType(name="leave", doc="Left.")), fields=MORE)
    assert {name for name, _ in found(wanted, folder)} == {
        f"shop/{kind}.v2.json" for kind in ("leave", "order", "visit")
    }
    write(wanted, folder)
    assert problems(wanted, folder) == []
    newest = json.loads((folder / "shop" / "order.v2.json").read_text("utf-8"))
    assert Draft202012Validator(newest).is_valid(ORDER)


def test_a_version_without_a_kind_is_found(folder):
    wanted = shop(2, SHOP.contract.kinds[:1])
    write(wanted, folder)
    assert found(wanted, folder) == [("shop/visit.v2.json", "")]


def test_a_version_without_a_field_is_found(folder):
    wanted = shop(2, fields=tuple(each for each in SHOP.fields if each.name != "at"))
    write(wanted, folder)
    assert found(wanted, folder) == [("shop/order.v2.json", "at"), ("shop/visit.v2.json", "at")]


def test_a_version_that_requires_more_is_found(folder):
    order, visit = SHOP.contract.kinds
    wanted = shop(2, (replace(order, required=(*order.required, "state")), visit))
    write(wanted, folder)
    assert ("shop/order.v2.json", "body") in found(wanted, folder)


def test_each_version_is_compared_with_the_one_before(folder):
    write(shop(2, fields=MORE), folder)
    wanted = shop(3)
    write(wanted, folder)
    assert found(wanted, folder) == [
        ("shop/order.v3.json", "colour"),
        ("shop/visit.v3.json", "colour"),
    ]


def test_a_declaration_older_than_the_files_is_found(folder):
    write(shop(2, fields=MORE), folder)
    (only,) = problems(declared(), folder)
    assert only.file == "shop/order.v2.json"
    assert "raise it" in only.what


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("order.v1.json", "{"),
        ("order.v1.json", '{"type": "thing"}'),
        ("order.v1.json", "[]"),
        ("order.v1.json", b"\xff"),
        ("notes.json", "{}"),
    ],
    ids=["not JSON", "no schema", "no object", "no text", "no version"],
)
def test_a_file_that_is_no_schema_is_found(name, content, folder):
    path = folder / "shop" / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert (f"shop/{name}", "") in found(declared(), folder)


def test_the_files_in_the_repository_are_those_of_the_declarations():
    wanted = contracts.declared(entry.table for entry in registry())
    assert wanted
    assert problems(wanted, contracts.FOLDER) == []
