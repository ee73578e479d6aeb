"""Fields that stand inside objects of a JSON record."""

from __future__ import annotations

import json

import pytest
from readers import read

from lakehouse.errors import TableDefinitionError
from lakehouse.landing.reader import json_format
from lakehouse.spec import INT, Contract, EventType, Field, Source

SOURCE = Source(
    name="events",
    doc="Events.",
    fields=(
        Field("id", required=True),
        Field("page", at="properties"),
        Field("step", at="properties", also=("form_step",)),
        Field("order_id", INT, at="properties.transaction"),
        Field("ip", at="context"),
        Field("a.b"),
    ),
)


def told(tmp_path, *records):
    lines = [json.dumps(each) if isinstance(each, dict) else each for each in records]
    return read(tmp_path / "events.jsonl", "\n".join(lines), SOURCE)


def test_values_are_taken_from_where_their_fields_stand(tmp_path):
    (row,) = told(
        tmp_path,
        {
            "id": "1",
            "properties": {"page": "/", "form_step": "x", "transaction": {"order_id": 7}},
            "context": {"ip": "::1"},
        },
    )
    assert [row[n] for n in ("id", "page", "step", "order_id", "ip")] == ["1", "/", "x", 7, "::1"]
    assert row["_extra"] is None
    assert row["_reasons"] == []


def test_what_nobody_declared_is_kept_where_it_stood(tmp_path):
    (row,) = told(
        tmp_path,
        {
            "id": "1",
            "more": 1,
            "properties": {"page": "/", "note": 'a "context":{}, b', "transaction": {"n": 2}},
            "context": {"ip": "x"},
        },
    )
    assert json.loads(row["_extra"]) == {
        "more": 1,
        "properties": {"note": 'a "context":{}, b', "transaction": {"n": 2}},
    }


@pytest.mark.parametrize(
    "extra",
    [
        {"more": 1},
        {"properties": {"note": "x"}},
        {"properties": {"note": None}},
        {"properties": {"transaction": {"n": 2}}},
        {"context": {"IP": "y"}},
    ],
)
def test_what_nobody_declared_is_kept_if_it_is_all_there_is(tmp_path, extra):
    (row,) = told(tmp_path, {"id": "1", **extra})
    assert (json.loads(row["_extra"]), row["_reasons"]) == (extra, [])


@pytest.mark.parametrize(
    "around", [{}, {"properties": None}, {"properties": {}}, {"properties": {"transaction": None}}]
)
def test_an_object_that_is_not_there_has_no_values(tmp_path, around):
    (row,) = told(tmp_path, {"id": "1", **around})
    assert (row["page"], row["order_id"], row["_extra"], row["_reasons"]) == (None, None, None, [])


@pytest.mark.parametrize(
    ("around", "reason"),
    [
        ({"properties": "text"}, "not_an_object:properties"),
        ({"properties": [1]}, "not_an_object:properties"),
        ({"properties": {"transaction": 3}}, "not_an_object:properties.transaction"),
        ({"context": 0}, "not_an_object:context"),
    ],
)
def test_a_value_in_place_of_an_object_is_refused_by_name(tmp_path, around, reason):
    (row,) = told(tmp_path, {"id": "1", **around})
    assert row["_reasons"] == [reason]


def test_a_name_with_a_dot_is_one_name(tmp_path):
    (row,) = told(tmp_path, {"id": "1", "a.b": "x", "a": {"b": "y"}})
    assert row["a.b"] == "x"
    assert json.loads(row["_extra"]) == {"a": {"b": "y"}}


def test_a_record_that_is_no_object_tells_nothing_and_is_not_asked_for_twice(tmp_path, monkeypatch):
    asked = []
    ask = json_format.ask

    def counting(rows, query):
        asked.append(len(rows))
        return ask(rows, query)

    monkeypatch.setattr(json_format, "ask", counting)
    broken, fine = told(tmp_path, '{"id": broken', {"id": "1"})
    assert (broken["_extra"], broken["_reasons"]) == (None, ["malformed_row"])
    assert fine["_reasons"] == []
    assert sum(asked) == 2


def test_the_same_record_with_its_keys_in_another_order_is_the_same_row(tmp_path):
    first, second = told(
        tmp_path,
        '{"id": "1", "properties": {"page": "/", "step": "s"}}',
        '{"properties": {"step": "s", "page": "/"}, "id": "1"}',
    )
    assert first["_row_id"] == second["_row_id"]


def test_a_contract_says_which_kinds_there_are_and_what_they_must_tell(tmp_path):
    contract = Contract(
        version=1,
        told_by="kind",
        kinds=(
            EventType(name="view", doc="A view."),
            EventType(name="order", doc="An order.", fields=("n",), required=("n",)),
        ),
    )
    fields = (Field("kind", required=True), Field("n", INT, at="p"))
    source = Source(name="s", doc="d", fields=fields, contract=contract, rules=contract.rules())
    given = [{"kind": "view"}, {"kind": "order"}, {"kind": "order", "p": {"n": 1}}, {"kind": "x"}]
    rows = read(tmp_path / "s.jsonl", "\n".join(map(json.dumps, given)), source)
    assert [row["_reasons"] for row in rows] == [[], ["missing:n"], [], ["unknown:kind"]]


def test_a_contract_names_fields_that_there_are():
    kind = EventType(name="order", doc="An order.", fields=("n",), required=("m",))
    with pytest.raises(TableDefinitionError) as refused:
        Source(
            name="s",
            doc="d",
            fields=(Field("kind"), Field("x", optional=True, at="p")),
            contract=Contract(version=1, told_by="kind", kinds=(kind,)),
        )
    assert "contract names n, which is not a field" in str(refused.value)
    assert "order requires m, which is not of it" in str(refused.value)
    assert "x is optional" in str(refused.value)
